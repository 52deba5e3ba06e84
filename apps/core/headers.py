"""Response headers that hold for every page and that Django has no setting for."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse


def headers_middleware(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Nobody else may embed our answers, and none is kept on a shared workstation's disk."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return middleware
