"""Figures of a run, and the report made of them."""

import subprocess
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection

from config.embedded.place import PROJECT
from tests.chaos.faults import Struck
from tests.chaos.load import Ledger

# From the commit that acknowledged a batch to the commit that put it into the rollups.
LAGS = """
SELECT extract(epoch FROM folded_at - received_at)::float8 FROM telemetry_ingestbatch
 WHERE state = 1 AND received_at >= %(start)s AND received_at < %(end)s
"""


@dataclass(frozen=True)
class Window:
    """A part of the run, in seconds since 1970."""

    start: float
    end: float


def spread(values: Iterable[float], *, digits: int = 3) -> dict[str, float]:
    """Median, 99th percentile and largest."""
    ordered = sorted(values)
    if not ordered:
        return {}
    return {
        "p50": round(_at(ordered, 0.50), digits),
        "p99": round(_at(ordered, 0.99), digits),
        "max": round(ordered[-1], digits),
    }


def _at(ordered: Sequence[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def fold_lag(window: Window) -> dict[str, float]:
    """Seconds from acknowledged to scored, of the batches acknowledged in the window."""
    start, end = (datetime.fromtimestamp(moment, UTC) for moment in (window.start, window.end))
    with connection.cursor() as cursor:
        cursor.execute(LAGS, {"start": start, "end": end})
        return spread(row[0] for row in cursor.fetchall())


def accept_latency(ledger: Ledger, window: Window) -> dict[str, float]:
    """Seconds a 202 took to come."""
    return spread(seconds for when, seconds in ledger.accepted if window.start <= when < window.end)


def refusals(ledger: Ledger, window: Window) -> dict[str, dict[str, float]]:
    """How many requests were not accepted in the window, why, and how long that took to say."""
    by_reason: dict[str, list[float]] = {}
    for when, reason, seconds in list(ledger.refused):
        if window.start <= when < window.end:
            by_reason.setdefault(reason, []).append(seconds)
    return {reason: {"count": len(took), **spread(took)} for reason, took in by_reason.items()}


def faults(struck: Iterable[Struck]) -> dict[str, int]:
    return dict(sorted(Counter(one.kind for one in struck).items()))


def commit() -> str:
    result = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=PROJECT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return result.stdout.strip()


def as_text(report: dict[str, Any]) -> str:
    """The report for people: one line a figure, what is wrong last."""
    lines = []
    for name, value in report.items():
        if name == "wrong":
            continue
        if isinstance(value, dict):
            value = ", ".join(f"{key} {entry}" for key, entry in value.items())
        lines.append(f"{name.replace('_', ' '):<24} {value}")
    verdict = report["wrong"] or ["nothing lost, nothing doubled, no cell differs"]
    return "\n".join([*lines, *(f"{'WRONG' if report['wrong'] else 'OK'}: {v}" for v in verdict)])
