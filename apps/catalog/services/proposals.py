"""Changes of the catalogue by two people: one proposes, another approves or refuses."""

from collections.abc import Callable, Collection, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, cast

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now
from django.utils.timezone import now

from apps.catalog.models import ChangeProposal, Clock, Facility, FacilityAlias, System
from apps.catalog.services.refusals import constraint_of
from apps.catalog.services.rows import Row, apply_rows, try_rows
from apps.catalog.services.targets import TargetChange, change_target

LIVES_FOR = timedelta(days=14)
VIEW = "catalog.view_facility"
# Where money is posted by what a name stands for, it takes two to change it.
TAKES_TWO = (System.Kind.ERP, System.Kind.BANK)


class NotYours(Exception):
    """Whoever proposes a change does not decide it, and nobody else takes it back."""


class AuthorMayNot(Exception):
    """Who proposed it may not propose any more, so nobody stands for it."""


class AlreadyDecided(Exception):
    """Somebody was faster, or its time is over."""


class StartHasPassed(Exception):
    """The start that was asked for lies behind; nothing begins in the past silently."""


class NameTaken(Exception):
    """The system calls another facility so."""


def takes_two(system: System | None) -> bool:
    """Whether a name of this system is changed by two people. One for any sender is read for
    those that post money as well."""
    return system is None or system.kind in TAKES_TWO


def waiting_alias(alias: str, *, system: System | None) -> ChangeProposal | None:
    """Who asked already, and was not answered, that this name be added for this system or any."""
    waiting = _waiting_aliases().filter(Q(system=system) | Q(system=None), alias=alias.strip())
    return waiting.select_related("facility").first()


def waiting_by_alias(names: Collection[str]) -> dict[tuple[str, int | None], ChangeProposal]:
    """Of these names, those that somebody asked for already, each by the system it is for; none
    is any. Two systems may mean two places by one name."""
    found = _waiting_aliases().filter(alias__in=[name.strip() for name in names])
    latest_first = found.select_related("facility").order_by("-pk")
    return {(one.alias, one.system_id): one for one in latest_first}


def _waiting_aliases() -> QuerySet[ChangeProposal]:
    return ChangeProposal.objects.filter(
        kind=ChangeProposal.Kind.ALIAS_ADDED,
        state=ChangeProposal.State.PROPOSED,
        expires_at__gt=now(),
    )


def propose_target(change: TargetChange, *, by: Any) -> ChangeProposal:
    """Ask for a new version of a target."""
    return ChangeProposal.objects.create(
        kind=ChangeProposal.Kind.TARGET,
        clock=change.clock,
        facility=change.facility,
        threshold_seconds=change.threshold_seconds,
        objective=change.objective,
        effective_from=change.effective_from,
        why=change.why,
        proposed_by=by,
        expires_at=now() + LIVES_FOR,
    )


def propose_alias(
    kind: ChangeProposal.Kind, alias: FacilityAlias, *, why: str, by: Any
) -> ChangeProposal:
    """Ask for a name to be added or removed."""
    return ChangeProposal.objects.create(
        kind=kind,
        facility=alias.facility,
        system=alias.system,
        alias=alias.alias,
        why=why,
        proposed_by=by,
        expires_at=now() + LIVES_FOR,
    )


def propose_rows(
    rows: Sequence[Row],
    *,
    about: str,
    facility: Facility | None,
    why: str,
    by: Any,
    sees_all: bool = False,
) -> ChangeProposal:
    """Ask for rows of the catalogue to be changed, added or removed together."""
    try_rows(rows)
    return ChangeProposal.objects.create(
        kind=ChangeProposal.Kind.ROWS,
        facility=facility,
        rows={"about": about, "rows": list(rows), "by_who_sees_all": sees_all},
        why=why,
        proposed_by=by,
        expires_at=now() + LIVES_FOR,
    )


def add_alias(facility: Facility, *, system: System | None, alias: str) -> FacilityAlias:
    """A name for a facility; what was refused for it goes on by itself."""
    try:
        with transaction.atomic():
            return FacilityAlias.objects.create(facility=facility, system=system, alias=alias)
    except IntegrityError as error:
        if constraint_of(error) == "facilityalias_once":
            raise NameTaken from error
        raise


@transaction.atomic
def approve(proposal: ChangeProposal, *, by: Any, note: str = "") -> None:
    """As the second person: what was asked for happens, or nothing does."""
    if not author_stands(proposal):
        raise AuthorMayNot
    if proposal.is_late(now()):
        raise StartHasPassed
    _decide(proposal, ChangeProposal.State.APPROVED, by, note)
    APPLY[proposal.kind](proposal)


def refuse(proposal: ChangeProposal, *, by: Any, note: str) -> None:
    """As the second person: it stays as it is."""
    _decide(proposal, ChangeProposal.State.REFUSED, by, note)


def withdraw(proposal: ChangeProposal, *, by: Any) -> None:
    """Take one's own proposal back."""
    if proposal.proposed_by_id != by.pk:
        raise NotYours
    _close(proposal, ChangeProposal.State.WITHDRAWN, by, "")


def author_stands(proposal: ChangeProposal) -> bool:
    """Whether who proposed it could propose it today."""
    author = proposal.proposed_by
    may = author.is_active and author.has_perm("accounts.propose_changes")
    return bool(may and _reaches(author, proposal))


def _reaches(author: Any, proposal: ChangeProposal) -> bool:
    """Whether what it is about is still theirs: a facility granted itself or with one above it;
    the network, where they saw all of it when they asked."""
    if author.has_perm("accounts.administer_network"):
        return True
    if proposal.facility_id is None:
        return not _is_of_who_sees_all(proposal) or all(
            author.has_perm(VIEW, top) for top in Facility.objects.filter(parent=None)
        )
    found = Facility.objects.get(pk=proposal.facility_id)
    line = Facility.objects.filter(pk__in=[*found.ancestor_ids, found.pk])
    return any(author.has_perm(VIEW, one) for one in line)


def _is_of_who_sees_all(proposal: ChangeProposal) -> bool:
    """A promise to the whole network is nobody else's to ask for; rows of no place are anybody's,
    and say who asked."""
    return proposal.rows is None or bool(proposal.rows.get("by_who_sees_all"))


def lapse(*, by: Any) -> list[ChangeProposal]:
    """End what somebody proposed, nobody decided, and they do not stand for any more; which."""
    waiting = ChangeProposal.objects.filter(proposed_by=by, state=ChangeProposal.State.PROPOSED)
    ended = {"state": ChangeProposal.State.LAPSED, "decided_at": Now()}
    orphans = [one for one in waiting.select_related("proposed_by") if not author_stands(one)]
    return [one for one in orphans if waiting.filter(pk=one.pk).update(**ended)]


def _decide(proposal: ChangeProposal, state: ChangeProposal.State, by: Any, note: str) -> None:
    if proposal.proposed_by_id == by.pk:
        raise NotYours
    _close(proposal, state, by, note)


def _close(proposal: ChangeProposal, state: ChangeProposal.State, by: Any, note: str) -> None:
    """The WHERE clause decides who wins a race."""
    undecided = ChangeProposal.objects.filter(
        pk=proposal.pk, state=ChangeProposal.State.PROPOSED, expires_at__gt=Now()
    )
    if not undecided.update(state=state, decided_by=by, decided_at=Now(), note=note):
        raise AlreadyDecided


def _change_target(proposal: ChangeProposal) -> None:
    change_target(
        TargetChange(
            clock=cast(Clock, proposal.clock),
            facility=proposal.facility,
            threshold_seconds=cast(int, proposal.threshold_seconds),
            objective=cast(Decimal, proposal.objective),
            effective_from=proposal.effective_from,
            why=proposal.why,
        ),
        by=proposal.proposed_by,
    )


def _add_alias(proposal: ChangeProposal) -> None:
    place = cast(Facility, proposal.facility)
    add_alias(place, system=proposal.system, alias=proposal.alias)


def _remove_alias(proposal: ChangeProposal) -> None:
    FacilityAlias.objects.filter(
        facility=proposal.facility, system=proposal.system, alias=proposal.alias
    ).delete()


def _change_rows(proposal: ChangeProposal) -> None:
    apply_rows(cast(dict[str, Any], proposal.rows)["rows"])


# The constraint changeproposal_says_what keeps what each needs.
APPLY: dict[str, Callable[[ChangeProposal], None]] = {
    ChangeProposal.Kind.TARGET: _change_target,
    ChangeProposal.Kind.ALIAS_ADDED: _add_alias,
    ChangeProposal.Kind.ALIAS_REMOVED: _remove_alias,
    ChangeProposal.Kind.ROWS: _change_rows,
}
