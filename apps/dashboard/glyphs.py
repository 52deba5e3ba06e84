"""Small drawings made on the server: a sparkline, a range, bars. Each below 400 bytes.

Geometry is SVG attributes, colours are classes, and whoever does not see it hears the figures.
"""

from collections.abc import Sequence

from django.utils.html import format_html_join
from django.utils.safestring import SafeString

from apps.core.markup import markup

WIDTH, HEIGHT = 88, 20
# The line keeps this far from the edges, so that its width is not cut off.
MARGIN = 2
MOST_POINTS = 30
RANGE_WIDTH = 128

SPARK = (
    '<svg class="spark {}" viewBox="0 0 88 20" preserveAspectRatio="none" role="img" '
    'aria-label="{}">{}<path d="{}"/></svg>'
)
TARGET = '<line x2="88" y1="{}" y2="{}"/>'
RANGE = (
    '<svg class="rng" viewBox="0 0 128 20" role="img" aria-label="{}">'
    '<path d="M{} 10H{}M{} 7v6M{} 7v6"/><circle cx="{}" cy="10" r="4"/></svg>'
)
BAR = (
    '<svg class="bar" aria-hidden="true"><rect x="{}%" width="{}%" height="100%" class="{}"/></svg>'
)
STACK = '<svg class="bar" role="img" aria-label="{}">{}</svg>'
PIECE = '<rect x="{}%" width="{}%" height="100%" class="{}"/>'

Values = Sequence[float | None]


def spark(
    values: Values, target: float | None = None, *, label: str = "", worse: str = "below"
) -> SafeString:
    """A line of figures in order of time, gaps left out, with a dotted target.

    It turns red when the last figure is on the `worse` side of the target.
    """
    shown = _thinned(values)
    known = [one for one in shown if one is not None]
    if not known:
        return markup('<span class="dim">{}</span>', "no data")
    low, high = _bounds([*known, *([] if target is None else [target])])
    line = "" if target is None else markup(TARGET, *[_height(target, low, high)] * 2)
    words = _spark_words(label, [one for one in values if one is not None], target)
    return markup(
        SPARK, _spark_tone(known[-1], target, worse), words, line, _path(shown, low, high)
    )


def value_range(
    low: float, middle: float, high: float, *, least: float, most: float, label: str = ""
) -> SafeString:
    """A figure with how sure it is: a dot between whiskers, on a scale shared by a column."""
    span = (most - least) or 1
    at = [round(6 + (RANGE_WIDTH - 12) * (one - least) / span) for one in (low, middle, high)]
    words = f"{label} {_text(middle)}, between {_text(low)} and {_text(high)}".strip()
    return markup(RANGE, words, at[0], at[2], at[0], at[2], at[1])


def bar(value: float, most: float, *, css: str = "f-info", side: str = "left") -> SafeString:
    """One horizontal bar from either side; the figure itself stands beside it."""
    share = _share(value, most)
    return markup(BAR, _text(100 - share if side == "right" else 0), _text(share), css)


def stacked(parts: Sequence[tuple[str, float, str]]) -> SafeString:
    """Parts of a whole (word, value, fill) as one bar."""
    total = sum(value for _, value, _ in parts)
    pieces, start = [], 0.0
    for _, value, css in parts:
        share = _share(value, total)
        pieces.append((_text(start), _text(share), css))
        start += share
    words = ", ".join(f"{word} {_text(value)}" for word, value, _ in parts)
    return markup(STACK, words, format_html_join("", PIECE, pieces))


def severity_bars(rank: int) -> SafeString:
    """Signal bars: four for the first severity, one for the fourth."""
    bars = ((1 + 3.5 * n, 9 - 2.5 * n, 4 + 2.5 * n, "" if n <= 4 - rank else "o") for n in range(4))
    rects = format_html_join(
        "", '<rect x="{}" y="{}" width="2.5" height="{}" rx=".5" class="{}"/>', bars
    )
    return markup('<svg viewBox="0 0 16 14" aria-hidden="true">{}</svg>', rects)


def _thinned(values: Values) -> Values:
    """At most so many points; of each group the one farthest from the middle, so a dip stays."""
    if len(values) <= MOST_POINTS:
        return values
    known = [one for one in values if one is not None]
    middle = sum(known) / len(known) if known else 0
    step = -(-len(values) // MOST_POINTS)
    groups = [values[start : start + step] for start in range(0, len(values), step)]
    return [
        max((one for one in group if one is not None), key=lambda v: abs(v - middle), default=None)
        for group in groups
    ]


def _bounds(known: Sequence[float]) -> tuple[float, float]:
    """What is level is drawn in the middle."""
    low, high = min(known), max(known)
    return (low - 1, high + 1) if low == high else (low, high)


def _height(value: float, low: float, high: float) -> int:
    return round(HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (value - low) / (high - low))


def _path(values: Values, low: float, high: float) -> str:
    """Moves to each point after a gap, and draws to the others."""
    steps, joined = [], False
    for n, value in enumerate(values):
        if value is not None:
            x = round(WIDTH * n / max(len(values) - 1, 1))
            steps.append(f"{'L' if joined else 'M'}{x} {_height(value, low, high)}")
        joined = value is not None
    # A single point has no length; a short stroke shows it.
    return "".join(steps) + ("h3" if len(steps) == 1 else "")


def _spark_tone(last: float, target: float | None, worse: str) -> str:
    if target is None:
        return ""
    return "bad" if (last > target if worse == "above" else last < target) else ""


def _spark_words(label: str, known: Sequence[float], target: float | None) -> str:
    words = (
        f"{len(known)} values, {_text(min(known))} to {_text(max(known))}, now {_text(known[-1])}"
    )
    named = f"{label}: {words}" if label else words
    return named if target is None else f"{named}, target {_text(target)}"


def _share(value: float, whole: float) -> float:
    return 100 * min(max(value / whole, 0), 1) if whole else 0


def _text(value: float) -> str:
    return f"{value:,.2f}".rstrip("0").rstrip(".")
