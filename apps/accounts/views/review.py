"""The review of access: who may do what, since when, given by whom; and a signature for each."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST, require_safe

from apps.accounts import queries
from apps.accounts.access import needs
from apps.accounts.models import AccessReview, User
from apps.accounts.queries import Holding
from apps.accounts.roles import ROLES
from apps.accounts.services import reviews
from apps.accounts.services.access import NotAllowed
from apps.accounts.views.people import reader
from apps.catalog.snapshot import snapshot
from apps.core.htmx import render_page

REVIEW = "accounts.review_access"


@require_safe
@needs(REVIEW)
def index(request: HttpRequest) -> HttpResponse:
    """Every open account: a quarter of a year is how long a signature holds."""
    rows = open_accounts()
    signed = [one.person.reviewed_at for one in rows if one.person.reviewed_at]
    context = {
        "rows": rows,
        "due": sum(one.is_due for one in rows),
        "last": max(signed, default=None),
        "me": reader(request).pk,
    }
    return render_page(request, "accounts/review.html", "accounts/_review.html", context)


def open_accounts() -> list[Holding]:
    """Who can sign in, with what they hold in words, and since when."""
    found = queries.people(state="active", limit=queries.EVERYBODY)
    given = queries.given_to([one.id for one in found])
    places = snapshot().facilities_by_id
    return [
        Holding(
            one,
            [(ROLES[code].name, given[one.id].get(("role", code)))
             for code in ROLES if code in one.roles],
            [(places[pk].name, given[one.id].get(("facility", places[pk].code)))
             for pk in one.facilities if pk in places],
        )
        for one in found
    ]  # fmt: skip


@require_POST
@needs(REVIEW)
def sign(request: HttpRequest, pk: int) -> HttpResponse:
    whom = get_object_or_404(User, pk=pk)
    remove = request.POST.get("verdict") == AccessReview.Verdict.REMOVE
    verdict = AccessReview.Verdict.REMOVE if remove else AccessReview.Verdict.KEEP
    try:
        reviews.sign_review(whom, verdict, by=reader(request))
    except NotAllowed as refusal:
        messages.error(request, str(refusal))
    else:
        messages.success(request, f"Signed for {whom.username}: {verdict.label.lower()}.")
    return redirect("accounts:review")
