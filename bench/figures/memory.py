"""What everything together holds, at the end of the load of another figure."""

from collections.abc import Iterator

from bench.instance import Instance
from bench.report import Figure

ALL = ("postgres", "redis", "web", "worker", "beat", "sweep")
MOST_TOGETHER = 400.0
MOST_RESIDENT = {"web": 150.0, "worker": 250.0}


def figures(instance: Instance) -> Iterator[Figure]:
    each = {name: instance.memory(name).proportional for name in ALL}
    yield Figure.at_most(
        "memory of all processes (PSS)", sum(each.values()), "MiB", MOST_TOGETHER,
        note=", ".join(f"{name} {size:.0f}" for name, size in each.items()),
    )  # fmt: skip
    for name, most in MOST_RESIDENT.items():
        held = instance.memory(name)
        yield Figure.at_most(
            f"{name} with its children, resident (RSS)", held.resident, "MiB", most,
            note=f"largest process {held.largest:.0f}",
        )  # fmt: skip
