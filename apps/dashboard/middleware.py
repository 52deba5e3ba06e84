"""The short way out for pages that are left open and ask whether anything has changed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils import timezone
from django.utils.http import parse_etags

from apps.accounts.standing import Standing, standing
from apps.catalog.snapshot import snapshot
from apps.core.htmx import etag_of
from apps.core.kept import Kept
from apps.dashboard.board import is_stale
from apps.scorecards import queries
from apps.scorecards.windows import MINUTE, floor

FACILITIES = "of_figures_of"
# What besides the address decides how an answer looks: page or part, packed or not.
KINDS = ("HX-Request", "HX-Boosted", "HX-History-Restore-Request", "Accept-Encoding")
ENDS = "X-Session-Ends"


@dataclass(frozen=True, slots=True)
class Answered:
    """What readers of the same facilities were answered; no body where all knew it already."""

    version: str
    body: bytes
    headers: Mapping[str, str]


# A digest of the facilities by one of address and access, and answers by one of address, facilities
# and the state of the figures: a hundred bytes, and some twenty kilobytes, each.
_facilities: Kept[str] = Kept(4_000)
_answers: Kept[Answered] = Kept(64)


def of_figures(response: HttpResponse, facilities: tuple[int, ...]) -> HttpResponse:
    """Declare an answer to depend on its address, the state of the figures, the minute, the
    catalogue and its reader's facilities, and on nothing else."""
    setattr(response, FACILITIES, facilities)
    return response


def unchanged_door(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Answer a page that asks again before sessions, people and permissions are loaded, where this
    access has been let in to this address before and somebody of the same facilities was answered
    in the same state of the figures. Two hundred open boards would otherwise keep two cores busy
    with looking up who they are.
    """

    def door(request: HttpRequest) -> HttpResponse:
        found = standing(request) if asks_again(request) else None
        if found is None:
            return get_response(request)
        poll = Poll(request, found)
        return poll.short_answer() or poll.keep(get_response(request))

    return door


def asks_again(request: HttpRequest) -> bool:
    """Whether a page asks by itself, and knows what it shows."""
    has = request.headers
    return request.method == "GET" and "X-Poll" in has and "If-None-Match" in has


class Poll:
    """What is asked, by whom and of which state; read before the answer is made, so that an answer
    is never older than the name it is kept under."""

    def __init__(self, request: HttpRequest, found: Standing) -> None:
        now, state, version = timezone.now(), queries.state(), snapshot().version
        kind = tuple(request.headers.get(name) for name in KINDS)
        asked = (request.scheme, request.get_host(), request.get_full_path(), kind, version)
        self.standing = found
        self.known = parse_etags(request.headers["If-None-Match"])
        self.reader = _digest(asked, found.access)
        self.moment = (asked, state.name, is_stale(state, now), floor(now, MINUTE))

    def short_answer(self) -> HttpResponse | None:
        facilities = _facilities.get(self.reader)
        found = None if facilities is None else _answers.get(self._name(facilities))
        if found is None:
            return None
        if found.version in self.known:
            return self._signed(HttpResponseNotModified(headers=unchanged(found.headers)))
        return self._signed(HttpResponse(found.body, headers=found.headers)) if found.body else None

    def keep(self, response: HttpResponse) -> HttpResponse:
        """Keep what everybody of the same facilities would be answered."""
        facilities = getattr(response, FACILITIES, None)
        if facilities is not None and not response.cookies:
            name = self._name(_facilities.put(self.reader, _digest(facilities)))
            if response.content or _answers.get(name) is None:
                headers = {key: text for key, text in response.items() if key != ENDS}
                _answers.put(name, Answered(headers["ETag"], response.content, headers))
        return response

    def _name(self, facilities: str) -> str:
        return _digest(self.moment, facilities)

    def _signed(self, response: HttpResponse) -> HttpResponse:
        response.headers[ENDS] = str(self.standing.seconds_left(timezone.now()))
        return response


def unchanged(headers: Mapping[str, str]) -> dict[str, str]:
    """Of an answer, what goes with a 304."""
    return {name: headers[name] for name in ("ETag", "Vary", "Cache-Control") if name in headers}


def _digest(*parts: Any) -> str:
    return etag_of(repr(parts).encode())
