"""What the page of one case reads. Everything stays inside what its reader may see."""

from collections.abc import Sequence
from uuid import UUID

from django.db.models import QuerySet

from apps.accounts.access import who_see
from apps.accounts.models import User
from apps.triage.models import IS_OPEN, Case, CaseEvent, Storm
from apps.triage.queries import in_words
from apps.triage.realms import seen_by, whose

RELATED_SHOWN = 8


def case_of(user: User, *, facilities: Sequence[int], id: UUID) -> Case | None:
    """A case somebody may see, with all that its page names."""
    mine = Case.objects.filter(seen_by(user).condition, facility__in=facilities, pk=id)
    named = (
        "storm__assignee",
        "assignee",
        "leased_by",
        "team",
        "merged_into",
        "pend",
        "pend__returns_to",
    )
    return in_words(mine).select_related(*named).prefetch_related("tickets").first()


def history_of(case: Case) -> QuerySet[CaseEvent]:
    """Everything that happened to it, the latest first."""
    people = ("actor", "assignee_before", "assignee_after")
    found = CaseEvent.objects.filter(case=case).select_related(*people)
    return found.prefetch_related("mentions__person").order_by("-id")


def related_to(case: Case, user: User, *, facilities: Sequence[int]) -> list[Case]:
    """Other cases of the transaction or the account, the open ones first, and what it took in."""
    mine = Case.objects.filter(seen_by(user).condition, facility__in=facilities).exclude(pk=case.pk)
    same = mine.filter(transaction_id=case.transaction_id) | mine.filter(merged_into=case)
    if case.account:
        same |= mine.filter(account=case.account)
    found = in_words(same.distinct()).order_by("resolved_at", "rank", "condition", "pk")
    return list(found[:RELATED_SHOWN])


def open_of_cause(case: Case, user: User, *, facilities: Sequence[int]) -> int:
    """How many other open cases failed alike."""
    mine = Case.objects.filter(IS_OPEN, seen_by(user).condition, facility__in=facilities)
    return mine.filter(group=case.group_id).exclude(pk=case.pk).count()


def able_to_work(case: Case) -> list[User]:
    """Who may be given a case: they see its facility and work its kind."""
    works = User.objects.filter(is_active=True, groups__permissions__codename__in=whose(case))
    people = list(works.distinct().order_by("first_name", "username"))
    see = who_see(case.facility_id, among=[one.pk for one in people])
    return [one for one in people if one.pk in see]


def able_to_work_storm(storm: Storm) -> list[User]:
    """Who may be given a storm: whoever may work the first case that is open of it."""
    case = Case.objects.filter(IS_OPEN, storm=storm).order_by("pk").first()
    return able_to_work(case) if case else []
