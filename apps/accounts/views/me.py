"""What the reader may do and see, and why."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.accounts import queries
from apps.accounts.abilities import abilities, sources_of
from apps.accounts.access import facilities_for, needs
from apps.accounts.roles import ROLES
from apps.accounts.services.access import access_of
from apps.accounts.views.people import reader
from apps.catalog.snapshot import snapshot


@require_safe
@needs()
def permissions(request: HttpRequest) -> HttpResponse:
    """In plain words: what one may do, where, and who gave it."""
    me = reader(request)
    held, given = access_of(me), queries.given_to([me.pk])[me.pk]
    catalogue = snapshot()
    context = {
        "roles": [(ROLES[code].name, given.get(("role", code)))
                  for code in ROLES if code in held.roles],
        "abilities": [(one, sources_of(one, held.roles)) for one in abilities(held.roles)],
        "grants": [(catalogue.facilities_by_id[pk], len(catalogue.subtrees[pk]) - 1,
                    given.get(("facility", catalogue.facilities_by_id[pk].code)))
                   for pk in sorted(held.facilities) if pk in catalogue.facilities_by_id],
        "sees": len(facilities_for(me)),
        "all": len(catalogue.facilities_by_id),
    }  # fmt: skip
    return render(request, "accounts/permissions.html", context)
