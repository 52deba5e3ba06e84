"""The catalogue as clients read it: the types of GET /api/v1/catalogue."""

from datetime import datetime

import msgspec


class AliasEntry(msgspec.Struct):
    """What a system calls a facility; without a system, a name open to every sender."""

    system: str | None
    alias: str


class FacilityEntry(msgspec.Struct):
    """A place events may name; `parent` is null at the top of what the caller may see."""

    code: str
    name: str
    kind: str
    parent: str | None
    time_zone: str
    active: bool
    aliases: list[AliasEntry]


class StageEntry(msgspec.Struct):
    """A step of a workflow. `terminal_outcome` is null where the transaction goes on."""

    code: str
    name: str
    rank: int
    system: str | None
    phase: str
    terminal_outcome: str | None
    reopens: bool
    optional: bool


class TargetEntry(msgspec.Struct):
    """A promise and when it is in force; without a facility, for the whole network."""

    facility: str | None
    threshold_seconds: int
    objective: float
    effective_from: datetime
    effective_to: datetime | None
    why: str | None


class ClockEntry(msgspec.Struct):
    """What is timed: from the start stage to the stop stage or any later one."""

    kind: str
    name: str
    start_stage: str
    stop_stage: str
    measure: str
    targets: list[TargetEntry]


class WorkflowEntry(msgspec.Struct):
    """A workflow with its stages in rank order."""

    code: str
    number: str
    name: str
    stages: list[StageEntry]
    clocks: list[ClockEntry]


class InterfaceEntry(msgspec.Struct):
    """A way from one system to another."""

    code: str
    name: str
    protocol: str
    pattern: str
    source: str
    target: str
    workflow: str | None
    expected_gap_seconds: int | None
    active: bool


class SystemEntry(msgspec.Struct):
    """A system that sends, receives or carries messages."""

    code: str
    name: str
    kind: str


class Catalogue(msgspec.Struct):
    """All that a client needs to send valid events. `version` changes with every change."""

    version: int
    facilities: list[FacilityEntry]
    workflows: list[WorkflowEntry]
    interfaces: list[InterfaceEntry]
    systems: list[SystemEntry]
