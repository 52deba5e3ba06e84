"""The short way in for machines."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from apps.telemetry.views.events import PATH, post_events


def ingest_door(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Answer the ingest endpoint before sessions, CSRF and CSP, which a source has no use for.

    They would cost more than reading and storing a small request does. It stands behind
    SecurityMiddleware, so TLS and its headers hold here as everywhere.
    """

    def door(request: HttpRequest) -> HttpResponse:
        return post_events(request) if request.path_info == PATH else get_response(request)

    return door
