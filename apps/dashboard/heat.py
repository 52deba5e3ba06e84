"""The heat table: cells of scorecards as what a reader sees of them.

Everything a template would have to decide is decided here, once per cell: a page has hundreds.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from apps.catalog.snapshot import Facility, Workflow
from apps.dashboard import wording
from apps.scorecards.objectives import Objectives
from apps.scorecards.queries import Cell, Scorecards

ENOUGH = 20
P95 = 0.95


@dataclass(frozen=True, slots=True)
class Tone:
    """How a figure stands against its objective: a class, a word, an icon when it needs a look."""

    css: str
    word: str
    icon: str = ""


WELL_OVER = Tone("q0", "well over")
MET = Tone("q1", "met")
SLIPPING = Tone("q2", "slipping", "trending-down")
AT_RISK = Tone("q3", "at risk", "alert-triangle")
MISSED = Tone("q4", "missed", "circle-x")
FEW = Tone("few", "too few to judge")
NONE_DUE = Tone("none", "nothing due")
SILENT = Tone("hs", "silent", "volume-off")
NO_OBJECTIVE = Tone("q1", "no objective")
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


@dataclass(frozen=True, slots=True)
class HeatCell:
    """One cell as it is shown. An unused cell has no address."""

    css: str
    figure: str = ""
    detail: str = ""
    icon: str = ""
    label: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class HeatRow:
    """A workflow with its objective and its cells; the first sums up the row."""

    name: str
    full_name: str
    objective: str
    cells: Sequence[HeatCell]


@dataclass(frozen=True, slots=True)
class Heat:
    """The whole table."""

    regions: Sequence[tuple[str, int]]
    sites: Sequence[Facility]
    rows: Sequence[HeatRow]
    troubled: int


UNUSED = HeatCell("unused", label="not in use")
Address = Callable[[Workflow, Facility], str]


@dataclass(frozen=True, slots=True)
class Board:
    """What a heat table is made of."""

    cards: Scorecards
    objectives: Objectives
    silent: frozenset[tuple[int, int]]
    workflows: Sequence[Workflow]
    sites: Sequence[Facility]
    address: Address


def heat(board: Board, region_of: Callable[[Facility], str]) -> Heat:
    """The table of a board; workflows nobody here uses are left out."""
    used = [line for line in board.workflows if line.id in board.cards.workflows]
    rows = [_row(board, line) for line in used]
    regions = [(name, len(list(sites))) for name, sites in groupby(board.sites, key=region_of)]
    troubled = sum(cell.css in ("q3", "q4", "hs") for row in rows for cell in row.cells[1:])
    return Heat(regions, board.sites, rows, troubled)


def tone(cell: Cell, objective: float | None) -> Tone:
    """How the attainment of a cell stands against its objective."""
    if not cell.due:
        return NONE_DUE
    if cell.due < ENOUGH:
        return FEW
    if objective is None:
        return NO_OBJECTIVE
    return _budget_tone(cell.breached / cell.due, 1 - objective)


def _budget_tone(missed: float, allowed: float) -> Tone:
    if allowed <= 0:
        return MISSED if missed else MET
    return next((tone for limit, tone in BUDGET_TONES if missed / allowed <= limit), MISSED)


def p95(cell: Cell) -> str:
    """The 95th percentile in words, marked when late open items hide a longer one."""
    [milliseconds] = cell.quantiles(P95)
    if milliseconds is None:
        return wording.NOTHING
    return ("≥" if cell.is_censored(P95) else "") + wording.latency(milliseconds)


def _row(board: Board, line: Workflow) -> HeatRow:
    total = board.cards.workflows[line.id]
    cells = [_site_cell(board, line, site) for site in board.sites]
    objective = _shared_objective(board, line)
    return HeatRow(
        line.short_name,
        line.name,
        wording.objective(objective) if objective is not None else "",
        [_cell(total, tone(total, objective), url=""), *cells],
    )


def _shared_objective(board: Board, line: Workflow) -> float | None:
    """The objective most of the shown sites share; a row needs one number."""
    found = [board.objectives.get((line.id, site.id)) for site in board.sites]
    known = [one for one in found if one is not None]
    return max(set(known), key=known.count, default=None)


def _site_cell(board: Board, line: Workflow, site: Facility) -> HeatCell:
    cell = board.cards.cells.get((line.id, site.id))
    if cell is None:
        return UNUSED
    judged = tone(cell, board.objectives.get((line.id, site.id)))
    if (line.id, site.id) in board.silent:
        judged = SILENT
    return _cell(cell, judged, url=board.address(line, site))


def _cell(cell: Cell, judged: Tone, *, url: str) -> HeatCell:
    speed = p95(cell)
    return HeatCell(
        judged.css,
        _figure(cell, judged),
        f"n={cell.due}" if judged is FEW else f"{cell.open:,} · {speed}",
        judged.icon,
        f"{judged.word}, {cell.open} open, p95 {speed}, {cell.due} due",
        url,
    )


def _figure(cell: Cell, judged: Tone) -> str:
    if judged is SILENT:
        return "Silent"
    return "no data" if cell.attainment is None else wording.percent(cell.attainment)
