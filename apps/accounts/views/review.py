"""The review of access: who may do what, since when, given by whom; and a signature for each."""

from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from apps.accounts import queries
from apps.accounts.access import needs
from apps.accounts.models import AccessReview, User
from apps.accounts.queries import Holding, PersonRow
from apps.accounts.roles import ROLES
from apps.accounts.services import reviews
from apps.accounts.services.access import NotAllowed
from apps.accounts.views.people import page_number, reader
from apps.catalog.snapshot import snapshot
from apps.core.htmx import render_page

REVIEW = "accounts.review_access"


@require_safe
@needs(REVIEW)
def index(request: HttpRequest) -> HttpResponse:
    """The open accounts, or those due: a quarter of a year is how long a signature holds."""
    only_due, page = request.GET.get("show") == "due", page_number(request)
    size = queries.PEOPLE_A_PAGE
    found = queries.people(
        state="due" if only_due else "active", limit=size + 1, skip=(page - 1) * size
    )
    context = {
        "rows": holdings(found[:size]),
        "reviewed": queries.reviewed(),
        "only_due": only_due,
        "page": page,
        "has_more": len(found) > size,
        "me": reader(request).pk,
    }
    return render_page(request, "accounts/review.html", "accounts/_review.html", context)


def open_accounts() -> list[Holding]:
    """Everybody who can sign in."""
    return holdings(queries.people(state="active", limit=queries.EVERYBODY))


def holdings(found: Sequence[PersonRow]) -> list[Holding]:
    """People with what they hold in words, and since when."""
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
    # Back to where it was signed; of those due the first page, since others move up.
    is_due = request.GET.get("show") == "due"
    query = "show=due" if is_due else request.GET.urlencode()
    return redirect(reverse("accounts:review") + (f"?{query}" if query else ""))
