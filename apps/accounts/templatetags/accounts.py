"""Whether a page has to say that its session ends."""

from datetime import timedelta

from django import template
from django.http import HttpRequest
from django.utils import timezone

from apps.accounts.sessions import absolute_limit

register = template.Library()

SOON = timedelta(minutes=2)


@register.filter
def ends_soon(request: HttpRequest) -> bool:
    """Told by the strip, which asks every few seconds without being activity. To open a page is, so
    there only the absolute end can be near."""
    row = getattr(request.session, "row", None)
    if row is None:
        return False
    is_poll = "X-Poll" in request.headers
    end = row.expire_date if is_poll else row.started_at + absolute_limit()
    return bool(end - timezone.now() <= SOON)
