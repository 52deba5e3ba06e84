"""What is measured: one module a figure, in the order in which they run."""

from collections.abc import Callable, Iterator

from bench.bench import Bench
from bench.figures import (
    accept,
    bulk,
    cpu,
    fold,
    growth,
    pages,
    queue,
    reading,
    system,
    visible,
    workers,
)
from bench.report import Figure

FIGURES: dict[str, Callable[[Bench], Iterator[Figure]]] = {
    "accept": accept.measure,
    "fold": fold.measure,
    "system": system.measure,
    "cpu": cpu.measure,
    "visible": visible.measure,
    "reading": reading.measure,
    "pages": pages.measure,
    "queue": queue.measure,
    "bulk": bulk.measure,
    "growth": growth.measure,
    "workers": workers.measure,
}
