"""Trials side by side: what is measured and its limit take turns, so both meet the same machine."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True)
class Pair:
    """Medians of both sides, and the median of the ratios of neighbours."""

    value: float
    limit: float
    ratio: float
    spread: str


def paired(value: Callable[[int], float], limit: Callable[[int], float], *, pairs: int) -> Pair:
    """Run both sides `pairs` times, each turn the other one first. The argument is the turn."""
    values, limits = [], []
    for turn in range(pairs):
        if turn % 2:
            values.append(value(turn))
            limits.append(limit(turn))
        else:
            limits.append(limit(turn))
            values.append(value(turn))
    ratios = [one / other for one, other in zip(values, limits, strict=True)]
    spread = f"{min(ratios):.2f}-{max(ratios):.2f} over {pairs}"
    return Pair(median(values), median(limits), median(ratios), spread)


def seconds(act: Callable[[], object]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def quantile(values: list[float], fraction: float) -> float:
    """The value below which this share lies; the nearest one measured, never an invention."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(fraction * len(ordered)))]
