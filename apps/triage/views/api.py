"""GET /api/v1/cases: the queue for programs, with the filters, orders and marks of the page."""

from datetime import datetime

import msgspec
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from apps.accounts.access import api_user, needs
from apps.core.exports import money
from apps.core.htmx import unless_unchanged
from apps.core.openapi import Parameter, operation
from apps.core.problem import problem
from apps.triage import queue
from apps.triage.filters import FILTERS
from apps.triage.lines import Line, line
from apps.triage.questions import Question, read
from apps.triage.queue import PAGE, Mark, Way
from apps.triage.reader import Reader
from apps.triage.standing import views
from apps.triage.views.queue import SEES, reader_of


class Case(msgspec.Struct):
    """One open exception. Its number is masked."""

    id: str
    title: str
    kind: str | None
    error_class: str
    severity: int
    state: str
    number: str | None
    facility: str
    workflow: str
    payer: str | None
    amount: str | None
    at_risk: str | None
    money_due_at: str | None
    money_due_kind: str | None
    resolve_by: str | None
    opened_at: str
    occurrences: int
    team: str | None
    owner: str | None
    score: int
    transaction_id: str


class CasesAnswer(msgspec.Struct):
    """A page of the queue; `next` and `previous` go into `after` and `before`."""

    view: str
    currency: str
    cases: list[Case]
    next: str | None
    previous: str | None


@operation(
    method="get",
    path="/api/v1/cases",
    tag="Exceptions",
    summary="Open exceptions",
    description=f"{PAGE} a page, by the cost of waiting or as `sort` says. A filter that is not"
    " known, or not yours, is refused. `at_risk` is what a case adds to a sum: of the open cases of"
    " a transaction one has its amount, the others 0.",
    parameters=(
        Parameter("view", "Code of a view, as in the address of the page. Default: all."),
        *(Parameter(name, f"{one.label}; as in the address of the page.")
          for name, one in FILTERS.items()),
        Parameter("sort", "score, severity, facility, workflow, amount, due, age or owner; with a"
                  " minus from the other end."),
        Parameter("after", "`next` of an earlier page."),
        Parameter("before", "`previous` of a later page."),
    ),
    answers={200: CasesAnswer, 304: None},
    problems={
        400: "A filter that is not known.",
        401: "No valid token.",
        403: "The role may not see single exceptions.",
        404: "No such view, or not yours.",
    },
)  # fmt: skip
@require_safe
@api_user
@needs(SEES)
def cases(request: HttpRequest) -> HttpResponse:
    """A page of the queue."""
    who = reader_of(request)
    said = {"view": "all"} | request.GET.dict()
    question = read(said, views(who, who.roles), who.roles)
    if question is None:
        return problem(404, "not_found", "There is no such view, or it is not yours.")
    unknown = [chip for chip in question.chips(who) if not chip.is_known]
    if unknown:
        text = f"`{unknown[0].name}` has no such value, or not for you: {unknown[0].says}."
        return problem(400, "unknown_filter", text)
    content = msgspec.json.encode(_answer(request, who, question))
    return unless_unchanged(request, HttpResponse(content, content_type="application/json"))


def _answer(request: HttpRequest, who: Reader, question: Question) -> CasesAnswer:
    way = Way.BEFORE if "before" in request.GET else Way.AFTER
    mark = Mark.of(request.GET.get(way, ""), question.order)
    found = queue.page(who, question.asked, question.order, mark=mark, way=way)
    return CasesAnswer(
        view=question.view.code,
        currency=settings.THROUGHLINE_CURRENCY,
        cases=[_case(line(one, who), who) for one in found.rows],
        next=found.after or None,
        previous=found.before or None,
    )


def _case(of: Line, who: Reader) -> Case:
    row, catalogue = of.row, who.catalogue
    amount, at_risk = money(row.amount_minor), money(row.at_risk)
    return Case(
        id=str(row.id),
        title=of.title,
        kind=who.words.code(row.kind_id) if row.kind_id else None,
        error_class=row.error_class,
        severity=row.severity,
        state=of.state,
        number=of.number or None,
        facility=catalogue.facilities_by_id[row.facility_id].code,
        workflow=catalogue.workflows_by_id[row.workflow_id].code,
        payer=row.payer,
        amount=None if amount is None else str(amount),
        at_risk=None if at_risk is None else str(at_risk),
        money_due_at=_text(row.money_due_at),
        money_due_kind=row.money_due_kind or None,
        resolve_by=_text(row.resolve_by),
        opened_at=row.opened_at.isoformat(),
        occurrences=row.occurrences,
        team=of.team or None,
        owner=row.owner or None,
        score=row.score,
        transaction_id=str(row.transaction_id),
    )


def _text(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
