"""Where a person may go: one list, for the sidebar, the tabs of a phone and the first page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from django.http import HttpRequest

from apps.accounts.models import User
from apps.accounts.people import role_codes
from apps.accounts.queries import waiting_for
from apps.core.addresses import address
from apps.dashboard import deciding

# Groups of the sidebar, top to bottom; the first needs no heading.
WORK, OPERATE, ADMINISTER = "", "Operate", "Administer"
GROUPS = (WORK, OPERATE, ADMINISTER)


@dataclass(frozen=True, slots=True)
class Entry:
    """A page in the navigation; `pages` lie below it, "g" and `letter` lead there."""

    label: str
    page: str
    icon: str
    permission: str = ""
    for_staff: bool = False
    pages: tuple[str, ...] = ()
    group: str = WORK
    letter: str = ""
    # How much waits there for this reader; asked only of who may open it.
    count: Callable[[HttpRequest], int] | None = None

    @property
    def address(self) -> str:
        return address(self.page)

    def is_open_to(self, user: User) -> bool:
        """Whether this person may open it; the administration asks for no permission, but staff."""
        if self.for_staff and not user.is_staff:
            return False
        return not self.permission or user.has_perm(self.permission)


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as one reader sees it."""

    label: str
    address: str
    icon: str
    is_current: bool
    group: str
    letter: str
    count: int


ENTRIES = (
    Entry(
        "Exceptions",
        "triage:queue",
        "inbox",
        "accounts.view_transactions",
        pages=(
            "triage:counts",
            "triage:totals",
            "triage:filter",
            "triage:view",
            "triage:view-new",
            "triage:ops",
            "triage:bulk",
            "triage:bulk-preview",
        ),
        letter="q",
    ),
    Entry(
        "Flow health",
        "dashboard:flow",
        "activity-heartbeat",
        "accounts.view_scorecards",
        pages=("dashboard:board", "dashboard:cell", "dashboard:transaction"),
        letter="f",
    ),
    Entry(
        "Scorecards",
        "dashboard:scorecards",
        "target",
        "accounts.view_scorecards",
        pages=(
            "dashboard:scorecard",
            "dashboard:facility-scorecard",
            "dashboard:explain",
            "dashboard:explained",
        ),
        letter="s",
    ),
    Entry(
        "Quarantine",
        "telemetry:quarantine",
        "shield-x",
        "accounts.view_quarantine",
        pages=(
            "telemetry:quarantined",
            "telemetry:resubmit",
            "telemetry:discard",
            "telemetry:bulk",
            "telemetry:operations",
            "telemetry:operation",
        ),
        group=OPERATE,
        letter="r",
    ),
    Entry(
        "Sources",
        "telemetry:sources",
        "plug-connected",
        "accounts.rotate_source_keys",
        pages=(
            "telemetry:source-new",
            "telemetry:source",
            "telemetry:key-issue",
            "telemetry:key-rotate",
            "telemetry:key-revoke",
        ),
        group=OPERATE,
        letter="k",
    ),
    Entry(
        "Batches",
        "telemetry:batches",
        "stack-2",
        "accounts.view_transactions",
        pages=("telemetry:batch-page",),
        group=OPERATE,
        letter="b",
    ),
    Entry(
        "Interfaces",
        "dashboard:interfaces",
        "route",
        "accounts.view_catalogue",
        pages=(
            "dashboard:facilities",
            "dashboard:facility",
            "dashboard:systems",
            "dashboard:workflows",
            "dashboard:workflow",
            "dashboard:target-change",
            "dashboard:alias-new",
            "dashboard:proposals",
            "dashboard:proposal",
        ),
        count=deciding.waiting_for,
        group=OPERATE,
        letter="i",
    ),
    Entry(
        "Status",
        "dashboard:status",
        "database",
        "accounts.view_system_status",
        group=OPERATE,
        letter="t",
    ),
    Entry(
        "People",
        "accounts:people",
        "users",
        "accounts.view_people",
        pages=("accounts:person", "accounts:access", "accounts:new-person", "accounts:review"),
        count=lambda request: waiting_for(cast(User, request.user)),
        group=ADMINISTER,
        letter="p",
    ),
    Entry(
        "Audit",
        "accounts:audit",
        "history",
        "accounts.view_audit",
        group=ADMINISTER,
        letter="u",
    ),
    Entry(
        "Administration",
        "admin:index",
        "settings",
        for_staff=True,
        group=ADMINISTER,
        letter="a",
    ),
)

# What a role begins with, and what comes next; the other pages follow in the order above.
ORDERS: Mapping[str, Sequence[str]] = {
    "revenue_cycle_analyst": ("Exceptions", "Checkpoints", "Scorecards", "Flow health"),
    "rcm_supervisor": ("Exceptions", "Flow health", "Scorecards", "Checkpoints", "Approvals"),
    "integration_engineer": ("Flow health", "Exceptions", "Interfaces", "Operations"),
    "integration_lead": ("Flow health", "Exceptions", "Scorecards", "Checkpoints", "Interfaces"),
    "finance_approver": ("Approvals", "Checkpoints", "Exceptions", "Value"),
    "executive": ("Value", "Scorecards", "Flow health"),
    "compliance_auditor": ("Audit", "Exceptions", "Scorecards", "Interfaces"),
    "administrator": ("People", "Settings", "Audit", "Administration"),
}


def navigation(request: HttpRequest) -> list[Link]:
    """What the reader may open, in their role's order. The first is where they begin."""
    user = request.user
    if not isinstance(user, User):
        return []
    here = request.resolver_match.view_name if request.resolver_match else ""
    return [
        Link(
            one.label,
            one.address,
            one.icon,
            here in (one.page, *one.pages),
            group,
            one.letter,
            one.count(request) if one.count else 0,
        )
        for one, group in _ordered([one for one in ENTRIES if one.is_open_to(user)], user)
    ]


def _ordered(entries: Sequence[Entry], user: User) -> list[tuple[Entry, str]]:
    """What a role names stands first, without a heading; the rest keeps its groups."""
    named = next((ORDERS[code] for code in role_codes(user) if code in ORDERS), ())
    first = sorted(
        (one for one in entries if one.label in named), key=lambda one: named.index(one.label)
    )
    rest = sorted(
        (one for one in entries if one not in first), key=lambda one: GROUPS.index(one.group)
    )
    return [(one, WORK) for one in first] + [(one, one.group) for one in rest]
