"""Tables of the pages about people as they are exported."""

from collections.abc import Iterable, Iterator

from apps.accounts.queries import Given, Holding
from apps.accounts.trail import FAR, LAST_ID, Noted, Question, newest
from apps.core.exports import Column, Table

CHUNK = 1_000


def trail(asked: Question) -> Table[Noted]:
    """The audit trail as it was asked for, newest first."""
    columns = [
        Column[Noted]("When", lambda one: one.at),
        Column("Who", lambda one: one.actor or "The system"),
        Column("Act", lambda one: one.act),
        Column("Did what", lambda one: one.said),
        Column("To what", lambda one: one.object),
        Column("More", lambda one: one.details),
        Column("From", lambda one: one.origin),
        Column("Row", lambda one: one.seq),
        Column("Id", lambda one: one.id),
    ]
    return Table("audit", "Audit trail", columns, lambda most: _pages(asked, most))


def _pages(asked: Question, most: int) -> Iterator[Noted]:
    before, left = (FAR, LAST_ID), most
    while left > 0:
        question = Question(asked.groups, asked.actor, asked.period, before)
        rows = newest(question, limit=min(CHUNK, left))
        yield from rows
        if len(rows) < min(CHUNK, left):
            return
        left -= len(rows)
        before = (rows[-1].at, rows[-1].id)


def review(rows: list[Holding]) -> Table[Holding]:
    """Who holds what, since when and from whom; who looked at it last."""
    columns = [
        Column[Holding]("User name", lambda one: one.person.username),
        Column("Name", lambda one: one.person.name),
        Column("Superuser", lambda one: "yes" if one.person.is_superuser else "no"),
        Column("Roles", lambda one: _listed(one.roles)),
        Column("Facilities", lambda one: _listed(one.facilities)),
        Column("Second factor", lambda one: ", ".join(one.person.factors) or "none"),
        Column("Last sign-in", lambda one: one.person.last_login),
        Column("Dormant", lambda one: "yes" if one.person.is_dormant else "no"),
        Column("Last review", lambda one: one.person.reviewed_at),
        Column("Verdict", lambda one: one.person.verdict),
        Column("Reviewed by", lambda one: one.person.reviewer),
    ]
    return Table("access-review", "Access review", columns, lambda most: rows[:most])


def _listed(held: Iterable[tuple[str, Given | None]]) -> str:
    return "; ".join(
        f"{name} (by {given.actor or 'the system'}, {given.at:%Y-%m-%d})" if given else name
        for name, given in held
    )
