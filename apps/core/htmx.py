"""The one htmx switch, answers that may be "unchanged", and where an ended session leads."""

from hashlib import blake2b
from typing import Any
from urllib.parse import urlsplit

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.shortcuts import render, resolve_url
from django.utils.cache import patch_vary_headers
from django.utils.http import parse_etags
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails


def render_page(
    request: HttpRequest, page: str, partial: str, context: dict[str, Any]
) -> HttpResponse:
    """Render `partial` for an htmx swap, and `page` (which includes it) for everything else.

    A request that restores history replaces the whole body, so it needs the page.
    """
    response = render(request, partial if wants_partial(request) else page, context)
    patch_vary_headers(response, ["HX-Request"])
    return response


def wants_partial(request: HttpRequest) -> bool:
    htmx: HtmxDetails = getattr(request, "htmx")  # noqa: B009  set by HtmxMiddleware
    return bool(htmx) and not (htmx.boosted or htmx.history_restore_request)


def etag_of(content: bytes) -> str:
    """Weak, because compression changes the bytes and not what they say."""
    return f'W/"{blake2b(content, digest_size=12).hexdigest()}"'


def unless_unchanged(
    request: HttpRequest, response: HttpResponse, etag: str | None = None
) -> HttpResponse:
    """The response with its ETag, or 304 when the page shows exactly this already."""
    etag = etag or etag_of(response.content)
    if etag in parse_etags(request.headers.get("If-None-Match", "")):
        response = HttpResponseNotModified(headers={"Vary": response.headers.get("Vary", "")})
    response.headers["ETag"] = etag
    return response


class SignInRequiredMiddleware(LoginRequiredMiddleware):
    """Sends a page to sign in; a swap cannot follow a redirect, so htmx is told to leave."""

    def handle_no_permission(self, request: HttpRequest, view_func: Any) -> HttpResponse:  # type: ignore[override]
        if not getattr(request, "htmx", False):
            response: HttpResponse = super().handle_no_permission(request, view_func)
            return response
        target = redirect_to_login(_page_of(request), resolve_url(self.get_login_url(view_func)))
        response = HttpResponseClientRedirect(target.url)
        response.status_code = 401
        return response


def _page_of(request: HttpRequest) -> str:
    """The page that htmx says it is on, without its host; anything else is the first page."""
    try:
        page = urlsplit(request.headers.get("HX-Current-URL", ""))
    except ValueError:
        return "/"
    return (f"{page.path}?{page.query}" if page.query else page.path) or "/"
