"""Who decides about a proposed change of the catalogue, and how much waits for somebody."""

from typing import cast

from django.http import HttpRequest
from django.utils.timezone import now

from apps.accounts.access import covers_everything, who_see
from apps.accounts.models import User
from apps.accounts.queries import BY_ROLE
from apps.catalog.models import ChangeProposal
from apps.core.db import fetch_prepared
from apps.dashboard.scope import scope_of

APPROVE = "accounts.approve_changes"

OTHERS_PROPOSED = """
SELECT kind, facility_id FROM catalog_changeproposal
 WHERE state = 'proposed' AND expires_at > %(now)s AND proposed_by_id <> %(user)s
"""


def waiting_for(request: HttpRequest) -> int:
    """How many proposals the reader could decide as the second.

    Every page shows it, and nearly always nothing waits: that is asked first, and cheaply.
    """
    user = cast(User, request.user)
    if not user.has_perm(APPROVE):
        return 0
    waiting = fetch_prepared(OTHERS_PROPOSED, {"user": user.pk, "now": now()})
    if not waiting:
        return 0
    facilities = scope_of(request).ids
    if covers_everything(facilities):
        return len(waiting)
    return sum(
        kind == ChangeProposal.Kind.TARGET and place in facilities for kind, place in waiting
    )


def is_of_one_place(proposal: ChangeProposal) -> bool:
    """What reaches beyond a facility is for who sees the whole network: a promise to all of it, a
    name (names are one list) and the tree itself."""
    return proposal.kind == ChangeProposal.Kind.TARGET and proposal.facility_id is not None


def deciders(proposal: ChangeProposal) -> list[User]:
    """Who could decide it: by their role, not who proposed it, and seeing all that it reaches."""
    holders = User.objects.with_perm(APPROVE, backend=BY_ROLE, include_superusers=False)
    others = list(holders.exclude(pk=proposal.proposed_by_id).order_by("username"))
    place = proposal.facility_id if is_of_one_place(proposal) else None
    able = who_see(place, among=[one.pk for one in others])
    return [one for one in others if one.pk in able]
