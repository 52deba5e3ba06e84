"""GET /api/v1/catalogue for sources: a key that may send may also read what it can send about."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_safe

from apps.accounts.access import unauthenticated
from apps.accounts.views import catalogue as people
from apps.catalog.snapshot import snapshot
from apps.telemetry.access import bearer_of
from apps.telemetry.services.keys import Sender, sender_for


@login_not_required
@require_safe
def catalogue(request: HttpRequest) -> HttpResponseBase:
    """The catalogue, in the scope of the key or of the person who asks."""
    if not bearer_of(request).startswith("src_"):
        return people.catalogue(request)
    sender = sender_for(bearer_of(request))
    if sender is None:
        return unauthenticated()
    response: HttpResponse = people.catalogue_response(request, facilities=_scope(sender))
    patch_vary_headers(response, ["Authorization", "Cookie"])
    return response


def _scope(sender: Sender) -> list[int]:
    """Every facility that the key may speak for."""
    known = snapshot()
    if sender.scope is None:
        return sorted(known.facilities_by_id)
    return sorted({inner for root in sender.scope for inner in known.subtrees.get(root, ())})
