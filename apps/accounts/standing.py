"""What stands behind a session, as one value to compare: the same value, the same access."""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from django.conf import settings
from django.http import HttpRequest
from django.utils import timezone

from apps.core.db import fetch_prepared

# Everything that decides what a session may see, but for the tree of facilities, which has the
# catalogue's version. A row as text, because it is only ever compared.
STANDING = """
SELECT s.expire_date, ROW(
       s.session_data, u.id, u.is_active, u.is_superuser, u.password,
       ARRAY(SELECT group_id FROM accounts_user_groups WHERE user_id = u.id ORDER BY 1),
       ARRAY(SELECT p.permission_id
               FROM accounts_user_groups AS m
               JOIN auth_group_permissions AS p ON p.group_id = m.group_id
              WHERE m.user_id = u.id ORDER BY 1),
       ARRAY(SELECT permission_id FROM accounts_user_user_permissions
              WHERE user_id = u.id ORDER BY 1),
       ARRAY(SELECT ROW(permission_id, content_object_id)::text FROM accounts_facilityusergrant
              WHERE user_id = u.id ORDER BY 1),
       ARRAY(SELECT ROW(g.permission_id, g.content_object_id)::text
               FROM accounts_user_groups AS m
               JOIN accounts_facilitygroupgrant AS g ON g.group_id = m.group_id
              WHERE m.user_id = u.id ORDER BY 1))::text
  FROM accounts_session AS s JOIN accounts_user AS u ON u.id = s.user_id
 WHERE s.session_key = %(key)s AND s.expire_date > %(now)s
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """A session that has not ended, until when it lasts, and what it may see."""

    ends_at: datetime
    access: str

    def seconds_left(self, now: datetime) -> int:
        return max(0, round((self.ends_at - now).total_seconds()))


def standing(request: HttpRequest) -> Standing | None:
    """Of whoever sends this request, in one statement; None where nobody is signed in."""
    key = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
    if not key or "\0" in key:
        return None
    found = fetch_prepared(STANDING, {"key": key, "now": timezone.now()})
    return Standing(*cast(tuple[datetime, str], found[0])) if found else None
