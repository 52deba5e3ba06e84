"""Error budgets and the backlog of the flow page, in words."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.safestring import SafeString

from apps.dashboard import feeds, figures, wording
from apps.dashboard.board import Selection
from apps.dashboard.heat import Address
from apps.dashboard.looks import Status
from apps.dashboard.scope import Scope
from apps.scorecards.ages import NAMES, Ages
from apps.scorecards.burn import Burn, Level, burns
from apps.scorecards.parts import AGES

MOST_ROWS = 12
LOOKS = {Level.PAGE: Status.PAGE, Level.TICKET: Status.TICKET, Level.WATCH: Status.WATCH}


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """One cell that burns faster than its budget lasts."""

    workflow: str
    facility: str
    address: str
    now: SafeString
    target: str
    hour: SafeString
    six_hours: SafeString
    look: Status
    decided: SafeString
    gone: str


@dataclass(frozen=True, slots=True)
class Budgets:
    """The table, and what it says in a sentence."""

    rows: Sequence[BudgetRow]
    summary: str


def burns_of(scope: Scope, chosen: Selection, *, now: datetime) -> list[Burn]:
    """Every budget of the chosen places in which anything came due, fastest burn first."""
    places = frozenset(place.id for place in chosen.places.facilities)
    return burns(facility_ids=places, now=now, version=scope.catalogue.version)


def budgets(found: Sequence[Burn], scope: Scope, address: Address, *, now: datetime) -> Budgets:
    """The cells that burn, fastest first; the rest is a number."""
    burning = [burn for burn in found if burn.level > Level.OK]
    rows = [_row(burn, scope, address, now) for burn in burning[:MOST_ROWS]]
    return Budgets(rows, _in_words(found, burning))


def _row(burn: Burn, scope: Scope, address: Address, now: datetime) -> BudgetRow:
    line = scope.catalogue.workflows_by_id[burn.workflow_id]
    place = scope.catalogue.facilities_by_id[burn.facility_id]
    hour, six_hours, share = feeds.figures_of(burn, line, place, now=now)
    return BudgetRow(
        line.short_name, place.short_name, address(line, place),
        share, wording.objective(burn.objective), hour, six_hours,
        LOOKS[burn.level], feeds.decided_of(burn, line, place, now=now),
        gone_in_words(burn.gone_at(now), ZoneInfo(place.time_zone), now=now),
    )  # fmt: skip


def gone_in_words(moment: datetime | None, zone: ZoneInfo, *, now: datetime) -> str:
    """`gone`, `today 13:10`, `Tue`, `in 26 d`."""
    if moment is None:
        return "not at this pace"
    if moment <= now:
        return "gone"
    local = moment.astimezone(zone)
    if local.date() == now.astimezone(zone).date():
        return f"today {local:%H:%M}"
    days = (local.date() - now.astimezone(zone).date()) // timedelta(days=1)
    return f"{local:%a}" if days < 7 else f"in {days}{wording.NARROW}d"


def _in_words(found: Sequence[Burn], burning: Sequence[Burn]) -> str:
    if not found:
        return "Nothing came due in 28 days, so no budget was touched."
    if not burning:
        return f"None of {wording.count(len(found))} budgets burns faster than it lasts."
    counts = Counter(burn.level for burn in burning)
    levels = [
        f"{look.word.lower()} {counts[level]}" for level, look in LOOKS.items() if counts[level]
    ]
    more = f"; {len(burning) - MOST_ROWS} more" if len(burning) > MOST_ROWS else ""
    return f"{len(burning)} of {wording.count(len(found))} budgets: {', '.join(levels)}{more}."


# -- the backlog -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AgeRow:
    """One age: how many, their share of the largest, their dollars."""

    name: str
    count: SafeString
    share: str
    amount: SafeString


@dataclass(frozen=True, slots=True)
class Backlog:
    """The backlog by age, and what it says in a sentence."""

    rows: Sequence[AgeRow]
    taken_at: datetime | None
    summary: str


def backlog(found: Ages, chosen: Selection, *, now: datetime) -> Backlog:
    """The photograph in words; an old one is not shown, because it would be taken for now."""
    if not found.is_fresh(now):
        return Backlog((), None, "The backlog is photographed every five minutes; none is yet.")
    if not found.total:
        return Backlog((), found.taken_at, "Nothing is open.")
    return Backlog(_age_rows(found, chosen), found.taken_at, _backlog_in_words(found))


def _age_rows(found: Ages, chosen: Selection) -> list[AgeRow]:
    most = max(found.counts)

    def figure(code: str, value: int | None) -> SafeString:
        return figures.figure(figures.shown(code, value), code, **chosen.where)

    return [
        AgeRow(name, figure(part.code, count), f"{count / most * 100:.1f}",
               figure(f"amount-{part.code}", amount))
        for name, part, count, amount in zip(NAMES, AGES, found.counts, found.amounts, strict=True)
    ]  # fmt: skip


def _backlog_in_words(found: Ages) -> str:
    old, amount = sum(found.counts[3:]), sum(one or 0 for one in found.amounts)
    return (
        f"{wording.count(found.total)} open for {wording.brief_money(amount)}, of which"
        f" {wording.count(old)} for more than 3 days; {wording.count(found.overdue)} overdue."
    )
