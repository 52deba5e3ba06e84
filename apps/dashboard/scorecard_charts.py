"""The two charts of a scorecard: attainment by day, and how latencies are spread."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from functools import partial
from math import exp

from apps.dashboard import wording
from apps.dashboard.charts import Chart, Column
from apps.dashboard.charts.figures import Figure, figure, graph_objects, limit
from apps.dashboard.promised import Sentence
from apps.scorecards.cards import Card, Day
from apps.scorecards.histogram import WIDTH, decode

# So many buckets of the histogram make a bar: two thirds more each.
STEP = 3
# So many days have their date below them.
MOST_LABELS = 8


def attainment(found: Sequence[Day], promised: Sentence, address: str, explained: str) -> Chart:
    """Attainment by day, each facility's days its own; missed days are marked."""
    rows = by_day(found)
    objective = promised.objective
    missed = [day for day, good, bad in rows if _is_missed(good, bad, objective)]
    shares = [good / (good + bad) for _, good, bad in rows]
    return Chart(
        name="attainment",
        heading="Attainment by day",
        aside="diamond: day missed" if objective else "no objective",
        summary=_attainment_words(rows, missed, objective),
        columns=[
            Column("Day", _day, is_number=False),
            Column("In time", wording.count),
            Column("Due", wording.count),
            Column("Within SLA %", wording.percent),
        ],
        rows=[(day, good, good + bad, good / (good + bad)) for day, good, bad in rows],
        drawing=partial(
            attainment_line,
            [day.isoformat() for day, _, _ in rows],
            [100 * share for share in shares],
            [day in missed for day, _, _ in rows],
            objective=100 * objective if objective else None,
            changes=[day.isoformat() for day in promised.days],
        ),
        address=f"{address}&chart=attainment",
        explained=explained,
        shared=address,
    )


def by_day(found: Sequence[Day]) -> list[tuple[date, int, int]]:
    """The days of all lines together, oldest first; without due work there is no day."""
    sums: dict[date, list[int]] = defaultdict(lambda: [0, 0])
    for one in found:
        sums[one.day][0] += one.good
        sums[one.day][1] += one.bad
    return [(day, good, bad) for day, (good, bad) in sorted(sums.items()) if good + bad]


def attainment_line(
    days: Sequence[str],
    shares: Sequence[float],
    missed: Sequence[bool],
    *,
    objective: float | None,
    changes: Sequence[str],
) -> Figure:
    """A line with a diamond on each missed day, the target dotted, a line where it changed."""
    trace = graph_objects().Scatter(
        x=list(days), y=list(shares), mode="lines+markers", name="within SLA",
        line={"color": "var(--tl-s1)", "width": 2},
        marker={
            "symbol": ["diamond" if one else "circle" for one in missed],
            "size": [9 if one else 4 for one in missed],
            "color": ["var(--tl-bad-fill)" if one else "var(--tl-s1)" for one in missed],
        },
        hovertemplate="%{y:.2f} %",
    )  # fmt: skip
    shapes = [limit(objective)] if objective else []
    shapes += [_upright(day) for day in changes]
    step = -(-len(days) // MOST_LABELS) or 1
    axis = {"tickvals": list(days)[::-step][::-1], "tickformat": "%-d %b", "tickformatstops": []}
    return figure([trace], xaxis=axis, yaxis={"ticksuffix": " %"}, shapes=shapes)


def spread(card: Card, promised: Sentence, address: str, explained: str) -> Chart:
    """How latencies are spread, in logarithmic steps; what is over the limit is red."""
    bars = _bars(card)
    most = promised.limit.total_seconds() * 1000 if promised.limit else None
    return Chart(
        name="spread",
        heading="Latency distribution",
        aside=f"{wording.count(card.bad)} late, open ones included",
        summary=_spread_words(card),
        columns=[
            Column("From", wording.latency),
            Column("To", wording.latency),
            Column("Transactions", wording.count),
        ],
        rows=bars,
        drawing=partial(spread_bars, bars, limit_ms=most),
        address=f"{address}&chart=spread",
        explained=explained,
        shared=address,
    )


def spread_bars(bars: Sequence[tuple[float, float, int]], *, limit_ms: float | None) -> Figure:
    """Bars side by side; a dotted line before the first that is wholly over the limit."""
    over = [limit_ms is not None and low >= limit_ms for low, _, _ in bars]
    trace = graph_objects().Bar(
        x=[wording.latency(high) for _, high, _ in bars], y=[count for _, _, count in bars],
        marker={"color": ["var(--tl-bad-fill)" if one else "var(--tl-s1)" for one in over]},
        name="transactions", hovertemplate="up to %{x}: %{y:,}",
    )  # fmt: skip
    shapes = [_upright(over.index(True) - 0.5)] if True in over else []
    return figure([trace], xaxis={"type": "category"}, bargap=0.15, shapes=shapes)


def _bars(card: Card) -> list[tuple[float, float, int]]:
    counts = decode(card.histogram)
    groups = [sum(counts[start : start + STEP]) for start in range(0, len(counts), STEP)]
    held = [n for n, count in enumerate(groups) if count]
    if not held:
        return []
    return [
        (exp(n * STEP * WIDTH), exp((n + 1) * STEP * WIDTH), groups[n])
        for n in range(held[0], held[-1] + 1)
    ]


def _upright(at: str | float) -> Figure:
    return {
        "type": "line", "yref": "y domain", "y0": 0, "y1": 1, "x0": at, "x1": at,
        "line": {"color": "var(--tl-ink-3)", "dash": "dot", "width": 1},
    }  # fmt: skip


def _is_missed(good: int, bad: int, objective: float | None) -> bool:
    return objective is not None and good < objective * (good + bad)


def _attainment_words(
    rows: Sequence[tuple[date, int, int]], missed: Sequence[date], objective: float | None
) -> str:
    if not rows:
        return "Nothing was due on these days."
    days = "1 day" if len(rows) == 1 else f"{len(rows)} days"
    if objective is None:
        return f"{days} with due work; there is no objective."
    if not missed:
        return f"Kept on each of {days} with due work."
    return f"Missed on {len(missed)} of {days} with due work, last on {_day(missed[-1])}."


def _spread_words(card: Card) -> str:
    p95, p50 = card.quantiles(0.95, 0.5)
    if p95 is None:
        return "Nothing was timed in this window."
    return f"Half took {wording.latency(p50)} or less, 95 of 100 {wording.latency(p95)} or less."


def _day(of: date) -> str:
    return f"{of.day} {of:%b}"


def gone_since(found: Sequence[Day], allowed: int, late: int) -> date | None:
    """The day on which more were late than the budget allows: counted back from today, so that
    what the first day held before the window began does not matter."""
    gone, left = None, late
    for day, _, bad in reversed(by_day(found)):
        if left <= allowed:
            break
        gone, left = day, left - bad
    return gone
