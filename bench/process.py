"""CPU time and memory of whole process trees, from /proc."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
KIB_PER_MIB = 1024


@dataclass(frozen=True)
class Memory:
    """MiB: `proportional` shares what is shared (PSS), `resident` counts it in full (RSS),
    `largest` is the RSS of the largest process."""

    proportional: float
    resident: float
    largest: float


def cpu_seconds(roots: Iterable[int]) -> float:
    """User and system time of these processes, all below them, and all that ended below them."""
    return sum(_ticks(pid) for pid in trees(roots)) / TICKS_PER_SECOND


def scheduled_seconds(pid: int) -> float:
    """CPU time of one process by the scheduler's account, finer than the ticks of the others."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def memory(roots: Iterable[int]) -> Memory:
    """What these processes and all below them hold."""
    pages = [_smaps(pid) for pid in trees(roots)]
    resident = [page.get("Rss", 0) / KIB_PER_MIB for page in pages]
    return Memory(
        proportional=sum(page.get("Pss", 0) for page in pages) / KIB_PER_MIB,
        resident=sum(resident),
        largest=max(resident),
    )


def trees(roots: Iterable[int]) -> set[int]:
    """These processes and all below them."""
    children: dict[int, list[int]] = {}
    for pid, fields in _everybody():
        children.setdefault(int(fields[1]), []).append(pid)
    found, queue = set(), list(roots)
    while queue:
        pid = queue.pop()
        if pid not in found:
            found.add(pid)
            queue += children.get(pid, [])
    return found


def _everybody() -> Iterable[tuple[int, list[str]]]:
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            yield int(entry.name), fields


def _stat(pid: int) -> list[str]:
    """The fields after the command: state, parent, ...; nothing for a process that is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return []


def _ticks(pid: int) -> int:
    fields = _stat(pid)
    return sum(int(field) for field in fields[11:15])


def _smaps(pid: int) -> dict[str, int]:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    except OSError:
        return {}
    return {line.split(":")[0]: int(line.split()[1]) for line in lines}
