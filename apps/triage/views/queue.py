"""The queue of exceptions: what to work next, by any question people ask of it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_POST, require_safe

from apps.accounts.access import Denied, needs
from apps.core.htmx import render_page, unless_unchanged, wants_partial
from apps.telemetry.access import person
from apps.telemetry.services import searches
from apps.triage import facets, queue, seen_storms, standing, summary
from apps.triage.filters import FILTERS, NONE
from apps.triage.groups import GROUPINGS, grouped, rest_of
from apps.triage.lines import line
from apps.triage.questions import COLUMNS, Question, read
from apps.triage.queue import PAGE, Mark, Way
from apps.triage.reader import Reader, reader
from apps.triage.services.bulk import last_of

SEES, SEES_CASES = "accounts.view_transactions", "accounts.view_cases"
# Whoever was still being written when the page was read counts as new, too.
OVERLAP = timedelta(seconds=2)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@require_safe
@needs(SEES)
def index(request: HttpRequest) -> HttpResponse:
    """The queue; a swap gets it without the frame, and the views beside it."""
    who = reader_of(request)
    views, asked = asked_of(request, who)
    context = {
        "reader": who,
        "question": asked,
        "view": asked.view,
        "chips": asked.chips(who),
        "totals": _totals(request, who, asked),
        "groupings": GROUPINGS,
        "filters": facets.MENUS,
        "all_columns": COLUMNS,
        "headings": headings(views, standing.known_counts(who, views)),
        "last_bulk": last_of(who),
        **(_groups(who, asked) if asked.group else _page(request, who, asked)),
    }
    return render_page(request, "triage/queue.html", "triage/_queue.html", context)


@require_safe
@needs(SEES)
def counts(request: HttpRequest) -> HttpResponse:
    """The views with their figures, for the page that asks again each minute."""
    if not wants_partial(request):
        return index(request)
    who = reader_of(request)
    views, asked = asked_of(request, who)
    told = {"headings": headings(views, standing.counted(who, views)), "view": asked.view}
    response = unless_unchanged(request, render(request, "triage/_views.html", told))
    patch_vary_headers(response, ["HX-Request"])
    return response


@require_safe
@needs(SEES)
def totals(request: HttpRequest) -> HttpResponse:
    """The headline, for a page whose rows did not wait for it."""
    if not wants_partial(request):
        return index(request)
    who = reader_of(request)
    _, asked = asked_of(request, who)
    context = {"question": asked, "totals": summary.totals(who, asked.asked)}
    response = render(request, "triage/_totals.html", context)
    patch_vary_headers(response, ["HX-Request"])
    return response


@require_safe
@needs(SEES)
def menu(request: HttpRequest, name: str) -> HttpResponse:
    """What one filter may be set to, with how many cases each leaves."""
    if name not in facets.MENUS:
        raise Http404
    who = reader_of(request)
    _, asked = asked_of(request, who)
    context = {
        "question": asked,
        "label": FILTERS[name].label,
        "name": name,
        "options": facets.options(who, asked, name),
    }
    return render_page(request, "triage/filter.html", "triage/_filter.html", context)


@require_safe
@needs(SEES)
def fresh(request: HttpRequest) -> HttpResponse:
    """The rows that a page shows as they are now, and how many have come in since: it puts them in
    their places itself, so that nothing moves under who reads it."""
    if not wants_partial(request):
        return index(request)
    who = reader_of(request)
    _, asked = asked_of(request, who)
    ids, storms = _ids(request.GET.get("ids", "")), seen_storms.parts(who, asked.asked)
    context = {
        "reader": who,
        "question": asked,
        "columns": asked.columns,
        "lines": [line(one, who) for one in queue.by_ids(who, ids)],
        "totals": summary.totals_at_hand(who, asked.asked),
        "storms": [] if "first" in request.GET else [seen_storms.line(one, who) for one in storms],
        "born": queue.born_since(
            who, asked.asked, _since(request), but=ids, besides=seen_storms.without(storms)
        ),
    }
    response = unless_unchanged(request, render(request, "triage/_fresh.html", context))
    patch_vary_headers(response, ["HX-Request"])
    return response


@require_POST
@needs(SEES)
def find(request: HttpRequest) -> HttpResponse:
    """Words of a title become a filter; what has a digit in it is taken for a number, and leaves
    for a token, because numbers of patients, claims and accounts stand in no address."""
    who = reader_of(request)
    _, asked = asked_of(request, who)
    text = request.POST.get("q", "").strip()[:256]
    if not text:
        return redirect(_index(asked.address(text="", found="")))
    if all(one.isalpha() or one in " -'" for one in text) and [*who.words.saying(text, who.now)]:
        return redirect(_index(asked.address(text=text.lower(), found="")))
    try:
        token = searches.begin(who.user, text)
    except searches.TooMany:
        response = render(request, "triage/too_many.html", {"question": asked}, status=429)
        response.headers["Retry-After"] = "60"
        return response
    return redirect(_index(asked.address(found=token, text="")))


def headings(
    views: Sequence[standing.View], figures: Sequence[int] | None
) -> list[tuple[str, list[tuple[standing.View, int | None]]]]:
    """Views below their headings, each with its figure if that is known. Teams that are not the
    reader's are there when they have something."""
    unknown: list[int | None] = [None] * len(views)
    told = list(zip(views, figures or unknown, strict=True))
    worth = [one for one in told if one[1] or not one[0].is_of_others]
    found = ((name, [one for one in worth if one[0].heading == name]) for name in standing.HEADINGS)
    return [(name, those) for name, those in found if those]


def _page(request: HttpRequest, who: Reader, asked: Question) -> dict[str, Any]:
    way = Way.BEFORE if "before" in request.GET else Way.AFTER
    mark = Mark.of(request.GET.get(way, ""), asked.order)
    storms = seen_storms.parts(who, asked.asked)
    found = queue.page(
        who, asked.asked, asked.order, mark=mark, way=way, besides=seen_storms.without(storms)
    )
    is_first = not found.before
    born = (who.now - OVERLAP - EPOCH) // timedelta(milliseconds=1)
    return {
        "storms": [seen_storms.line(one, who) for one in storms] if is_first else [],
        "lines": [line(one, who) for one in found.rows],
        "columns": asked.columns,
        "heads": asked.heads(),
        "before": asked.address(before=found.before) if found.before else "",
        "after": asked.address(after=found.after) if found.after else "",
        "page_size": PAGE,
        "fresh": asked.address(since=str(born), **({} if is_first else {"first": "no"})),
        **_why_nothing(who, asked, is_empty=not (found.rows or storms)),
    }


def _totals(request: HttpRequest, who: Reader, asked: Question) -> queue.Totals | None:
    """What the rows come to. Groups add up to it, and who has no script asks for it."""
    is_wanted = asked.group or "count" in request.GET
    told = summary.totals if is_wanted else summary.totals_at_hand
    return told(who, asked.asked)


def _groups(who: Reader, asked: Question) -> dict[str, Any]:
    found = grouped(who, asked.asked, asked.group)
    return {
        "groups": found,
        "rest": rest_of(found, summary.totals(who, asked.asked)),
        "grouped_by": GROUPINGS[asked.group][0],
        **_why_nothing(who, asked, is_empty=not found),
        "explained": summary.explained(who) if asked.asked.chosen.get("kind") == NONE else None,
        "may_explain": who.user.has_perm("accounts.view_catalogue"),
    }


def _why_nothing(who: Reader, asked: Question, *, is_empty: bool) -> dict[str, Any]:
    """What an empty list says: that nothing is one's own, or which filter leaves nothing."""
    if not is_empty:
        return {}
    idle = summary.idle(who, asked.asked)
    return {"idle": idle, "blocking": None if idle else summary.blocking(who, asked)}


def reader_of(request: HttpRequest) -> Reader:
    """Who asks; somebody whose business no kind of case is may not."""
    found = reader(person(request), timezone.now())
    if not found.realm:
        raise Denied(SEES_CASES)
    return found


def asked_of(request: HttpRequest, who: Reader) -> tuple[list[standing.View], Question]:
    views = standing.views(who, who.roles)
    question = read(request.GET.dict(), views, who.roles)
    if question is None:
        raise Http404("no such view")
    return views, question


def _index(query: str) -> str:
    return reverse("triage:queue") + query


def _ids(text: str) -> list[UUID]:
    """The cases on a page; what is no id is none."""
    found = (text[start : start + 32] for start in range(0, min(len(text), 32 * PAGE), 32))
    try:
        return [UUID(one) for one in found]
    except ValueError:
        return []


def _since(request: HttpRequest) -> UUID:
    """The first id of a moment in milliseconds; what is none is now."""
    said = request.GET.get("since", "")
    known = said if said.isascii() and said.isdigit() and len(said) <= 14 else ""
    moment = int(known or (timezone.now() - EPOCH) // timedelta(milliseconds=1))
    return UUID(int=moment << 80)
