"""Cells by name: what somebody means who types "claim brigid" where numbers are searched."""

from collections.abc import Iterator
from dataclasses import dataclass

from django.urls import reverse

from apps.catalog.snapshot import Facility, Workflow
from apps.dashboard.scope import Scope

MOST = 12
# A letter is in every name.
SHORTEST = 2


@dataclass(frozen=True, slots=True)
class CellLink:
    """A workflow at a facility."""

    workflow: str
    facility: str
    address: str


def cells_named(text: str, scope: Scope) -> list[CellLink]:
    """The cells of which every word of the text begins a name or is a code; nothing for a number
    that only looks like one."""
    words = text.casefold().split()
    if not words or any(len(word) < SHORTEST for word in words):
        return []
    return [
        CellLink(line.name, place.name, reverse("dashboard:cell", args=[line.code, place.code]))
        for line, place in _matching(words, scope)
    ][:MOST]


def _matching(words: list[str], scope: Scope) -> Iterator[tuple[Workflow, Facility]]:
    lines = [(line, _names(line)) for line in scope.catalogue.document.workflows]
    sites = [(place, _names(place)) for place in scope.sites]
    for line, of_line in lines:
        for place, of_place in sites:
            if all(_begins(word, of_line) or _begins(word, of_place) for word in words):
                yield line, place


def _begins(word: str, names: list[str]) -> bool:
    return any(name.startswith(word) for name in names)


def _names(one: Workflow | Facility) -> list[str]:
    """Every word of a name, and its code whole."""
    return [one.code.casefold(), *f"{one.name} {one.short_name}".casefold().split()]
