"""Search by number: the number comes in a POST and stays out of every address.

One transaction leads straight to it; anything else to /search/TOKEN/, which runs the search again
for whom the token was made, within what they may see by then.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts.access import needs
from apps.core.htmx import render_page
from apps.dashboard import listing
from apps.dashboard.forms import SearchForm
from apps.dashboard.places import CellLink, cells_named
from apps.dashboard.scope import Scope, scope_of
from apps.telemetry.access import person
from apps.telemetry.search import Found, find
from apps.telemetry.services import searches

PAGE, PART = "dashboard/search.html", "dashboard/_search_page.html"


@dataclass(frozen=True, slots=True)
class Answer:
    """What a text led to: transactions by their numbers, cells by their names."""

    found: Found
    cells: Sequence[CellLink]

    @property
    def only(self) -> str:
        """Where the one thing that was found is shown; nothing when it is not one."""
        if len(self.found.hits) == 1 and not self.cells:
            return reverse("dashboard:transaction", args=[self.found.hits[0].transaction.pk])
        if len(self.cells) == 1 and not self.found.hits:
            return self.cells[0].address
        return ""


@require_http_methods(["GET", "HEAD", "POST"])
@needs("accounts.view_transactions")
def search(request: HttpRequest) -> HttpResponse:
    """The box with what was searched lately; a POST searches."""
    if request.method != "POST":
        return _page(request, {"form": SearchForm()})
    form = SearchForm(request.POST)
    if not form.is_valid():
        return _page(request, {"form": form}, status=422)
    return _searched(request, form.cleaned_data["q"])


@require_safe
@needs("accounts.view_transactions")
def search_again(request: HttpRequest, token: str) -> HttpResponse:
    """What a search led to, as it is now. Somebody else's token is none."""
    text = searches.text_of(person(request), token)
    if text is None:
        raise Http404
    scope = scope_of(request)
    answer = _answer(text, scope)
    if answer.only:
        return redirect(answer.only)
    return _page(request, {"form": SearchForm(), "answer": answer, "rows": _rows(answer, scope)})


@require_POST
@needs("accounts.view_transactions")
def clear_searches(request: HttpRequest) -> HttpResponse:
    """Forget what was searched lately."""
    searches.clear(person(request))
    return redirect("dashboard:search")


def _searched(request: HttpRequest, text: str) -> HttpResponse:
    user = person(request)
    try:
        token = searches.begin(user, text)
    except searches.TooMany:
        response = _page(request, {"form": SearchForm(), "too_many": True}, status=429)
        response.headers["Retry-After"] = "60"
        return response
    answer = _answer(text, scope_of(request))
    ways = [*answer.found.ways, *(["cell"] if answer.cells else [])]
    searches.note(user, token, ways=ways, hits=len(answer.found.hits) + len(answer.cells))
    return redirect(answer.only or reverse("dashboard:search-again", args=[token]))


def _answer(text: str, scope: Scope) -> Answer:
    workflows = [line.id for line in scope.catalogue.document.workflows]
    found = find(text, facilities=scope.ids, workflows=workflows)
    return Answer(found, cells_named(text, scope))


def _rows(answer: Answer, scope: Scope) -> list[listing.HitRow]:
    return listing.hit_rows(answer.found.hits, catalogue=scope.catalogue, now=timezone.now())


def _page(request: HttpRequest, told: dict[str, Any], status: int = 200) -> HttpResponse:
    context = {
        "recent": listing.recent_rows(searches.recent(person(request))),
        "scope": scope_of(request),
        "kept_hours": searches.KEPT_HOURS,
    }
    response = render_page(request, PAGE, PART, context | told)
    response.status_code = status
    return response
