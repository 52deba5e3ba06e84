"""GET /api/v1/scorecards: the same figures as the pages, for programs."""

from datetime import datetime
from hashlib import blake2b
from typing import Any

import msgspec
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils import timezone
from django.utils.http import parse_etags
from django.views.decorators.http import require_safe

from apps.accounts.access import api_user, facilities_for
from apps.catalog.snapshot import Snapshot, snapshot
from apps.core.openapi import Parameter, operation
from apps.core.problem import problem
from apps.scorecards import queries
from apps.scorecards.parameters import (
    GRAINS,
    BadParameter,
    OutOfScope,
    Question,
    read_question,
)
from apps.scorecards.queries import Bucket, Cell
from apps.scorecards.windows import NAMED

QUANTILES = {"p99_ms": 0.99, "p95_ms": 0.95, "p50_ms": 0.5}


class BusinessClock(msgspec.Struct):
    """The business clock of a cell, by its own due times."""

    met: int
    breached: int
    excluded: int
    overdue: int | None
    attainment: float | None


class ScorecardCell(msgspec.Struct):
    """One workflow at one facility. Null is "no data", never zero and never 100 %.

    What is open now has no bucket, so it is null in answers with a grain. `censored` names the
    latencies that are lower bounds, because too many late items are still open.
    """

    workflow: str
    facility: str
    events: int
    started: int
    settled: int
    completed: int
    failed: int
    dead_lettered: int
    retried: int
    manual_touches: int
    met: int
    breached: int
    excluded: int
    attainment: float | None
    p50_ms: int | None
    p95_ms: int | None
    p99_ms: int | None
    censored: list[str]
    open: int | None
    overdue: int | None
    oldest_open_seconds: int | None
    amount_started: str
    amount_settled: str
    amount_completed: str
    amount_open: str | None
    amount_at_risk: str | None
    business: BusinessClock
    watermark: str
    bucket: str | msgspec.UnsetType = msgspec.UNSET


class ScorecardAnswer(msgspec.Struct):
    """The cells of the window [from, to). All that was received before `watermark` counts."""

    start: str = msgspec.field(name="from")
    to: str
    grain: str | None
    watermark: str
    cells: list[ScorecardCell]


TIME = {"type": "string", "format": "date-time"}


@operation(
    method="get",
    path="/api/v1/scorecards",
    tag="Scorecards",
    summary="Scorecards of a window",
    description=(
        "Attainment counts by due time: met / (met + breached) of what fell due in the window; "
        "late and still open is breached, open and not yet due is left out. Everything else "
        "counts when it happened. Windows are cut to whole minutes (older than a week: hours); "
        "`from` and `to` of the answer say where."
    ),
    parameters=(
        Parameter("window", "Its length, up to now or `as_of`. Without any: 24h.",
                  {"type": "string", "enum": list(NAMED)}),
        Parameter("from", "Start of the window, instead of `window`.", TIME),
        Parameter("to", "End of the window; a future one means now.", TIME),
        Parameter("as_of", "End of the window, in the past: what was open then.", TIME),
        Parameter("workflow", "Only this workflow; may be repeated.",
                  {"type": "array", "items": {"type": "string"}}),
        Parameter("facility", "Only this facility and those below it; may be repeated.",
                  {"type": "array", "items": {"type": "string"}}),
        Parameter("grain", "One cell for each bucket; days are those of the facility.",
                  {"type": "string", "enum": list(GRAINS)}),
    ),
    answers={200: ScorecardAnswer, 304: None},
    problems={400: "A parameter means nothing.", 401: "No valid token.",
              404: "No such facility, or not yours."},
)  # fmt: skip
@require_safe
@api_user
def scorecards(request: HttpRequest) -> HttpResponse:
    now, catalogue = timezone.now(), snapshot()
    try:
        question = read_question(
            request.GET, catalogue=catalogue, facilities=facilities_for(request.user), now=now
        )
    except BadParameter as error:
        return problem(400, "bad_parameter", str(error), pointer=f"/{error.name}")
    except OutOfScope:
        return problem(404, "not_found", "No such facility, or not yours.", pointer="/facility")
    return _respond(request, question, catalogue, now)


def _respond(
    request: HttpRequest, question: Question, catalogue: Snapshot, now: datetime
) -> HttpResponse:
    reach = queries.watermark(now=now).isoformat()
    found = _read(question)
    etag = _etag(question, found)
    if etag in parse_etags(request.headers.get("If-None-Match", "")):
        return HttpResponseNotModified(headers={"ETag": etag})
    end = now if question.window.is_live else question.window.end
    answer = ScorecardAnswer(
        start=question.window.start.isoformat(),
        to=question.window.end.isoformat(),
        grain=question.grain.name.lower() if question.grain else None,
        watermark=reach,
        cells=[_cell(one, catalogue, end, reach) for one in found],
    )
    return HttpResponse(msgspec.json.encode(answer), "application/json", headers={"ETag": etag})


def _read(question: Question) -> list[Cell] | list[Bucket]:
    """The cells in the order of pages: workflows by position, facilities down the tree."""
    ids = [one.id for one in question.workflows]
    if question.grain:
        return queries.series(
            zones=question.zones, workflow_ids=ids, window=question.window, grain=question.grain
        )
    found = queries.cells(zones=question.zones, workflow_ids=ids, window=question.window)
    lines = {key: place for place, key in enumerate(ids)}
    sites = {key: place for place, key in enumerate(question.zones)}
    found.sort(key=lambda one: (lines[one.workflow_id or 0], sites[one.facility_id or 0]))
    return found


def _etag(question: Question, found: list[Cell] | list[Bucket]) -> str:
    """Weak: two answers with the same figures differ in their watermark and in ages."""
    content = msgspec.msgpack.encode((question.window, question.grain, found))
    return f'W/"{blake2b(content, digest_size=12).hexdigest()}"'


def _cell(of: Cell | Bucket, catalogue: Snapshot, end: datetime, reach: str) -> ScorecardCell:
    return ScorecardCell(
        workflow=catalogue.workflows_by_id[of.workflow_id or 0].code,
        facility=catalogue.facilities_by_id[of.facility_id or 0].code,
        events=of.events,
        started=of.started,
        settled=of.settled,
        completed=of.completed,
        failed=of.failed,
        dead_lettered=of.dead_lettered,
        retried=of.retried,
        manual_touches=of.manual_touches,
        met=of.met,
        breached=of.breached,
        excluded=of.excluded,
        attainment=_share(of.attainment),
        amount_started=_money(of.amount_started),
        amount_settled=_money(of.amount_settled),
        amount_completed=_money(of.amount_completed),
        watermark=reach,
        **_latencies(of),
        **(_standing(of, end) if isinstance(of, Cell) else _without_backlog(of)),
    )


def _latencies(of: Cell | Bucket) -> dict[str, Any]:
    values = of.quantiles(*QUANTILES.values())
    found = {
        name: None if value is None else round(value)
        for name, value in zip(QUANTILES, values, strict=True)
    }
    overdue = of.overdue if isinstance(of, Cell) and of.latencies else 0
    names = [name for name, share in QUANTILES.items() if of.is_censored(share, overdue=overdue)]
    return {**found, "censored": names}


def _standing(of: Cell, end: datetime) -> dict[str, Any]:
    age = (end - of.oldest_at).total_seconds() if of.oldest_at else None
    return {
        "open": of.open,
        "overdue": of.overdue,
        "oldest_open_seconds": None if age is None else max(0, int(age)),
        "amount_open": _money(of.amount_open),
        "amount_at_risk": _money(of.amount_at_risk),
        "business": _business(of, of.business_overdue),
    }


def _without_backlog(of: Cell | Bucket) -> dict[str, Any]:
    nothing = dict.fromkeys(
        ("open", "overdue", "oldest_open_seconds", "amount_open", "amount_at_risk")
    )
    bucket = of.bucket.isoformat() if isinstance(of, Bucket) else msgspec.UNSET
    return {**nothing, "business": _business(of, None), "bucket": bucket}


def _business(of: Cell | Bucket, overdue: int | None) -> BusinessClock:
    share = _share(of.business_attainment)
    return BusinessClock(
        of.business_met, of.business_breached, of.business_excluded, overdue, share
    )


def _share(share: float | None) -> float | None:
    return None if share is None else round(share, 6)


def _money(minor: int) -> str:
    """Major units with two decimals: money is never a float."""
    sign, minor = ("-", -minor) if minor < 0 else ("", minor)
    return f"{sign}{minor // 100}.{minor % 100:02d}"
