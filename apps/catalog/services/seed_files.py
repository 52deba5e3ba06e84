"""The catalogue's data files, row by row, in the terms of the models."""

import re
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

SEED = Path(__file__).parent.parent / "seed"
# A business day is nine open hours, as for targets.
DUE_UNITS = {
    "m": (60, "elapsed"),
    "h": (3_600, "elapsed"),
    "bh": (3_600, "business"),
    "bd": (9 * 3_600, "business"),
}

Row = dict[str, Any]


def load_rows(directory: Path) -> tuple[dict[str, list[Row]], list[Row]]:
    """Every row of the data files by kind, and the targets, most particular first."""
    files = {path.stem: tomllib.loads(path.read_text()) for path in directory.glob("*.toml")}
    places = files["facilities"]["facility"]
    workflows = files["workflows"]["workflow"]
    rows = {
        **{name: files["systems"][name] for name in ("system", "team", "interface")},
        "calendar": files["calendars"]["calendar"],
        "hours": list(hours_rows(files["calendars"]["hours"])),
        "holiday": files["calendars"]["holiday"],
        "facility": [without(place, "aliases") for place in places],
        "alias": list(alias_rows(places)),
        "workflow": list(workflow_rows(workflows)),
        "stage": list(stage_rows(workflows)),
        "clock": list(clock_rows(workflows)),
    }
    exceptions = files["exceptions"]["exception"]
    rows |= {
        "exception": [
            {"code": one["code"], "position": position}
            for position, one in enumerate(exceptions, start=1)
        ],
        "signal": list(signal_rows(exceptions)),
        "playbook": [playbook_row(one) for one in exceptions],
        "deadline": [{"payer": "", **one} for one in files["routing"]["deadline"]],
        "rule": files["routing"]["rule"],
    }
    targets = list(target_rows(workflows, places))
    return rows, sorted(targets, key=lambda row: row["facility"] is None)


def hours_rows(groups: Sequence[Row]) -> Iterator[Row]:
    for group in groups:
        for weekday in group["weekdays"]:
            yield {**without(group, "weekdays"), "weekday": weekday}


def alias_rows(places: Sequence[Row]) -> Iterator[Row]:
    for place in places:
        for system, alias in place.get("aliases", {}).items():
            yield {"system": system, "alias": alias, "facility": place["code"]}


def workflow_rows(workflows: Sequence[Row]) -> Iterator[Row]:
    for position, workflow in enumerate(workflows, start=1):
        fields = without(workflow, "stages", "integration", "business")
        yield {**fields, "position": position}


def stage_rows(workflows: Sequence[Row]) -> Iterator[Row]:
    for workflow in workflows:
        for rank, stage in enumerate(workflow["stages"], start=1):
            yield {
                **without(stage, "ends"),
                "workflow": workflow["code"],
                "rank": rank,
                "terminal_outcome": stage.get("ends", ""),
            }


def clock_rows(workflows: Sequence[Row]) -> Iterator[Row]:
    for code, kind, clock in clocks(workflows):
        yield {
            "workflow": code,
            "kind": kind,
            "name": clock["name"],
            "start_stage": f"{code}/{clock['start']}",
            "stop_stage": f"{code}/{clock['stop']}",
            "measure": clock["measure"],
        }


def target_rows(workflows: Sequence[Row], places: Sequence[Row]) -> Iterator[Row]:
    for code, kind, clock in clocks(workflows):
        yield target_row(f"{code}/{kind}", None, clock)
        for override in clock.get("overrides", []):
            for place in places:
                if place["kind"] == override["kind"]:
                    yield target_row(f"{code}/{kind}", place["code"], override)


def target_row(clock: str, facility: str | None, source: Row) -> Row:
    return {
        "clock": clock,
        "facility": facility,
        "threshold_seconds": source["threshold"],
        "objective": source["objective"],
        "why": source["why"],
    }


def signal_rows(exceptions: Sequence[Row]) -> Iterator[Row]:
    for one in exceptions:
        for signal in one["signals"]:
            standard, code, location = signal["match"].split()
            yield {
                "kind": one["code"],
                "standard": standard,
                "code": code,
                "location": location,
                "workflow": signal.get("workflow"),
                "target": signal.get("target", ""),
                "error_class": signal["class"],
            }


def playbook_row(source: Row) -> Row:
    """A version in the model's terms; `due` is a number and a unit, as in 4bh."""
    number, unit = re.fullmatch(r"(\d+)(\w+)", source["due"]).groups()  # type: ignore[union-attr]
    size, measure = DUE_UNITS[unit]
    return {
        **without(source, "code", "signals", "due"),
        "kind": source["code"],
        "steps": "\n".join(source["steps"]),
        "due_seconds": int(number) * size,
        "due_measure": measure,
    }


def clocks(workflows: Sequence[Row]) -> Iterator[tuple[str, str, Row]]:
    for workflow in workflows:
        for kind in ("integration", "business"):
            if kind in workflow:
                yield workflow["code"], kind, workflow[kind]


def without(row: Row, *names: str) -> Row:
    return {name: value for name, value in row.items() if name not in names}
