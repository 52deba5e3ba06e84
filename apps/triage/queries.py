"""Reads of cases."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet

from apps.accounts.models import User
from apps.catalog.models import Playbook
from apps.triage.models import Case, SavedView, Storm
from apps.triage.realms import Realm


def cases_of(transaction: UUID) -> QuerySet[Case]:
    """All cases of one transaction by step: the earliest blocks the rest.

    For whoever may see the transaction. `versions` of a kind are its playbooks, latest first.
    """
    return in_words(Case.objects.filter(transaction_id=transaction)).order_by(
        "rank", "condition", "pk"
    )


def in_words(cases: QuerySet[Case]) -> QuerySet[Case]:
    """With what a card says of them. `versions` of a kind are its playbooks, latest first."""
    words = Playbook.objects.select_related("owner").order_by("-effective_from")
    named = ("kind", "stage__system", "interface__target", "facility")
    return cases.select_related(*named).prefetch_related(
        Prefetch("kind__playbooks", words, to_attr="versions")
    )


def storm_of(realm: Realm, *, facilities: Sequence[int], id: UUID) -> Storm | None:
    """A storm of which some case is somebody's, open or not. Index: case_births."""
    # Asked in one statement: elsewhere and nowhere are told apart by nothing, time included.
    mine = Case.objects.filter(
        realm.condition, storm=OuterRef("pk"), facility__in=facilities,
        error_class=OuterRef("error_class"),
        opened_at__range=(OuterRef("opened_at"), OuterRef("last_seen")),
    )  # fmt: skip
    named = Storm.objects.select_related("assignee", "assigned_by", "system")
    return named.filter(Exists(mine), pk=id).first()


def saved_for(user: User, *, teams: Sequence[int], roles: Sequence[str]) -> QuerySet[SavedView]:
    """The views of the queue that somebody keeps, and those shared with their teams and roles."""
    shared = Q(scope="team", team__in=teams) | Q(scope="role", role__in=roles)
    found = SavedView.objects.filter(Q(owner=user) | shared, deleted_at=None)
    return found.select_related("owner", "team").order_by("position", "name")
