"""The catalogue as immutable look-ups in this process: names to ids without asking the database.

Ingest resolves every event against it. A copy is kept until the catalogue's version changes, which
is looked at no more than once a second; a change is loaded with a single statement.
"""

import time
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from zoneinfo import ZoneInfo

import msgspec

from apps.core.db import fetch_one, fetch_value

CHECK_EVERY_SECONDS = 1.0
# Kinds of facilities where business happens.
SITES = frozenset({"hospital", "clinic", "asc", "lab", "business_office"})

CURRENT_VERSION = "SELECT version FROM catalog_catalogversion WHERE id = 1"

# One statement sees one state, so the version and the content cannot disagree.
LOAD_SNAPSHOT = """
SELECT v.version, json_build_object(
    'facilities', (SELECT coalesce(json_agg(json_build_object(
        'id', id, 'code', code, 'name', name, 'short_name', short_name, 'kind', kind,
        'parent_id', parent_id, 'path', path, 'time_zone', time_zone, 'active', active)
        ORDER BY string_to_array(btrim(path, '/'), '/')::integer[]), '[]') FROM catalog_facility),
    'aliases', (SELECT coalesce(json_agg(json_build_object(
        'system_id', system_id, 'alias', alias, 'facility_id', facility_id)), '[]')
        FROM catalog_facilityalias),
    'systems', (SELECT coalesce(json_agg(json_build_object(
        'id', id, 'code', code, 'name', name, 'kind', kind)), '[]') FROM catalog_system),
    'interfaces', (SELECT coalesce(json_agg(json_build_object(
        'id', id, 'code', code, 'name', name, 'workflow_id', workflow_id, 'source_id', source_id,
        'target_id', target_id, 'expected_gap_seconds', expected_gap_seconds, 'active', active)
        ORDER BY code), '[]') FROM catalog_interface),
    'workflows', (SELECT coalesce(json_agg(json_build_object(
        'id', id, 'code', code, 'number', number, 'name', name, 'short_name', short_name)
        ORDER BY position, code), '[]') FROM catalog_workflow),
    'stages', (SELECT coalesce(json_agg(json_build_object(
        'id', id, 'workflow_id', workflow_id, 'rank', rank, 'code', code, 'name', name,
        'system_id', system_id, 'phase', phase, 'terminal_outcome', terminal_outcome,
        'reopens', reopens, 'optional', optional)
        ORDER BY workflow_id, rank), '[]') FROM catalog_stage))::text AS document
  FROM catalog_catalogversion v WHERE v.id = 1
"""


@dataclass(frozen=True, slots=True)
class Facility:
    """A place; `path` holds the ids from the root down, as in /1/4/."""

    id: int
    code: str
    name: str
    short_name: str
    kind: str
    parent_id: int | None
    path: str
    time_zone: str
    active: bool


@dataclass(frozen=True, slots=True)
class Alias:
    """A system's name for a facility; without a system, everybody's."""

    system_id: int | None
    alias: str
    facility_id: int


@dataclass(frozen=True, slots=True)
class System:
    """A sender, receiver or carrier."""

    id: int
    code: str
    name: str
    kind: str


@dataclass(frozen=True, slots=True)
class Interface:
    """A way from one system to another."""

    id: int
    code: str
    name: str
    workflow_id: int | None
    source_id: int
    target_id: int
    expected_gap_seconds: int | None
    active: bool


@dataclass(frozen=True, slots=True)
class Workflow:
    """A kind of business."""

    id: int
    code: str
    number: str
    name: str
    short_name: str


@dataclass(frozen=True, slots=True)
class Stage:
    """A step of a workflow."""

    id: int
    workflow_id: int
    rank: int
    code: str
    name: str
    system_id: int | None
    phase: str
    terminal_outcome: str
    reopens: bool
    optional: bool


@dataclass(frozen=True)
class Document:
    """What LOAD_SNAPSHOT returns."""

    facilities: tuple[Facility, ...]
    aliases: tuple[Alias, ...]
    systems: tuple[System, ...]
    interfaces: tuple[Interface, ...]
    workflows: tuple[Workflow, ...]
    stages: tuple[Stage, ...]


@dataclass(frozen=True)
class Snapshot:
    """One state of the catalogue. Look-ups by code are for senders, by id for pages."""

    version: int
    document: Document = field(repr=False)

    @cached_property
    def facilities(self) -> Mapping[str, Facility]:
        return {row.code: row for row in self.document.facilities}

    @cached_property
    def facilities_by_id(self) -> Mapping[int, Facility]:
        return {row.id: row for row in self.document.facilities}

    @cached_property
    def aliases(self) -> Mapping[tuple[int | None, str], Facility]:
        places = self.facilities_by_id
        return {
            (row.system_id, row.alias): places[row.facility_id] for row in self.document.aliases
        }

    @cached_property
    def systems(self) -> Mapping[str, System]:
        return {row.code: row for row in self.document.systems}

    @cached_property
    def interfaces(self) -> Mapping[str, Interface]:
        return {row.code: row for row in self.document.interfaces}

    @cached_property
    def workflows(self) -> Mapping[str, Workflow]:
        return {row.code: row for row in self.document.workflows}

    @cached_property
    def workflows_by_id(self) -> Mapping[int, Workflow]:
        return {row.id: row for row in self.document.workflows}

    @cached_property
    def stages(self) -> Mapping[tuple[int, str], Stage]:
        return {(row.workflow_id, row.code): row for row in self.document.stages}

    @cached_property
    def stages_by_id(self) -> Mapping[int, Stage]:
        return {row.id: row for row in self.document.stages}

    @cached_property
    def subtrees(self) -> Mapping[int, frozenset[int]]:
        """Each facility's own id and those of everything below it."""
        below: dict[int, set[int]] = {}
        for row in self.document.facilities:
            for step in row.path.strip("/").split("/"):
                below.setdefault(int(step), set()).add(row.id)
        return {root: frozenset(ids) for root, ids in below.items()}

    def resolve_facility(self, text: str, system_id: int | None = None) -> Facility | None:
        """The active place meant by a code, the sender's own alias, or an alias open to all."""
        place = (
            self.facilities.get(text)
            or self.aliases.get((system_id, text))
            or self.aliases.get((None, text))
        )
        return place if place and place.active else None

    def zone_of(self, facilities: Iterable[int]) -> ZoneInfo:
        """The zone most of these sites are in: for times that belong to no single one."""
        places = (self.facilities_by_id[one] for one in facilities if one in self.facilities_by_id)
        sites = Counter(place.time_zone for place in places if place.kind in SITES)
        return ZoneInfo(sites.most_common(1)[0][0] if sites else "UTC")

    def facility_names(self, system_id: int | None = None) -> dict[str, int]:
        """Every name resolve_facility would understand from one sender, with the facility's id."""
        senders = {None, system_id}
        names = {name for owner, name in self.aliases if owner in senders} | set(self.facilities)
        places = ((name, self.resolve_facility(name, system_id)) for name in names)
        return {name: place.id for name, place in places if place}


@dataclass(frozen=True)
class _Loaded:
    version: int
    document: str


@dataclass
class _Kept:
    """This process's copy. Threads may refresh it twice at once, which only costs a query."""

    snapshot: Snapshot | None = None
    checked_at: float = float("-inf")


_kept = _Kept()


def snapshot() -> Snapshot:
    """The catalogue as of at most a second ago."""
    kept = _kept.snapshot
    if kept and time.monotonic() - _kept.checked_at < CHECK_EVERY_SECONDS:
        return kept
    _kept.checked_at = time.monotonic()
    if kept is None or kept.version != fetch_value(CURRENT_VERSION):
        kept = _kept.snapshot = load_snapshot()
    return kept


def load_snapshot() -> Snapshot:
    """Read the whole catalogue in one statement."""
    row = fetch_one(LOAD_SNAPSHOT, {}, row=_Loaded)
    return Snapshot(row.version, msgspec.json.decode(row.document, type=Document))


def forget_snapshot() -> None:
    """Look again at the next call; for those who have just changed the catalogue."""
    _kept.checked_at = float("-inf")
