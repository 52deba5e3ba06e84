"""What one reader may look at: places in tree order, and the choices made of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from zoneinfo import ZoneInfo

from django.http import HttpRequest

from apps.accounts.access import covers_everything, facilities_for
from apps.catalog.snapshot import SITES, Facility, Snapshot, snapshot
from apps.core.kept import Kept

KIND_CHOICES = (("hospital", "Hospitals"), ("clinic", "Clinics"))


@dataclass(frozen=True, slots=True)
class Choice:
    """One entry of the facility select."""

    value: str
    label: str
    facilities: tuple[Facility, ...]


@dataclass(frozen=True)
class Scope:
    """The facilities one reader may see, with the catalogue they come from."""

    catalogue: Snapshot
    ids: tuple[int, ...]

    @cached_property
    def is_everything(self) -> bool:
        """Whether it leaves no facility out: what has no facility may then be seen too."""
        return covers_everything(self.ids)

    @cached_property
    def zones(self) -> dict[int, str]:
        """Time zone of every facility in scope."""
        places = self.catalogue.facilities_by_id
        return {one: places[one].time_zone for one in self.ids if one in places}

    @cached_property
    def zone(self) -> ZoneInfo:
        """The zone most of the reader's sites are in: for times that belong to no single one."""
        return self.catalogue.zone_of(self.ids)

    @cached_property
    def places(self) -> tuple[Facility, ...]:
        """Every place in scope, by region, hospitals first, departments after their site."""
        known = self.catalogue.facilities_by_id
        return tuple(sorted((known[one] for one in self.ids if one in known), key=self._order))

    @cached_property
    def sites(self) -> tuple[Facility, ...]:
        """Where business happens."""
        return tuple(place for place in self.places if place.kind in SITES)

    @cached_property
    def all_sites(self) -> int:
        """How many sites there are, whoever sees them."""
        return sum(place.kind in SITES for place in self.catalogue.document.facilities)

    @cached_property
    def choices(self) -> tuple[Choice, ...]:
        """All, by kind, by region; only those that leave something out and something in."""
        parts = [part for part in (*self._kinds(), *self._regions()) if self._is_part(part)]
        return (Choice("all", "All facilities", self.places), *parts)

    def choice(self, value: str) -> Choice:
        """The chosen entry, or all of them."""
        return next((one for one in self.choices if one.value == value), self.choices[0])

    def region(self, place: Facility) -> Facility:
        """The nearest region above a place, as far as the reader may see it, else the top."""
        above = self._lineage(place)
        regions = [one for one in above if one.kind == "region"]
        return regions[-1] if regions else above[0]

    def site(self, place: Facility) -> Facility:
        """The site a department belongs to; any other place is its own."""
        return next((one for one in self._lineage(place) if one.kind in SITES), place)

    def _lineage(self, place: Facility) -> list[Facility]:
        steps = [int(step) for step in place.path.strip("/").split("/")]
        return [self.catalogue.facilities_by_id[step] for step in steps if step in self._visible]

    @cached_property
    def _visible(self) -> frozenset[int]:
        return frozenset(self.ids)

    def _order(self, place: Facility) -> tuple[bool, str, bool, str, str]:
        region, site = self.region(place), self.site(place)
        is_lone = region.kind != "region"
        return (is_lone, region.path, site.kind != "hospital", site.short_name, place.path)

    def _is_part(self, choice: Choice) -> bool:
        sites = sum(place.kind in SITES for place in choice.facilities)
        return 0 < sites < len(self.sites)

    def _kinds(self) -> list[Choice]:
        return [
            Choice(kind, label, tuple(one for one in self.places if self.site(one).kind == kind))
            for kind, label in KIND_CHOICES
        ]

    def _regions(self) -> list[Choice]:
        return [
            Choice(root.code, root.name, self._below(root))
            for root in self.places
            if root.kind == "region"
        ]

    def _below(self, root: Facility) -> tuple[Facility, ...]:
        return tuple(place for place in self.places if place.path.startswith(root.path))


def sites_of(choice: Choice) -> list[Facility]:
    """The sites of a choice, without their departments."""
    return [place for place in choice.facilities if place.kind in SITES]


def scope_of(request: HttpRequest) -> Scope:
    """What the reader may see; worked out once for the page and the frame around it."""
    found: Scope | None = getattr(request, "reader_scope", None)
    if found is None:
        found = _shared(snapshot(), facilities_for(request.user))
        request.reader_scope = found  # type: ignore[attr-defined]
    return found


# Who may see the same facilities shares what follows from that.
_scopes: Kept[Scope] = Kept(64)


def _shared(catalogue: Snapshot, ids: tuple[int, ...]) -> Scope:
    kept = _scopes.get(ids)
    if kept is None or kept.catalogue is not catalogue:
        kept = _scopes.put(ids, Scope(catalogue, ids))
    return kept


def columns(places: Sequence[Facility], used: set[int]) -> list[Facility]:
    """The places a table shows: active sites, and whatever else has something to show."""
    return [one for one in places if (one.kind in SITES and one.active) or one.id in used]
