"""What the address of the queue asks: a view, filters over it, an order, a way to group."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlencode

from apps.triage.filters import FILTERS, Asked
from apps.triage.groups import GROUPINGS
from apps.triage.queue import Order
from apps.triage.reader import Reader
from apps.triage.standing import View, default_view

# What else a view may say.
SHAPES = ("sort", "group", "columns")
# Columns beside the title, in their order: heading, what it is sorted by, how it is set.
COLUMNS: Mapping[str, tuple[str, str, str]] = {
    "severity": ("Severity", "severity", ""),
    "number": ("Account / claim", "", ""),
    "facility": ("Facility", "facility", ""),
    "workflow": ("Workflow", "workflow", ""),
    "payer": ("Payer", "", ""),
    "class": ("Class", "", ""),
    "team": ("Team", "", ""),
    "amount": ("At risk, $", "amount", "num"),
    "due": ("Money clock", "due", ""),
    "age": ("Age", "age", "num"),
    "owner": ("Owner", "owner", ""),
    "state": ("State", "", ""),
}
HIDDEN_AT_FIRST = frozenset({"payer", "class", "team"})
SHOWN_AT_FIRST = tuple(name for name in COLUMNS if name not in HIDDEN_AT_FIRST)


@dataclass(frozen=True, slots=True)
class Chip:
    """A filter that is set, and the address without it."""

    name: str
    label: str
    says: str
    address: str
    is_known: bool


@dataclass(frozen=True, slots=True)
class Head:
    """A heading, where it leads if the list can be sorted by it, and how it is sorted now."""

    name: str
    label: str
    css: str
    address: str
    sorted: str


@dataclass(frozen=True)
class Question:
    """What is asked. `said` is what the address says beside the name of the view."""

    view: View
    said: Mapping[str, str]

    @cached_property
    def asked(self) -> Asked:
        return self.view.asked.under(Asked.of(self.said), said=self.said)

    @cached_property
    def order(self) -> Order:
        return Order.of(self._shape("sort"))

    @property
    def group(self) -> str:
        chosen = self._shape("group")
        return chosen if chosen in GROUPINGS else ""

    @cached_property
    def columns(self) -> Sequence[str]:
        """Those that were chosen, in the order of the list."""
        chosen = [one for one in self._shape("columns").split(",") if one in COLUMNS]
        return [name for name in COLUMNS if name in chosen] if chosen else SHOWN_AT_FIRST

    @property
    def is_changed(self) -> bool:
        """Whether it asks something else than its view."""
        return any(self.view.query.get(name, "") != text for name, text in self.said.items())

    def _shape(self, name: str) -> str:
        return self.said.get(name, self.view.query.get(name, ""))

    def address(self, **changes: str) -> str:
        """The query of an address that asks this with some changes; an empty one takes away."""
        said = dict(self.said) | changes
        kept = {name: text for name, text in said.items() if text != self.view.query.get(name, "")}
        return "?" + urlencode({"view": self.view.code, **kept})

    def toggled(self, name: str, code: str) -> str:
        """The same with one more value of a filter, or without it."""
        codes = [one for one in self.asked.chosen.get(name, "").split(",") if one]
        rest = [one for one in codes if one != code]
        return self.address(**{name: ",".join(rest if len(rest) < len(codes) else [*codes, code])})

    def sorted_by(self, by: str) -> str:
        """The address that a head of a column leads to: once more turns it round."""
        turned = self.order.by == by and not self.order.turned
        return self.address(sort=f"-{by}" if turned else by)

    def heads(self) -> list[Head]:
        """Headings of the columns shown, the title's among them."""
        found = [Head("title", "What happened", "", "", "")]
        for name in self.columns:
            label, by, css = COLUMNS[name]
            head = Head(name, label, css, self.sorted_by(by) if by else "", self._sorted(by))
            found.insert(0 if name == "severity" else len(found), head)
        return found

    @property
    def sorted_in_words(self) -> str:
        """For who hears the table."""
        label = COLUMNS[self.order.by][0] if self.order.by in COLUMNS else "cost of waiting"
        return f"by {label.lower()}, {self._sorted(self.order.by)}"

    def _sorted(self, by: str) -> str:
        if not by or self.order.by != by:
            return ""
        return "descending" if self.order.way == "DESC" else "ascending"

    def column_choices(self) -> list[tuple[str, str, bool]]:
        """Every column with the address that shows or hides it."""
        shown = set(self.columns)
        return [
            (label, self.address(columns=",".join(one for one in COLUMNS if one in shown ^ {name})),
             name in shown)
            for name, (label, _, _) in COLUMNS.items()
        ]  # fmt: skip

    def chips(self, reader: Reader) -> list[Chip]:
        return [
            Chip(name, FILTERS[name].label, FILTERS[name].says(reader, text),
                 self.address(**{name: ""}), FILTERS[name].means(reader, text) is not None)
            for name, text in self.asked.chosen.items()
        ]  # fmt: skip

    def to_keep(self) -> str:
        """What a saved view of this says: all that it asks, whatever the view it began with."""
        shapes = {name: self._shape(name) for name in SHAPES if self._shape(name)}
        chosen = {name: text for name, text in self.asked.chosen.items() if name != "found"}
        return urlencode({**chosen, **shapes})


def read(said: Mapping[str, str], views: Sequence[View], roles: Sequence[str]) -> Question | None:
    """What an address asks; nothing if its view is none of the reader's."""
    code = said.get("view", "")
    known = {name: said[name] for name in (*FILTERS, *SHAPES) if name in said}
    if not code:
        begins = default_view(views, roles)
        # Filters without a view are over everything.
        view = next(one for one in views if one.code == "all") if known else begins
        return Question(view, known)
    found = next((one for one in views if one.code == code), None)
    return Question(found, known) if found else None
