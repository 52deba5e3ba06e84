"""GET /api/v1/scorecards: the same figures as the pages, for programs."""

from collections.abc import Hashable
from datetime import datetime
from hashlib import blake2b

import msgspec
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils import timezone
from django.utils.http import parse_etags
from django.views.decorators.http import require_safe

from apps.accounts.access import api_user, facilities_for, needs
from apps.catalog.snapshot import Snapshot, snapshot
from apps.core.kept import Kept
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
Found = list[Cell] | list[Bucket]
# ETags of what was asked lately, so that an unchanged answer is not computed to find that out.
_etags: Kept[str] = Kept(1_000)


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
    latencies that are lower bounds, because too many late items are still open. Latencies come from
    a histogram of logarithmic buckets: 1 to 2 % off on average, 8.9 % at most, as may happen where
    a cell has a single one.
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
              403: "The role may not see scorecards.",
              404: "No such facility, or not yours."},
)  # fmt: skip
@require_safe
@api_user
@needs("accounts.view_scorecards")
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
    """304 where the caller has these figures already, as far as possible without computing any."""
    state = queries.state()
    name = (state.name, catalogue.version, _asked(question))
    has = parse_etags(request.headers.get("If-None-Match", ""))
    if (etag := _etags.get(name)) and etag in has:
        return HttpResponseNotModified(headers={"ETag": etag})
    found = _read(question)
    etag = _etags.put(name, _etag(question, found, catalogue))
    if etag in has:
        return HttpResponseNotModified(headers={"ETag": etag})
    body = _body(question, found, catalogue, now, state.reach(now).isoformat())
    return HttpResponse(body, "application/json", headers={"ETag": etag})


def _asked(question: Question) -> Hashable:
    """All that an answer depends on but the state of the figures and the catalogue."""
    workflows = tuple(one.id for one in question.workflows)
    return question.window, question.grain, workflows, tuple(question.zones)


def _body(
    question: Question, found: Found, catalogue: Snapshot, now: datetime, reach: str
) -> bytes:
    end = (now if question.window.is_live else question.window.end).timestamp()
    answer = ScorecardAnswer(
        start=question.window.start.isoformat(),
        to=question.window.end.isoformat(),
        grain=question.grain.name.lower() if question.grain else None,
        watermark=reach,
        cells=[_cell(one, catalogue, end, reach) for one in found],
    )
    return msgspec.json.encode(answer)


def _read(question: Question) -> Found:
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


def _etag(question: Question, found: Found, catalogue: Snapshot) -> str:
    """Weak: two answers with the same figures under the same codes differ in watermark and ages."""
    workflows = [one.code for one in question.workflows]
    facilities = [catalogue.facilities_by_id[key].code for key in question.zones]
    figures = (question.window, question.grain, workflows, facilities, found)
    content = msgspec.msgpack.encode(figures)
    return f'W/"{blake2b(content, digest_size=12).hexdigest()}"'


def _cell(of: Cell | Bucket, catalogue: Snapshot, end: float, reach: str) -> ScorecardCell:
    """Written out in one go: an answer has hundreds."""
    open = of if isinstance(of, Cell) else None
    p99, p95, p50 = of.quantiles(*QUANTILES.values())
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
        p50_ms=None if p50 is None else round(p50),
        p95_ms=None if p95 is None else round(p95),
        p99_ms=None if p99 is None else round(p99),
        censored=_censored(open) if open and open.overdue and open.latencies else [],
        open=open.open if open else None,
        overdue=open.overdue if open else None,
        oldest_open_seconds=_age(open.oldest, end) if open else None,
        amount_started=_money(of.amount_started),
        amount_settled=_money(of.amount_settled),
        amount_completed=_money(of.amount_completed),
        amount_open=_money(open.amount_open) if open else None,
        amount_at_risk=_money(open.amount_at_risk) if open else None,
        business=BusinessClock(
            of.business_met,
            of.business_breached,
            of.business_excluded,
            open.business_overdue if open else None,
            _share(of.business_attainment),
        ),
        watermark=reach,
        bucket=of.bucket.isoformat() if isinstance(of, Bucket) else msgspec.UNSET,
    )


def _censored(of: Cell) -> list[str]:
    return [name for name, share in QUANTILES.items() if of.is_censored(share, overdue=of.overdue)]


def _age(oldest: float | None, end: float) -> int | None:
    return None if oldest is None else max(0, int(end - oldest))


def _share(share: float | None) -> float | None:
    return None if share is None else round(share, 6)


def _money(minor: int) -> str:
    """Major units with two decimals: money is never a float."""
    sign, minor = ("-", -minor) if minor < 0 else ("", minor)
    return f"{sign}{minor // 100}.{minor % 100:02d}"
