"""GET /api/v1/batches/{id}: what became of the events of one request."""

from uuid import UUID

import msgspec
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe

from apps.accounts.access import api_user, covers_everything, facilities_for, needs, unauthenticated
from apps.core.openapi import Parameter, operation
from apps.core.problem import problem
from apps.telemetry import queries
from apps.telemetry.access import bearer_of
from apps.telemetry.services.keys import sender_for


class Batch(msgspec.Struct):
    """A batch; its counts come with folding. `conflicts` are events that were refused only then and
    wait in quarantine: an id that came before with other content, or a transaction out of scope."""

    id: str
    state: str
    received_at: str
    accepted: int
    stored: int | None
    duplicates: int | None
    conflicts: int | None
    rejected: int
    folded_at: str | None


@operation(
    method="get",
    path="/api/v1/batches/{id}",
    tag="Events",
    summary="What became of a batch",
    description=(
        "Readable with any key of the source that sent it, and by people who may see every "
        "facility. `waiting` batches are acknowledged and not yet on the scorecards."
    ),
    parameters=(Parameter("id", "The `batch` of the answer to a post.", place="path"),),
    answers={200: Batch},
    problems={
        401: "No valid key or token.",
        403: "The person's role may not see single transactions.",
        404: "No such batch, or not yours.",
    },
    security=("sourceKey", "userToken"),
    position=1,
)
@login_not_required
@require_safe
def batch(request: HttpRequest, batch_id: str) -> HttpResponseBase:
    if not bearer_of(request).startswith("src_"):
        return _for_people(request, batch_id)
    sender = sender_for(bearer_of(request))
    if sender is None:
        return unauthenticated()
    report = _report(batch_id)
    if report and report.source_id == sender.source_id:
        return _answer(report)
    return _not_found()


@api_user
@needs("accounts.view_transactions")
def _for_people(request: HttpRequest, batch_id: str) -> HttpResponse:
    """A batch may speak of any facility, so it is for those who see all of them."""
    everywhere = covers_everything(facilities_for(request.user))
    report = _report(batch_id) if everywhere else None
    return _answer(report) if report else _not_found()


def _report(text: str) -> queries.BatchReport | None:
    try:
        return queries.batch_report(UUID(text))
    except ValueError:
        return None


def _answer(report: queries.BatchReport) -> HttpResponse:
    found = Batch(
        id=str(report.id),
        state=report.state_name,
        received_at=report.received_at.isoformat(),
        accepted=report.accepted,
        stored=report.stored,
        duplicates=report.duplicates,
        conflicts=report.conflicts,
        rejected=report.rejected,
        folded_at=report.folded_at.isoformat() if report.folded_at else None,
    )
    return HttpResponse(msgspec.json.encode(found), "application/json")


def _not_found() -> HttpResponse:
    return problem(404, "not_found", "There is no such batch, or it is not yours to see.")
