"""Figures in our looks, built with Plotly. Colours are names of CSS variables (`var(--tl-...)`),
which static/js/charts.js resolves, so one figure serves the light and the dark scheme."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from html import escape
from importlib import import_module
from typing import Any
from zoneinfo import ZoneInfo

from apps.dashboard import wording

CLEAR = "rgba(0,0,0,0)"
# Where a log axis of milliseconds has its marks.
TIME_MARKS = {10: "10 ms", 100: "0.1 s", 1_000: "1 s", 10_000: "10 s", 60_000: "1 min",
              600_000: "10 min", 3_600_000: "1 h", 14_400_000: "4 h", 86_400_000: "1 d",
              604_800_000: "7 d"}  # fmt: skip

# Hours with their day below where it changes, days alone.
DATES = (
    {"dtickrange": [None, 43_200_000], "value": "%H:%M\n%-d %b"},
    {"dtickrange": [43_200_001, None], "value": "%-d %b"},
)

Figure = dict[str, Any]


def graph_objects() -> Any:
    """Plotly, when the first figure is drawn: 31 MB that most processes never need."""
    return import_module("plotly.graph_objects")


def plain(figure: Any, name: str = "") -> Any:
    """The figure with every label as it is meant: Plotly reads `<` in a text as markup.

    Only the templates of hover texts are ours to the letter.
    """
    if isinstance(figure, str):
        return figure if name == "hovertemplate" else escape(figure, quote=False)
    if isinstance(figure, Mapping):
        return {key: plain(value, key) for key, value in figure.items()}
    if isinstance(figure, list | tuple):
        return [plain(value, name) for value in figure]
    return figure


def figure(traces: Sequence[Any], **layout: Any) -> Figure:
    """Traces on our background, checked by Plotly, as plain data."""
    drawn = graph_objects().Figure(list(traces), _layout(**layout)).to_plotly_json()
    # Plotly's own looks, seven kilobytes that ours replace.
    drawn["layout"].pop("template", None)
    return dict(drawn)


def _layout(*, xaxis: Any = None, yaxis: Any = None, **more: Any) -> Figure:
    return {
        "font": {"family": "var(--tl-font)", "size": 11, "color": "var(--tl-ink-2)"},
        "paper_bgcolor": CLEAR,
        "plot_bgcolor": CLEAR,
        "margin": {"l": 8, "r": 8, "t": 8, "b": 8},
        "showlegend": False,
        "hovermode": "x unified",
        "hoverlabel": {
            "bgcolor": "var(--tl-panel)",
            "bordercolor": "var(--tl-line-2)",
            "font": {"color": "var(--tl-ink)", "size": 12},
        },
        "xaxis": _axis() | {"showgrid": False, "tickformatstops": DATES} | (xaxis or {}),
        "yaxis": _axis() | {"nticks": 4} | (yaxis or {}),
        **more,
    }


def _axis() -> dict[str, Any]:
    return {
        "gridcolor": "var(--tl-line)", "linecolor": "var(--tl-line)", "zeroline": False,
        "tickfont": {"size": 11, "color": "var(--tl-ink-3)"}, "automargin": True,
        "fixedrange": True,
    }  # fmt: skip


def local(moments: Sequence[datetime], zone: ZoneInfo) -> list[str]:
    """Times as the clocks of a place show them: Plotly knows no zones."""
    return [one.astimezone(zone).replace(tzinfo=None).isoformat() for one in moments]


def line(times: Sequence[str], values: Sequence[float | None], **more: Any) -> Any:
    """A line that breaks where nothing is known."""
    looks = {"width": 2, "color": "var(--tl-s1)"} | more.pop("line", {})
    return graph_objects().Scatter(
        x=list(times), y=list(values), mode="lines", line=looks, connectgaps=False, **more
    )


def limit(value: float) -> dict[str, Any]:
    """A dotted line across the figure."""
    return {
        "type": "line", "xref": "x domain", "x0": 0, "x1": 1, "y0": value, "y1": value,
        "line": {"color": "var(--tl-ink-3)", "dash": "dot", "width": 1},
    }  # fmt: skip


def band_lines(
    times: Sequence[str],
    values: Sequence[float | None],
    *,
    lows: Sequence[float | None],
    highs: Sequence[float | None],
) -> Figure:
    """Counts over the band that is usual; where none is known yet, the line alone."""
    silent = {"hoverinfo": "skip", "line": {"width": 0}}
    edges = [
        line(times, highs, name="usual high", **silent),
        line(times, lows, name="usual low", fill="tonexty", fillcolor="var(--tl-line-2)",
             **silent),
    ]  # fmt: skip
    found = line(times, values, name="found", hovertemplate="%{y:,}<extra></extra>")
    traces = [*edges, found] if any(high is not None for high in highs) else [found]
    return figure(traces, yaxis={"rangemode": "tozero"})


def latency_lines(
    times: Sequence[str],
    quantiles: Mapping[str, Sequence[float | None]],
    *,
    limit_ms: float | None,
) -> Figure:
    """Quantiles in milliseconds over time, on a log axis, with the limit dotted."""
    traces = [
        line(
            times, values, name=name, line={"color": f"var(--tl-{colour})"},
            customdata=[wording.latency(value) for value in values],
            hovertemplate="%{customdata}",
        )
        for (name, values), colour in zip(quantiles.items(), ("s5", "s1", "s4"), strict=False)
    ]  # fmt: skip
    axis = {"type": "log", "tickvals": list(TIME_MARKS), "ticktext": list(TIME_MARKS.values())}
    return figure(traces, yaxis=axis, shapes=[limit(limit_ms)] if limit_ms else [])
