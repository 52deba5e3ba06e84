"""Where a person may go: one list, for the sidebar, the tabs of a phone and the first page."""

from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import reverse

from apps.accounts.models import User


@dataclass(frozen=True, slots=True)
class Entry:
    """A page in the navigation. `pages` are those that lie below it."""

    label: str
    page: str
    icon: str
    permission: str = ""
    for_staff: bool = False
    pages: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        return reverse(self.page)

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


# In the order of work. An administrator has only the last three, and begins with people.
ENTRIES = (
    Entry(
        "Flow health",
        "dashboard:flow",
        "activity-heartbeat",
        "accounts.view_scorecards",
        pages=("dashboard:board", "dashboard:cell", "dashboard:transaction"),
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
    ),
    Entry("Administration", "admin:index", "settings", for_staff=True),
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
    ),
    Entry("Status", "dashboard:status", "database", "accounts.view_system_status"),
)


def navigation(request: HttpRequest) -> list[Link]:
    """What the reader may open, in order. The first is where they begin."""
    user = request.user
    if not isinstance(user, User):
        return []
    here = request.resolver_match.view_name if request.resolver_match else ""
    return [
        Link(one.label, one.address, one.icon, here in (one.page, *one.pages))
        for one in ENTRIES
        if one.is_open_to(user)
    ]
