"""What a filter may be set to, with how many cases of the question each choice has."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from apps.catalog.models import ErrorClass, MoneyDeadline
from apps.triage import queue
from apps.triage.filters import AGES, DOLLARS, DUES, ME, NONE, SEVERITIES, STATES, Asked
from apps.triage.groups import FACETS, Sum, named, sums
from apps.triage.questions import Question
from apps.triage.reader import Reader

MENUS: Mapping[str, str] = {
    "kind": "Kind", "class": "Class", "workflow": "Workflow", "facility": "Facility",
    "system": "System", "payer": "Payer", "severity": "Severity", "state": "State",
    "owner": "Owner", "team": "Team", "age": "Age", "dollars": "At risk", "due": "Due",
    "deadline": "Deadline",
}  # fmt: skip
STEPS: Mapping[str, Mapping[str, str]] = {
    "age": {code: words for code, (words, _) in AGES.items()},
    "dollars": DOLLARS,
    "due": DUES,
}
WORDS: Mapping[str, Mapping[str, str]] = {
    "class": dict(ErrorClass.choices),
    "severity": {str(rank): code for code, rank in SEVERITIES.items()},
    "state": STATES,
    "deadline": dict(MoneyDeadline.choices),
}


@dataclass(frozen=True, slots=True)
class Option:
    """A choice, where it leads, and how many cases it has."""

    name: str
    address: str
    cases: int
    is_chosen: bool


def options(reader: Reader, question: Question, name: str) -> list[Option]:
    """The choices of a filter under all the others."""
    others = question.asked.without(name)
    if name in STEPS:
        return _steps(reader, question, name, others)
    found = sums(reader, others, FACETS[name], first="cases")
    return [_option(question, name, *one) for one in _named(reader, name, found)]


def _steps(reader: Reader, question: Question, name: str, others: Asked) -> list[Option]:
    """Choices that overlap: one at a time."""
    codes = STEPS[name]
    asked = [Asked.of({**others.chosen, name: code}) for code in codes]
    chosen = question.asked.chosen.get(name, "")
    return [
        Option(words, question.address(**{name: "" if chosen == code else code}), cases,
               chosen == code)
        for (code, words), cases in zip(codes.items(), queue.counts(reader, asked), strict=True)
    ]  # fmt: skip


def _option(question: Question, name: str, words: str, code: str, cases: int) -> Option:
    chosen = question.asked.chosen.get(name, "")
    is_chosen = code == chosen if name == "payer" else code in chosen.split(",")
    address = (
        question.address(payer="" if is_chosen else code)
        if name == "payer"
        else question.toggled(name, code)
    )
    return Option(words, address, cases, is_chosen)


def _named(reader: Reader, name: str, found: Sequence[Sum]) -> list[tuple[str, str, int]]:
    """Choices by name, with their codes and figures."""
    if name == "system":
        return _systems(reader, found)
    if name == "team":
        teams = {str(one.id): (one.name, one.code) for one in reader.teams}
        return [(*teams.get(one.key or "", ("No team", NONE)), one.cases) for one in found]
    if name in WORDS:
        return [(*_word(name, one.key), one.cases) for one in found]
    names = named(reader, name, found)
    told = [(names[one.key or NONE][0], names[one.key or NONE][2], one.cases) for one in found]
    return _with_me(told, reader) if name == "owner" else told


def _word(name: str, key: str | None) -> tuple[str, str]:
    if key is None:
        return "None", NONE
    words = WORDS[name].get(key, key)
    return words, words if name == "severity" else key


def _with_me(told: list[tuple[str, str, int]], reader: Reader) -> list[tuple[str, str, int]]:
    """Oneself first, by that word: a view that is shared then means whoever looks."""
    own = str(reader.user.pk)
    mine = sum(cases for _, code, cases in told if code == own)
    return [("Me", ME, mine), *(one for one in told if one[1] != own)]


def _systems(reader: Reader, found: Sequence[Sum]) -> list[tuple[str, str, int]]:
    """By the system that was spoken to; where no interface is known, that of the step."""
    document = reader.catalogue.document
    targets = {one.id: one.target_id for one in document.interfaces}
    stages, systems = reader.catalogue.stages_by_id, {one.id: one for one in document.systems}
    counted: Counter[int | None] = Counter()
    for one in found:
        interface, _, stage = (one.key or " ").partition(" ")
        known = stages.get(int(stage)) if stage else None
        of_step = known.system_id if known else None
        counted[targets.get(int(interface)) if interface else of_step] += one.cases
    return [
        (systems[one].name, systems[one].code, cases)
        for one, cases in counted.most_common() if one in systems
    ]  # fmt: skip
