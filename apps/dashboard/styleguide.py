"""What the style guide shows: invented figures of places that do not exist, in every state."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from django.urls import reverse
from django.utils.safestring import SafeString

from apps.dashboard import glyphs, heat, wording
from apps.dashboard.charts import Chart, Column
from apps.dashboard.charts.figures import latency_lines
from apps.dashboard.looks import Severity, Status
from apps.dashboard.tiles import Change, Tile

START = datetime(2026, 3, 2, tzinfo=UTC)
SWATCHES = (
    ("Status", "f-ok f-warn f-bad f-info f-mute"),
    ("Heat, from well over to missed", "k0 k1 k2 k3 k4 ks"),
)
TILES = (
    Tile("Messages", "231,806", change=Change("4 % under usual", icon="trending-down")),
    Tile("Within SLA", "98.1", "%", "late and open is missed", address="/keys/"),
    Tile("p95 latency", "41", "s", change=Change("was 36 s last Monday", "warn", "trending-up")),
    Tile("Overdue", "2,319", foot="drains in 3 h 10 m", icon="alert-triangle",
         change=Change("12 times the usual", "bad", "alert-triangle")),
    Tile("Dollars open", "$1.24M", foot="$478.0k at risk",
         change=Change("back to usual", "ok", "circle-check")),
    Tile("First pass", wording.NOTHING, foot="too few to judge, n = 7"),
)  # fmt: skip
# Facility, remittances, share in time by day, p95, backlog, dollars, status, low and high share.
FACILITIES: tuple[tuple[Any, ...], ...] = (
    ("Harbor View Medical Center", 2964, (98.9, 99.1, 98.7, 99.2, 98.8, 99.0, 98.9), "22 min", 41,
     "$118,204", Status.MET, 98.4, 99.3),
    ("Oak Street Clinic", 1812, (98.2, 97.9, 97.6, 97.2, 96.4, 95.8, 95.1), "3.2 h", 402,
     "$402,118", Status.MISSED, 94.6, 95.9),
    ("Pine Ridge Hospital", 1540, (98.4, 98.1, None, None, 97.6, 97.9, 97.2), "1.4 h", 88,
     "$96,040", Status.AT_RISK, 96.5, 97.8),
    ("Lakeside Surgery Center", 7, (100.0,), "9 min", 0, "$0", Status.TOO_FEW, 92.6, 100.0),
)  # fmt: skip
# With a limit of 24 h: what is older is coloured.
AGES = (
    ("under 1 h", 1204, 31_000, "f-mute"), ("1 to 4 h", 640, 88_500, "f-mute"),
    ("4 to 24 h", 212, 240_100, "f-mute"), ("1 to 3 d", 61, 96_700, "f-warn"),
    ("over 3 d", 18, 22_400, "f-bad"),
)  # fmt: skip
SHARES = (("in time", 9033.0, "f-ok"), ("late", 185.0, "f-bad"), ("excluded", 61.0, "f-line"))
HEAT = (
    ("Eligibility", "95", ("98.8", "3 · 0.9 s", heat.WELL_OVER), ("95.9", "4 · 1.2 s", heat.MET),
     ("94.1", "33 · 4 s", heat.SLIPPING), ("96.5", "n=7", heat.FEW)),
    ("Claims", "97", ("91.3", "88 · 3.6 h", heat.MISSED), ("95.8", "96 · 2 h", heat.AT_RISK),
     ("Silent", "37 min", heat.SILENT), ("no data", "0 open", heat.NONE_DUE)),
)  # fmt: skip
NOTES = (
    ("info", "info-circle", "12 November was restated: a late batch moved it from 98.1 to 98.6."),
    ("warn", "alert-triangle", "One feed is late: up to 40 payments may still arrive."),
    ("ok", "circle-check", "Published and frozen on 2 March."),
    ("mute", "tool", "Maintenance from 22:00 to 23:30; not counted."),
)
TOASTS = (
    ("success", "The key was issued. It is shown once, below."),
    ("warning", "Two of three rows were changed; one is read only for you."),
    ("error", "Something broke on our side. What you see is as it was."),
)


def context() -> dict[str, Any]:
    """Everything the page needs."""
    return {
        "statuses": list(Status), "severities": list(Severity), "swatches": _swatches(),
        "tiles": TILES, "facilities": [_facility(*row) for row in FACILITIES],
        "ages": [_age(*row) for row in AGES], "shares": SHARES, "legend": heat.LEGEND,
        "heat_rows": [_heat_row(*row) for row in HEAT], "notes": NOTES, "toasts": TOASTS,
        "chart": chart(),
    }  # fmt: skip


def chart() -> Chart:
    """Three quantiles of a day that never was."""
    hours = [START + timedelta(hours=n) for n in range(24)]
    p50 = [20_000 + 600 * (n % 5) for n in range(24)]
    p95 = [41_000 + (n * 37 % 11) * 2_500 + (260_000 if n in (9, 10, 11) else 0) for n in range(24)]
    times = [one.isoformat() for one in hours]
    return Chart(
        "latency", "Latency", "by hour; dotted: the limit", "p95 was above the limit from 9 to 12.",
        (Column("Hour", lambda one: f"{one:%H:%M}"), Column("p50", wording.latency),
         Column("p95", wording.latency)),
        list(zip(hours, p50, p95, strict=True)),
        partial(latency_lines, times, {"p50": p50, "p95": p95}, limit_ms=240_000),
        reverse("dashboard:styleguide"),
    )  # fmt: skip


def _swatches() -> list[tuple[str, list[str]]]:
    return [(name, classes.split()) for name, classes in SWATCHES]


def _facility(
    name: str, count: int, days: tuple[float | None, ...], p95: str, open_items: int,
    dollars: str, status: Status, low: float, high: float,
) -> dict[str, Any]:  # fmt: skip
    share = next(one for one in reversed(days) if one is not None)
    return {
        "name": name, "count": wording.count(count), "share": f"{share:.1f}", "p95": p95,
        "open": open_items, "dollars": dollars, "status": status,
        "spark": glyphs.spark(days, 98, label="Within SLA"),
        "range": glyphs.value_range(low, share, high, least=90, most=100),
    }  # fmt: skip


def _age(name: str, items: int, dollars: int, css: str) -> dict[str, Any]:
    return {
        "name": name, "items": wording.count(items), "dollars": wording.brief_money(dollars * 100),
        "left": glyphs.bar(items, 1204, css=css, side="right"),
        "right": glyphs.bar(dollars, 240_100, css=css),
    }  # fmt: skip


def _heat_row(name: str, objective: str, *cells: tuple[str, str, heat.Tone]) -> dict[str, Any]:
    written = [heat.as_cell(tone, "#heat", tone.word, *lines) for *lines, tone in cells]
    return {"name": name, "objective": objective, "cells": SafeString("".join(written))}
