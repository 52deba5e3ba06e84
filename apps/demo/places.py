"""What the product says exists: the part of GET /api/v1/catalogue that the simulation needs."""

from collections.abc import Iterable, Mapping
from functools import cached_property

from msgspec import Struct, convert

from apps.demo.incidents import Places
from apps.demo.world import Script, World

_LARGE_PAYERS = 2
WORKING = ("hospital", "clinic", "business_office")


class Facility(Struct, frozen=True):
    code: str
    kind: str
    time_zone: str
    active: bool = True


class Stage(Struct, frozen=True):
    code: str
    rank: int
    system: str | None = None


class Workflow(Struct, frozen=True):
    code: str
    stages: list[Stage]


class Interface(Struct, frozen=True):
    code: str
    active: bool = True


class Catalogue(Struct, frozen=True, dict=True):
    """Facilities, workflows and interfaces of one installation."""

    facilities: list[Facility]
    workflows: list[Workflow]
    interfaces: list[Interface]

    @cached_property
    def working(self) -> list[Facility]:
        """The facilities that do business of their own."""
        return [each for each in self.facilities if each.active and each.kind in WORKING]

    @cached_property
    def systems(self) -> dict[tuple[str, str], str]:
        """The system in which each stage happens, by workflow and stage code."""
        return {
            (workflow.code, stage.code): stage.system or "network"
            for workflow in self.workflows
            for stage in workflow.stages
        }

    @cached_property
    def lines(self) -> frozenset[str]:
        """The codes of the interfaces in use."""
        return frozenset(each.code for each in self.interfaces if each.active)

    def where(self, payers: Mapping[str, int]) -> Places:
        """Where incidents can strike: hospitals, and payers large enough to be missed."""
        hospitals = sorted(each.code for each in self.working if each.kind == "hospital")
        large = sorted(payers, key=lambda payer: -payers[payer])[:_LARGE_PAYERS]
        return Places(hospitals=hospitals, payers=large)


class Mismatch(Exception):
    """The catalogue lacks something the simulated network sends."""


def read_catalogue(document: object, world: World) -> Catalogue:
    """The catalogue, once it is known to hold all that will be sent."""
    catalogue = convert(document, Catalogue)
    missing = list(_missing(catalogue, world.workflows))
    if not catalogue.working:
        missing.append("any hospital or clinic")
    if missing:
        raise Mismatch(
            "The catalogue lacks " + ", ".join(missing) + ". Run `manage.py seed` first."
        )
    return catalogue


def _missing(catalogue: Catalogue, scripts: Mapping[str, Script]) -> Iterable[str]:
    for workflow, script in scripts.items():
        for step in script.steps:
            if (workflow, step.stage) not in catalogue.systems:
                yield f"stage {workflow}.{step.stage}"
            if step.interface and step.interface not in catalogue.lines:
                yield f"interface {step.interface}"
