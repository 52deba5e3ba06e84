"""How a figure is computed, and the transactions behind it."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.accounts.access import needs
from apps.accounts.exports import EXPORT, Extent, download
from apps.core.exports import Form
from apps.core.htmx import render_page
from apps.dashboard import behind, explaining, tables
from apps.dashboard.questions import Question, read_question
from apps.dashboard.scope import scope_of
from apps.scorecards.parameters import BadParameter

Params = ParamSpec("Params")
View = Callable[Concatenate[HttpRequest, Params], HttpResponseBase]


def says_what_is_unclear(view: View[Params]) -> View[Params]:
    """Answer 400 with what is wrong and what would do, where an address means nothing."""

    @wraps(view)
    def wrapper(
        request: HttpRequest, /, *args: Params.args, **kwargs: Params.kwargs
    ) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except BadParameter as error:
            return render(request, "dashboard/unclear.html", {"error": error}, status=400)

    return wrapper


@require_safe
@needs("accounts.view_scorecards")
@says_what_is_unclear
def explain(request: HttpRequest, metric: str) -> HttpResponse:
    """The definition of a figure, with its numbers; for who may see items, what opens them."""
    now, scope = timezone.now(), scope_of(request)
    question = read_question(request, scope, metric, now=now)
    sees_items = request.user.has_perm("accounts.view_transactions")
    made = explaining.explain(question, scope, sees_items=sees_items, now=now)
    context = {"explanation": made, "metric": question.metric, "sees_items": sees_items}
    return render_page(request, "dashboard/explain.html", "dashboard/_explanation.html", context)


@require_safe
@needs("accounts.view_scorecards", "accounts.view_transactions")
@says_what_is_unclear
def explained(request: HttpRequest, metric: str, part: str) -> HttpResponse:
    """The transactions or messages of one part of a figure, which add up to it."""
    now, scope = timezone.now(), scope_of(request)
    question = read_question(request, scope, metric, now=now)
    context = _listed(question, part, request.GET.get("after", "")) | {"now": now}
    return render_page(request, "dashboard/explained.html", "dashboard/_behind.html", context)


@require_safe
@needs("accounts.view_scorecards", "accounts.view_transactions", EXPORT)
@says_what_is_unclear
def explained_table(request: HttpRequest, metric: str, part: str, form: Form) -> HttpResponseBase:
    """The whole list of one part of a figure as a file, as far as a role may take it."""
    now, scope = timezone.now(), scope_of(request)
    question = read_question(request, scope, metric, now=now)
    known = question.metric.part(part)
    if known is None:
        raise Http404
    extent = Extent(list(question.cells.zones), question.period, now)
    if known.is_of_messages:
        return download(request, tables.messages_behind_figure(question, known), form, extent)
    return download(request, tables.behind_figure(question, known, now=now), form, extent)


def _listed(question: Question, code: str, after: str) -> dict[str, Any]:
    part = question.metric.part(code)
    if part is None:
        raise Http404
    page = behind.page(question, part, after=after, now=timezone.now())
    return {"metric": question.metric, "part": part, "page": page, "zone": question.zone}
