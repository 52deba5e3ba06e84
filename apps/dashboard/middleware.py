"""The short way out for pages that are left open and ask whether anything has changed."""

from collections.abc import Callable, Hashable
from typing import TypeVar

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils import timezone
from django.utils.http import parse_etags

from apps.accounts.standing import Standing, standing
from apps.catalog.snapshot import snapshot
from apps.core.htmx import etag_of
from apps.dashboard.board import is_stale
from apps.scorecards import queries
from apps.scorecards.kept import Kept
from apps.scorecards.windows import MINUTE, floor

Answer = TypeVar("Answer", bound=HttpResponse)
OF_FIGURES = "of_figures"
# What besides the address decides between a page and its part.
HTMX = ("HX-Request", "HX-Boosted", "HX-History-Restore-Request")

# Versions of what was answered lately, by a digest of all that the answer depended on.
_versions: Kept[str] = Kept(4_000)


def of_figures(response: Answer) -> Answer:
    """Declare an answer to depend on its address, the state of the figures, the minute, the
    catalogue and its reader's access, and on nothing else."""
    setattr(response, OF_FIGURES, True)
    return response


def unchanged_door(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Answer 304 before sessions, people and permissions are loaded, where all of them, the figures
    and the version the page knows are those of an answer given before. Two hundred boards that ask
    each second would otherwise keep a core busy with looking up who they are.
    """

    def door(request: HttpRequest) -> HttpResponse:
        found = standing(request) if asks_again(request) else None
        if found is None:
            return get_response(request)
        name = _name(request, found)
        known = _versions.get(name)
        if known and known in parse_etags(request.headers["If-None-Match"]):
            return _unchanged(known, found)
        response = get_response(request)
        if getattr(response, OF_FIGURES, False):
            _versions.put(name, response.headers["ETag"])
        return response

    return door


def asks_again(request: HttpRequest) -> bool:
    """Whether a page asks by itself, and knows what it shows."""
    has = request.headers
    return request.method == "GET" and "X-Poll" in has and "If-None-Match" in has


def _name(request: HttpRequest, found: Standing) -> Hashable:
    """Read before the answer is made, so that an answer is never older than its name."""
    now, state = timezone.now(), queries.state()
    known = (state.name, is_stale(state, now), floor(now, MINUTE), snapshot().version)
    asked = (request.scheme, request.get_host(), request.get_full_path())
    kind = tuple(request.headers.get(name) for name in HTMX)
    return etag_of(repr((known, asked, kind, found.access)).encode())


def _unchanged(version: str, found: Standing) -> HttpResponse:
    left = str(found.seconds_left(timezone.now()))
    return HttpResponseNotModified(
        headers={"ETag": version, "X-Session-Ends": left, "Cache-Control": "no-store",
                 "Vary": "HX-Request, Cookie"}
    )  # fmt: skip
