"""The table of a scorecard: a line for each workflow or facility, written out and in order."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import inf
from typing import Any

from django.utils.safestring import SafeString

from apps.catalog.snapshot import Facility, Workflow
from apps.core.addresses import address
from apps.core.markup import markup
from apps.dashboard import figures, glyphs, promised
from apps.dashboard.heat import ENOUGH, Tone, tone_of
from apps.dashboard.icons import status
from apps.dashboard.scope import columns
from apps.dashboard.subjects import DEFAULT_SORT, Subject
from apps.scorecards.cards import BY_WORKFLOW, Card, Day, Prior
from apps.scorecards.tallies import Cells

SPARK_DAYS = 14
TREND = "Attainment of 14 days, percent"
# A line of the table: a loop in a template takes longer than reading what it shows.
LINE = (
    '<tr><th scope="row"><a href="{}">{}</a></th><td class="num">{}</td><td class="num {}">{}</td>'
    '<td>{}</td><td class="num">{}</td><td class="num">{}</td><td class="num">{}</td>'
    '<td class="num">{}</td><td class="num">{}</td><td>{}</td></tr>'
)
EMPHASIS = {"q4": "bad", "few": "dim"}


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table, written out; `values` are what the table is sorted by."""

    name: str
    markup: SafeString
    tone: Tone
    values: Mapping[str, Any]


Cards = Mapping[int | None, Card]
NOTHING = Card(None, 0, 0, 0, 0, 0, "0", 0, 0, 0, 0, 0, 0, None)


def lines(
    subject: Subject, now: Cards, before: Mapping[int | None, Prior], days: Sequence[Day]
) -> list[Row]:
    """The lines of a scorecard in the order its reader chose."""
    trends = _trends(subject, days)
    rows = [
        _row(subject, one, now.get(one.id) or NOTHING, before.get(one.id), trends.get(one.id, []))
        for one in _used_lines(subject, now)
    ]
    return _sorted(rows, subject.sort)


def _used_lines(subject: Subject, found: Cards) -> Sequence[Workflow | Facility]:
    """What the table has a line for: what was ever used, and every active site."""
    if subject.key == BY_WORKFLOW:
        return [one for one in subject.lines if one.id in found]
    return columns(subject.places, {key for key in found if key is not None})


def _address_of(subject: Subject, of: Workflow | Facility) -> str:
    line = of if isinstance(of, Workflow) else subject.line
    place = of if isinstance(of, Facility) else subject.place
    if line and place:
        return address("dashboard:cell", line.code, place.code)
    if line:
        return address("dashboard:scorecard", line.code)
    assert place is not None  # noqa: S101  a line is of a workflow or a place
    return address("dashboard:facility-scorecard", place.code)


def _row(
    subject: Subject,
    of: Workflow | Facility,
    card: Card,
    before: Prior | None,
    trend: Sequence[float | None],
) -> Row:
    where = {"workflow" if isinstance(of, Workflow) else "facility": of.code}
    objective = _objective(subject, of.id)
    [p95] = card.quantiles(0.95)
    mark = "≥" if p95 is not None and card.is_censored(0.95) else ""
    change = _change(card, before)
    tone = tone_of(card.due, card.bad, objective)

    def figure(code: str, value: float | None, mark: str = "") -> SafeString:
        return subject.figure(mark + figures.shown(code, value), code, **where)

    line = markup(
        LINE, _address_of(subject, of) + subject.query(sort=DEFAULT_SORT, by=""), of.name,
        figure("started", card.started),
        EMPHASIS.get(tone.css, ""), figure(subject.metric("attainment"), card.attainment),
        glyphs.spark(trend, 100 * objective if objective else None, label=TREND),
        figure(subject.metric("change"), change), figure(subject.metric("p95"), p95, mark),
        figure("open", card.open), figure("oldest", age_of(card, subject.now)),
        figure("amount-open", card.amount_open), status(tone.status),
    )  # fmt: skip
    return Row(
        of.name, line, tone,
        {
            "name": of.name, "started": card.started, "attainment": card.attainment,
            "change": change, "p95": p95, "open": card.open,
            "oldest": -card.oldest if card.oldest else None, "amount": card.amount_open,
            "status": _used(card, objective),
            "due": card.due, "latencies": card.latencies,
        },
    )  # fmt: skip


def _used(card: Card, objective: float | None) -> float | None:
    """How much of its error budget a line has used up: 80 % hurt where 95 are promised, and are
    nothing where 70 are. None where too little was due to say."""
    if card.due < ENOUGH or objective is None:
        return None
    allowed = (1 - objective) * card.due
    return card.bad / allowed if allowed > 0 else inf if card.bad else 0.0


def age_of(card: Card, now: datetime) -> float | None:
    """For how many seconds the oldest has been open."""
    return (now - card.oldest_at).total_seconds() if card.oldest_at else None


def _objective(subject: Subject, key: int) -> float | None:
    """The objective of a line: its own, or what most of its cells have."""
    cells = subject.cells
    own = (
        Cells(cells.zones, [key], cells.window)
        if subject.key == BY_WORKFLOW
        else Cells({key: cells.zones[key]}, cells.workflow_ids, cells.window)
    )
    return promised.objective(own, subject.clock, now=subject.now)


def _change(card: Card, before: Prior | None) -> float | None:
    """Percentage points since the window before; where one of them is small there is none."""
    if before is None or card.due < ENOUGH or before.due < ENOUGH:
        return None
    return 100 * (card.good / card.due - before.good / before.due)


def _trends(subject: Subject, found: Sequence[Day]) -> Mapping[int, Sequence[float | None]]:
    """Attainment of the last 14 days of every line; a day without due work is a gap."""
    by_line: dict[int, dict[object, float]] = defaultdict(dict)
    for one in found:
        if one.good + one.bad:
            by_line[one.key][one.day] = 100 * one.good / (one.good + one.bad)
    last = max((one.day for one in found), default=subject.now.date())
    days = [last - timedelta(days=back) for back in range(SPARK_DAYS - 1, -1, -1)]
    return {key: [shares.get(day) for day in days] for key, shares in by_line.items()}


def _sorted(rows: Sequence[Row], sort: str) -> list[Row]:
    """By a column, ascending or with a minus descending; what has no value comes last, and so does
    a share of too little. Among equals, the dollars that wait decide, then the name."""
    by = sort.removeprefix("-")
    ordered = sorted(rows, key=lambda row: (-row.values["amount"], row.name))
    known = [row for row in ordered if _is_known(row, by)]
    rest = [row for row in ordered if not _is_known(row, by)]
    return sorted(known, key=lambda row: row.values[by] or 0, reverse=sort.startswith("-")) + rest


def _is_known(row: Row, by: str) -> bool:
    return row.values[by] is not None and (by != "attainment" or row.values["due"] >= ENOUGH)
