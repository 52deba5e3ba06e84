"""The heat table: cells of scorecards as what a reader sees of them.

Everything a template would have to decide is decided here, once per cell, and written out as well:
a page has hundreds, and a loop in a template would take longer than the database does.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from django.utils.safestring import SafeString

from apps.catalog.snapshot import Facility, Workflow
from apps.dashboard import wording
from apps.dashboard.looks import Status
from apps.scorecards.objectives import Objectives
from apps.scorecards.queries import Glance, Scorecards

ENOUGH = 20
P95 = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class Tone:
    """How a figure stands against its objective: the class of its cell, and its status."""

    css: str
    status: Status

    @property
    def word(self) -> str:
        return self.status.word.lower()


WELL_OVER = Tone("q0", Status.WELL_OVER)
MET = Tone("q1", Status.MET)
SLIPPING = Tone("q2", Status.SLIPPING)
AT_RISK = Tone("q3", Status.AT_RISK)
MISSED = Tone("q4", Status.MISSED)
FEW = Tone("few", Status.TOO_FEW)
NONE_DUE = Tone("none", Status.NOTHING_DUE)
SILENT = Tone("hs", Status.SILENT)
NO_TARGET = Tone("free", Status.NO_TARGET)
TROUBLED = (AT_RISK, MISSED, SILENT)
# How much of the error budget the misses use up: half of it, all, once and a half, three times.
BUDGET_TONES = ((0.5, WELL_OVER), (1.0, MET), (1.5, SLIPPING), (3.0, AT_RISK))
LEGEND = (
    ("k0", "well over", "the misses use less than half of the error budget"),
    ("k1", "met", "within the error budget"),
    ("k2", "slipping", "up to 1.5 times the error budget"),
    ("k3", "at risk", "up to 3 times the error budget"),
    ("k4", "missed", "more than 3 times the error budget"),
    ("ks", "silent", "no events for an hour that is usually busy"),
)


# A link to the cell's scorecard, where each of its figures is explained; the sum of a row has none,
# so its figures are; a dash was never used. What is put in are our own words and figures, and
# addresses that are escaped once: escaping every part again would be most of the work of a page.
# Two lines of text and no more elements than that takes: a table may have a thousand cells, so the
# mark of one that needs a look is drawn by the style sheet, by its class.
LINK = '<td class="{}"><a href="{}" title="{}">{}\n{}</a></td>'
SUM = '<td class="{}"><div title="{}">{}\n{}</div></td>'
FIGURE = '<a class="figure" data-dialog="drawer" data-metric="{}" href="{}">{}</a>'
UNUSED = '<td class="unused" aria-label="not in use">\u2013</td>'


@dataclass(frozen=True, slots=True)
class HeatRow:
    """A workflow with its objective and its cells; the first sums up the row."""

    name: str
    full_name: str
    objective: str
    cells: SafeString
    troubled: int


@dataclass(frozen=True, slots=True)
class Heat:
    """The whole table."""

    regions: Sequence[tuple[str, int]]
    sites: Sequence[Facility]
    rows: Sequence[HeatRow]
    troubled: int


# Ready to be put between quotes.
Address = Callable[[Workflow, Facility], str]
# Where a metric of a workflow is explained, by its code, the workflow and what is shown of it.
Explained = Callable[[str, Workflow, str], str]
# The metrics that a sum of a row opens.
EXPLAINED = ("attainment", "open", "p95")
Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Board:
    """What a heat table is made of."""

    cards: Scorecards
    objectives: Objectives
    # For how long, in words.
    silent: Mapping[tuple[int, int], str]
    workflows: Sequence[Workflow]
    sites: Sequence[Facility]
    address: Address
    # Where a metric of a workflow is explained for all these sites.
    explained: Explained


def heat(board: Board, region_of: Callable[[Facility], str]) -> Heat:
    """The table of a board; workflows nobody here uses are left out."""
    used = [line for line in board.workflows if line.id in board.cards.workflows]
    regions = [(name, len(list(sites))) for name, sites in groupby(board.sites, key=region_of)]
    rows = [_row(board, line) for line in used]
    return Heat(regions, board.sites, rows, sum(row.troubled for row in rows))


def tone(cell: Glance, objective: float | None) -> Tone:
    """How the attainment of a cell stands against its objective."""
    return tone_of(cell.due, cell.breached, objective)


def tone_of(due: int, late: int, objective: float | None) -> Tone:
    """How so many late ones of what was due stand against an objective."""
    if not due:
        return NONE_DUE
    if due < ENOUGH:
        return FEW
    if objective is None:
        return NO_TARGET
    return _budget_tone(late / due, 1 - objective)


def _budget_tone(missed: float, allowed: float) -> Tone:
    if allowed <= 0:
        return MISSED if missed else MET
    return next((tone for limit, tone in BUDGET_TONES if missed / allowed <= limit), MISSED)


def p95(cell: Glance) -> str:
    """The 95th percentile in words, marked when late open items hide a longer one."""
    [milliseconds] = cell.quantiles(P95)
    if milliseconds is None:
        return wording.NOTHING
    return ("≥" if cell.is_censored(P95, overdue=cell.overdue) else "") + wording.latency(
        milliseconds
    )


def _row(board: Board, line: Workflow) -> HeatRow:
    objective = _shared_objective(board, line)
    total = board.cards.workflows[line.id]
    judged = tone(total, objective)
    cells, troubled = [_sum(board, line, total, judged)], 0
    for site in board.sites:
        markup, needs_a_look = _site_cell(board, line, site)
        cells.append(markup)
        troubled += needs_a_look
    return HeatRow(
        line.short_name,
        line.name,
        "" if objective is None else wording.objective(objective),
        SafeString("".join(cells)),
        troubled,
    )


def _sum(board: Board, line: Workflow, total: Glance, judged: Tone) -> str:
    """The markup of the sum of a row."""

    def figure(text: str, code: str) -> str:
        return FIGURE.format(code, board.explained(code, line, text), text)

    speed = p95(total)
    small = _small(total, judged, figure(speed, "p95"), figure(f"{total.open:,}", "open"))
    share = figure(_share(total), "attainment")
    return SUM.format(judged.css, _title(total, judged, speed), share, small)


def _shared_objective(board: Board, line: Workflow) -> float | None:
    """The objective most of the shown sites share; a row needs one number."""
    found = [board.objectives.get((line.id, site.id)) for site in board.sites]
    known = [one for one in found if one is not None]
    return max(set(known), key=known.count, default=None)


def judge(board: Board, key: Key) -> Tone:
    """How a cell stands; one that is silent has nothing else to say."""
    if key in board.silent:
        return SILENT
    return tone(board.cards.cells[key], board.objectives.get(key))


def _site_cell(board: Board, line: Workflow, site: Facility) -> tuple[str, bool]:
    """The markup of a cell, and whether it needs a look."""
    key = line.id, site.id
    cell = board.cards.cells.get(key)
    if cell is None:
        return UNUSED, False
    silence = board.silent.get(key, "")
    return _written(cell, judge(board, key), silence, board.address(line, site))


# From one state to the next a few cells change, and all others are as they were written.
@lru_cache(maxsize=4_096)
def _written(cell: Glance, judged: Tone, silence: str, address: str) -> tuple[str, bool]:
    speed = p95(cell)
    title = _title(cell, judged, speed, silence)
    figure, small = "Silent", silence
    if not silence:
        figure, small = _share(cell), _small(cell, judged, speed, f"{cell.open:,}")
    return as_cell(judged, address, title, figure, small), judged in TROUBLED


def as_cell(judged: Tone, address: str, title: str, figure: str, small: str) -> str:
    """A cell in two lines; silence stands on a ground of its own, to be read on a hatch."""
    if judged is SILENT:
        figure, small = f"<span>{figure}", f"{small}</span>"
    return LINK.format(judged.css, address, title, figure, small)


def _title(cell: Glance, judged: Tone, speed: str, silence: str = "") -> str:
    how = f"{judged.word}{silence and f' for {silence}'}"
    return f"{how}, {cell.open} open, p95 {speed}, {cell.due} due"


def _small(cell: Glance, judged: Tone, speed: str, waiting: str) -> str:
    if judged is FEW:
        return f"n={cell.due}"
    return f"{waiting} · {judged.word if judged is NO_TARGET else speed}"


def _share(cell: Glance) -> str:
    share = cell.attainment
    return "no data" if share is None else wording.percent(share)
