"""What kinds of exceptions are called: the titles of their playbooks, as of any moment."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from apps.core.db import fetch_all
from apps.core.kept import Kept

UNEXPLAINED = "Nobody has said what this code means"
OVERDUE = "Overdue"

TITLES = """
SELECT k.id AS kind_id, k.code, COALESCE(p.title, '') AS title,
       p.effective_from, p.effective_to
  FROM catalog_exceptionkind k LEFT JOIN catalog_playbook p ON p.kind_id = k.id
 ORDER BY k.position, k.code, p.effective_from DESC
"""


@dataclass(frozen=True, slots=True)
class Title:
    """What a kind was called in some period."""

    kind_id: int
    code: str
    title: str
    effective_from: datetime | None
    effective_to: datetime | None

    def holds(self, at: datetime) -> bool:
        ends_later = self.effective_to is None or at < self.effective_to
        return self.effective_from is not None and self.effective_from <= at and ends_later


@dataclass(frozen=True)
class Words:
    """Every title there ever was, latest first; kinds in their order."""

    titles: Sequence[Title]

    @cached_property
    def _by_kind(self) -> Mapping[int, list[Title]]:
        found: dict[int, list[Title]] = {}
        for one in self.titles:
            found.setdefault(one.kind_id, []).append(one)
        return found

    @cached_property
    def kinds(self) -> Mapping[str, int]:
        """Kinds by code."""
        return {one.code: one.kind_id for one in self.titles}

    def code(self, kind: int) -> str:
        return self._by_kind[kind][0].code

    def title(self, kind: int, at: datetime) -> str:
        """What it was called then; before it had words, its code."""
        versions = self._by_kind.get(kind, [])
        return next((one.title for one in versions if one.holds(at)), self.code(kind))

    def saying(self, text: str, at: datetime) -> Iterator[int]:
        """The kinds whose title of today has all of these words."""
        wanted = text.lower().split()
        for kind in self._by_kind:
            title = self.title(kind, at).lower()
            if all(word in title for word in wanted):
                yield kind


# A few hundred lines; made anew with each version of the catalogue.
_words: Kept[Words] = Kept(2)


def words(version: int) -> Words:
    """The titles of one version of the catalogue."""
    return _words.answer(version, lambda: Words(fetch_all(TITLES, {}, row=Title)))
