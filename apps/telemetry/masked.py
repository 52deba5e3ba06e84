"""A refused event as lines of JSON, with the faulty place marked; and what to do about it."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from apps.catalog.models import ChangeProposal, System
from apps.catalog.services import proposals
from apps.telemetry.models import Quarantine
from apps.telemetry.queries import Named
from apps.telemetry.refusals import Code

ADDS_ALIASES, KEEPS_SOURCES = "catalog.add_facilityalias", "accounts.rotate_source_keys"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the view."""

    text: str
    is_fault: bool = False


@dataclass(frozen=True, slots=True)
class Step:
    """What to do now, in a sentence, and where."""

    text: str
    detail: str = ""
    address: str = ""
    label: str = ""
    # What it takes to open the address.
    needs: str = "accounts.view_catalogue"


def lines(view: Mapping[str, Any], pointer: str) -> list[Line]:
    """The event as it was sent, as far as it may be shown."""
    event = dict(view.get("event", {}))
    data = event.get("data")
    if kept := view.get("business_keys"):
        masked = {kind: shown for kind, _, shown in kept}
        event["data"] = {**(data if isinstance(data, dict) else {}), "business_keys": masked}
    return list(_lines(event, pointer, "", "")) if event else []


def _lines(value: Any, pointer: str, here: str, lead: str, tail: str = "") -> Iterator[Line]:
    """Indented by two; what the pointer names and is not there stands last in its parent."""
    indent = "  " * (here.count("/"))
    if not isinstance(value, dict):
        text = f"{indent}{lead}{json.dumps(value, ensure_ascii=False)}{tail}"
        yield Line(text, bool(pointer) and here == pointer)
        return
    yield Line(f"{indent}{lead}{{", here == pointer != "")
    last = len(value) - 1
    for place, (name, inner) in enumerate(value.items()):
        comma = "," if place < last else ""
        yield from _lines(inner, pointer, f"{here}/{name}", f"{json.dumps(name)}: ", comma)
    above, _, missing = pointer.rpartition("/")
    if pointer and above == here and missing not in value:
        yield Line(f"{indent}  {json.dumps(missing)}: nothing that may be shown", is_fault=True)
    yield Line(f"{indent}}}{tail}")


def next_step(item: Quarantine) -> Step:
    """What whoever looks at a refused event should do now."""
    find = STEPS.get(item.code)
    return find(item) if find else Step("Correct the marked field and send it on.", _help(item))


def _help(item: Quarantine) -> str:
    return Code(item.code).help if item.code in list(Code) else ""


def _add_alias(item: Quarantine) -> Step:
    waiting = proposals.waiting_alias(item.named, system=item.source.system)
    return _look_at_proposal(waiting) if waiting else _name_facility(item.named, item.source.system)


def _name_facility(name: str, system: System | None) -> Step:
    query = urlencode({"alias": name, "system": system.code if system else ""})
    takes_two = proposals.takes_two(system)
    when = "Once an integration lead approves it," if takes_two else "With the alias,"
    return Step(
        f"Tell the catalogue which facility “{name}” is." if name else "Name the facility.",
        f"{when} every event refused for this name goes on by itself, within seconds.",
        f"{reverse('dashboard:alias-new')}?{query}" if name else "",
        "Propose the alias" if takes_two else "Add the alias",
        ADDS_ALIASES,
    )


@dataclass(frozen=True, slots=True)
class NameRow:
    """A name that nobody knew, the list of what says it, and what mends all of it in one go. What
    says none has no such list."""

    of: Named
    query: str
    step: Step | None


def name_rows(found: Sequence[Named], filters: Mapping[str, str]) -> list[NameRow]:
    """What is open by the name it says, within the filters it was found by; facilities are named by
    an alias, all else is made."""
    steps = _aliases_for(found) if filters["code"] == Code.UNKNOWN_FACILITY else {}
    return [NameRow(one, _list_of(one.name, filters), steps.get(one.name)) for one in found]


def _list_of(name: str, filters: Mapping[str, str]) -> str:
    return urlencode({**filters, "name": name}) if name else ""


def _aliases_for(found: Sequence[Named]) -> dict[str, Step]:
    """Of one system where only that one says the name, of any sender otherwise."""
    waiting = proposals.waiting_by_alias([one.name for one in found])
    systems = System.objects.in_bulk([one.system for one in found if one.system], field_name="code")
    steps = {}
    for one in found:
        system = systems.get(one.system or "") if one.is_of_one_system else None
        asked = _asked(waiting, one.name.strip(), system)
        steps[one.name] = _look_at_proposal(asked) if asked else _name_facility(one.name, system)
    return {name: step for name, step in steps.items() if name}


def _asked(
    waiting: Mapping[tuple[str, int | None], ChangeProposal], name: str, system: System | None
) -> ChangeProposal | None:
    """Who asked for this name, of this system or of any; another's is another name."""
    return waiting.get((name, system.pk if system else None)) or waiting.get((name, None))


def _look_at_proposal(waiting: ChangeProposal) -> Step:
    return Step(
        f"Wait: it is proposed already that “{waiting.alias}” is {waiting.facility}.",
        "Once an integration lead approves it, every event refused for it goes on by itself.",
        reverse("dashboard:proposal", args=[waiting.pk]),
        "Open the proposal",
    )


def _look_at_workflow(item: Quarantine) -> Step:
    return Step(
        f"Choose a code the catalogue knows instead of “{item.named}”, or add it there.",
        "Once the catalogue has it, every event like this goes on by itself.",
        reverse("dashboard:workflows"),
        "Workflows and stages",
    )


def _look_at_interfaces(item: Quarantine) -> Step:
    return Step(
        f"Choose an interface the catalogue knows instead of “{item.named}”.",
        "Once the catalogue has it, every event like this goes on by itself.",
        reverse("dashboard:interfaces"),
        "Interfaces",
    )


def _look_at_keys(item: Quarantine) -> Step:
    return Step(
        "Ask the sender to use a key that speaks for this facility, or name another facility.",
        "The scope of a key is fixed; a wider one is a new key.",
        reverse("telemetry:source", args=[item.source.code]),
        "Keys of the source",
        KEEPS_SOURCES,
    )


def _look_at_clock(item: Quarantine) -> Step:
    return Step(
        "Mend the sender's clock, then send this on.",
        "Its time lay ahead of ours when it came; by now it may be past.",
        reverse("telemetry:source", args=[item.source.code]),
        "Clock of the source",
        KEEPS_SOURCES,
    )


def _tell_the_sender(item: Quarantine) -> Step:
    return Step(
        "Give it up, and ask the sender to leave the field out.",
        "Nothing of the suspected value was kept. If it was a person's, tell compliance.",
    )


def _compare(item: Quarantine) -> Step:
    return Step(
        "Find out which of the two contents is right. If this one is: send it under a new id.",
        "What came first counts. Contents are known by digest alone: it cannot be sent from here.",
    )


def _ask_for_scope(item: Quarantine) -> Step:
    return Step(
        "Find out who owns the transaction, then have it sent by a key of that facility.",
        "The key that sent this may not add to transactions of other facilities.",
    )


STEPS: dict[str, Callable[[Quarantine], Step]] = {
    Code.UNKNOWN_FACILITY: _add_alias,
    Code.UNKNOWN_WORKFLOW: _look_at_workflow,
    Code.UNKNOWN_STAGE: _look_at_workflow,
    Code.UNKNOWN_INTERFACE: _look_at_interfaces,
    Code.FACILITY_FORBIDDEN: _look_at_keys,
    Code.TIME_IN_FUTURE: _look_at_clock,
    Code.PHI_SUSPECTED: _tell_the_sender,
    Code.CONFLICT: _compare,
    Code.FOREIGN_TRANSACTION: _ask_for_scope,
}
