"""The audit trail as a page."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from apps.accounts import trail
from apps.accounts.access import needs
from apps.accounts.acts import GROUPS
from apps.accounts.models import User
from apps.accounts.services import audit
from apps.accounts.views.people import reader
from apps.catalog.snapshot import snapshot
from apps.core.htmx import render_page


@require_safe
@needs("accounts.view_audit")
def index(request: HttpRequest) -> HttpResponse:
    """Who did what, newest first."""
    asked = question(request)
    found = trail.newest(asked, limit=trail.PAGE + 1)
    rows = found[: trail.PAGE]
    context = {
        "rows": rows,
        "names": names_of(rows),
        "places": snapshot().facilities_by_id,
        "choices": choices(request, asked),
        "is_first": "before" not in request.GET,
        "next": _query(request, before=trail.mark(rows[-1])) if len(found) > len(rows) else "",
        "first": _query(request, before=None),
        "chain": chain(),
    }
    return render_page(request, "accounts/audit.html", "accounts/_audit.html", context)


def question(request: HttpRequest) -> trail.Question:
    """What an address asks for, as far as its reader may see it."""
    allowed = trail.groups_open_to(reader(request))
    group, period = request.GET.get("group", ""), request.GET.get("period", "")
    actor = request.GET.get("person", "")
    return trail.Question(
        groups=(group,) if group in allowed else allowed,
        actor=int(actor) if actor.isascii() and actor.isdigit() and len(actor) < 10 else None,
        period=period if period in trail.PERIODS else "30d",
        before=trail.read_mark(request.GET.get("before", "")),
    )


def choices(request: HttpRequest, asked: trail.Question) -> dict[str, Any]:
    """The filters, and which of them are set."""
    allowed = trail.groups_open_to(reader(request))
    return {
        "groups": [(code, GROUPS[code].name) for code in allowed],
        "group": asked.groups[0] if len(asked.groups) == 1 else "",
        "people": User.objects.order_by("username").values_list("pk", "username"),
        "person": asked.actor,
        "periods": {code: name for code, (name, _) in trail.PERIODS.items()},
        "period": asked.period,
        "is_all": len(allowed) == len(GROUPS),
        "is_narrow": len(asked.groups) == 1 or asked.actor is not None,
    }


def names_of(rows: list[trail.Noted]) -> dict[str, str]:
    """People by the name under which the trail speaks of them, for links."""
    ids = {int(row.object[5:]) for row in rows if row.object.startswith("user:")}
    return {f"user:{pk}": audit.name_of(one) for pk, one in User.objects.in_bulk(ids).items()}


def chain() -> dict[str, Any]:
    """How far the chain reaches, and when it was last recomputed."""
    verified = trail.last_verified()
    facts = verified.known if verified else {}
    return {
        "head": audit.head(),
        "verified": verified,
        "seq": facts.get("seq"),
        "faults": facts.get("faults"),
        "waiting": trail.unsealed(),
    }


def _query(request: HttpRequest, **changed: str | None) -> str:
    said: dict[str, Any] = request.GET.dict() | {"before": None} | changed
    return "?" + urlencode({name: value for name, value in said.items() if value})
