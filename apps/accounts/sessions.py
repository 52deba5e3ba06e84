"""The session engine: a session is a row that says whose it is, since when and until when.

Its end is the earlier of two: that of idleness, which activity moves on, and the absolute one,
which nothing moves. Both stand in `expire_date`, so an ended session is one that is not found.
"""

from datetime import timedelta
from typing import Any, cast

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.http import HttpRequest
from django.utils import timezone

from apps.accounts.addresses import address_of
from apps.accounts.models import Session
from apps.core.db import execute

# Where a sign-in came from, kept in the session's data until its row is written.
ADDRESS, AGENT = "address", "agent"
# How much of a browser's own description is kept.
AGENT_LENGTH = 200
# What is said of its activity is at most so old: a busy reader is not an update a request.
PAUSE = timedelta(seconds=15)

TOUCH = """
UPDATE accounts_session
   SET last_active_at = %(now)s,
       expire_date = least(%(now)s + %(idle)s, started_at + %(longest)s)
 WHERE session_key = %(key)s AND last_active_at < %(now)s - %(pause)s
"""


def idle_limit() -> timedelta:
    return timedelta(seconds=settings.SESSION_IDLE_SECONDS)


def absolute_limit() -> timedelta:
    return timedelta(seconds=settings.SESSION_COOKIE_AGE)


class SessionStore(DatabaseStore):
    """Django's own database sessions, in our table."""

    # As it was loaded for this request; none while nothing was, and for a session just begun.
    row: Session | None = None

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def _get_session_from_db(self) -> Session | None:
        self.row = super()._get_session_from_db()  # type: ignore[misc]
        return self.row

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        """Writing a session is no activity: what is known of its times stays."""
        row: Any = super().create_model_instance(data)
        now = timezone.now()
        row.user_id = data.get(SESSION_KEY)
        row.address, row.agent = data.get(ADDRESS) or None, data.get(AGENT, "")
        row.started_at = self.row.started_at if self.row else now
        row.last_active_at = self.row.last_active_at if self.row else now
        row.expire_date = ends_at(row)
        return cast(Session, row)


def ends_at(row: Session) -> Any:
    """When a session ends if nothing happens from here on."""
    return min(row.last_active_at + idle_limit(), row.started_at + absolute_limit())


def begin(request: HttpRequest) -> None:
    """Note where a sign-in came from; its time runs from now, not from the form's."""
    store: Any = request.session
    store[ADDRESS] = address_of(request)
    store[AGENT] = request.headers.get("User-Agent", "")[:AGENT_LENGTH]
    store.row = None


def touch(row: Session) -> Session:
    """Somebody did something: the idle end moves on."""
    now = timezone.now()
    if row.last_active_at < now - PAUSE:
        limits = {"idle": idle_limit(), "longest": absolute_limit(), "pause": PAUSE}
        execute(TOUCH, {"now": now, "key": row.session_key, **limits})
        row.last_active_at = now
        row.expire_date = ends_at(row)
    return row
