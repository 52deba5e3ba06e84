"""A figure, the table of all of them, and the file that keeps them."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from bench.place import PROJECT, RESULTS


@dataclass(frozen=True)
class Figure:
    """A measured value, the limit measured or set beside it, and how one stands to the other."""

    name: str
    value: float
    unit: str
    limit: float
    ratio: float
    goal: str
    met: bool
    note: str = ""

    @classmethod
    def at_least(
        cls, name: str, value: float, unit: str, limit: float, goal: float, **more: object
    ) -> Self:
        """More is better: the ratio to the limit is to reach the goal."""
        ratio = float(more.pop("ratio", None) or value / limit)
        note = str(more.get("note", ""))
        return cls(name, value, unit, limit, ratio, f">= {goal:g}", ratio >= goal, note)

    @classmethod
    def at_most(
        cls, name: str, value: float, unit: str, limit: float, goal: float = 1.0, **more: object
    ) -> Self:
        """Less is better: the ratio to the limit is to stay within the goal."""
        ratio = float(more.pop("ratio", None) or value / limit)
        note = str(more.get("note", ""))
        return cls(name, value, unit, limit, ratio, f"<= {goal:g}", ratio <= goal, note)


def table(figures: Sequence[Figure]) -> str:
    """One line a figure."""
    head = ["figure", "value", "limit", "unit", "ratio", "goal", "met", "note"]
    rows = [head] + [
        [
            one.name, number(one.value), number(one.limit), one.unit, f"{one.ratio:.2f}",
            one.goal, "yes" if one.met else "NO", one.note,
        ]
        for one in figures
    ]  # fmt: skip
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    numeric = {1, 2, 4}
    lines = [
        "  ".join(
            cell.rjust(width) if column in numeric else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    return "\n".join([lines[0], "-" * len(lines[0]), *lines[1:]])


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def keep(figures: Sequence[Figure], *, quick: bool) -> None:
    """Write the figures to results.json; those not measured this time stay, with their moment."""
    known = {one["name"]: one for one in _kept()}
    stamp = {"commit": commit(), "measured_at": datetime.now(UTC).isoformat(timespec="seconds")}
    for figure in figures:
        known[figure.name] = {**asdict(figure), "quick": quick, **stamp}
    RESULTS.write_text(
        json.dumps({"machine": machine(), "figures": list(known.values())}, indent=2) + "\n"
    )


def _kept() -> list[dict[str, object]]:
    try:
        kept: list[dict[str, object]] = json.loads(RESULTS.read_text())["figures"]
    except (FileNotFoundError, ValueError, KeyError):
        return []
    return kept


def machine() -> dict[str, object]:
    """What the figures were measured on."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "load_before": [round(load, 1) for load in os.getloadavg()],
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.split(":")[1].strip() for line in lines if "model name" in line), "")


def commit() -> str:
    """The commit measured, marked when the tree differs from it."""
    words = ["git", "-C", str(PROJECT), "describe", "--always", "--dirty", "--abbrev=12"]
    return subprocess.run(words, capture_output=True, text=True, check=False).stdout.strip()
