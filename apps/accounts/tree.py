"""The tree of facilities to choose grants from: what each covers, and what is chosen."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from apps.catalog.snapshot import Facility, Snapshot


@dataclass(frozen=True, slots=True)
class Node:
    """A place with what lies below it."""

    place: Facility
    is_chosen: bool
    # Chosen with a place further up.
    is_covered: bool
    below: int
    children: tuple["Node", ...]

    @property
    def has_chosen(self) -> bool:
        """Whether anything below it is chosen."""
        return any(one.is_chosen or one.has_chosen for one in self.children)


def tree(catalogue: Snapshot, chosen: Collection[int], *, find: str = "") -> tuple[Node, ...]:
    """The whole tree, or what leads to places whose name or code holds a word; the chosen stay."""
    children: dict[int | None, list[Facility]] = {}
    for place in catalogue.document.facilities:
        children.setdefault(place.parent_id, []).append(place)
    shown = _shown(catalogue, chosen, find.strip().casefold())

    def nodes(parent: int | None, is_covered: bool) -> Iterator[Node]:
        for place in children.get(parent, []):
            if place.id in shown:
                is_chosen = place.id in chosen
                inner = tuple(nodes(place.id, is_covered or is_chosen))
                below = len(catalogue.subtrees[place.id]) - 1
                yield Node(place, is_chosen, is_covered, below, inner)

    return tuple(nodes(None, False))


def _shown(catalogue: Snapshot, chosen: Collection[int], find: str) -> set[int]:
    wanted = {
        place.id
        for place in catalogue.document.facilities
        if find in f"{place.name} {place.code}".casefold() or place.id in chosen
    }
    return {
        int(step)
        for one in wanted
        for step in catalogue.facilities_by_id[one].path.strip("/").split("/")
    }


def covered(catalogue: Snapshot, granted: Collection[int]) -> frozenset[int]:
    """Every place that some grants cover."""
    return frozenset().union(*(catalogue.subtrees.get(one, frozenset()) for one in granted))
