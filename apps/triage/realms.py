"""Which cases are somebody's business, by kind. Facilities are asked for elsewhere (access)."""

from dataclasses import dataclass, field

from django.contrib.auth.models import AnonymousUser
from django.db.models import Q
from django.utils.timezone import now

from apps.accounts.models import User
from apps.catalog.models import ExceptionKind, Interface, Playbook
from apps.triage.models import Case

# Kinds of these groups are about money that was, or was not, posted.
MONEY_GROUPS = ("PAY", "ADJ", "RFD", "GL")
WORKS = ("work_cases", "work_technical_cases", "work_financial_cases")


@dataclass(frozen=True)
class Realm:
    """All kinds, or some; with or without cases whose code nobody has explained."""

    is_everything: bool = False
    kinds: frozenset[int] = field(default_factory=frozenset)
    has_unexplained: bool = False

    def includes(self, case: Case) -> bool:
        """Whether a case is part of it."""
        return self.covers(case.kind_id)

    def covers(self, kind: int | None) -> bool:
        """Whether cases of a kind are; of none, those that nobody has explained."""
        if kind is None:
            return self.is_everything or self.has_unexplained
        return self.is_everything or kind in self.kinds

    @property
    def condition(self) -> Q:
        """The same for a query of cases."""
        if self.is_everything:
            return Q()
        unexplained = Q(kind=None) if self.has_unexplained else Q(pk__in=[])
        return Q(kind__in=self.kinds) | unexplained


EVERYTHING, NOTHING = Realm(is_everything=True), Realm()


def is_worker(user: User | AnonymousUser) -> bool:
    """Whether any kind of case is theirs to work."""
    return any(user.has_perm(f"accounts.{one}") for one in WORKS)


def seen_by(user: User | AnonymousUser) -> Realm:
    """The cases somebody may look at, at facilities of theirs."""
    if user.has_perm("accounts.view_cases"):
        return EVERYTHING
    return money() if user.has_perm("accounts.work_financial_cases") else NOTHING


def worked_by(user: User | AnonymousUser) -> Realm:
    """The cases somebody may do something about."""
    if user.has_perm("accounts.work_cases"):
        return EVERYTHING
    if user.has_perm("accounts.work_technical_cases"):
        return technical()
    return money() if user.has_perm("accounts.work_financial_cases") else NOTHING


def technical() -> Realm:
    """Kinds whose playbook is kept by a team that runs interfaces; and what nobody has explained
    yet, for that takes somebody who reads native codes."""
    teams = Interface.objects.exclude(technical_owner=None).values("technical_owner")
    words = Playbook.objects.filter(effective_from__lte=now()).exclude(effective_to__lte=now())
    kinds = words.filter(owner__in=teams).values_list("kind", flat=True)
    return Realm(kinds=frozenset(kinds), has_unexplained=True)


def money() -> Realm:
    """Kinds about payments, adjustments, refunds and the ledger."""
    groups = Q()
    for group in MONEY_GROUPS:
        groups |= Q(code__startswith=f"{group}-")
    kinds = ExceptionKind.objects.filter(groups).values_list("pk", flat=True)
    return Realm(kinds=frozenset(kinds))


def whose(case: Case) -> list[str]:
    """The permissions any of which lets somebody work a case."""
    realms = dict(zip(WORKS, (EVERYTHING, technical(), money()), strict=True))
    return [permission for permission, realm in realms.items() if realm.includes(case)]
