"""The tables about people as files."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.accounts import tables
from apps.accounts.access import facilities_for, facilities_to_administer, needs
from apps.accounts.exports import EXPORT, Extent, download
from apps.accounts.trail import PERIODS
from apps.accounts.views.audit import question
from apps.accounts.views.review import REVIEW, open_accounts
from apps.core.exports import Form


@require_safe
@needs("accounts.view_audit", EXPORT)
def audit_table(request: HttpRequest, form: Form) -> HttpResponseBase:
    """The trail, with the filters of the page."""
    asked = question(request)
    extent = Extent(facilities_for(request.user), PERIODS[asked.period][0], timezone.now())
    return download(request, tables.trail(asked), form, extent)


@require_safe
@needs(REVIEW, EXPORT)
def review_table(request: HttpRequest, form: Form) -> HttpResponseBase:
    """Who may do what."""
    extent = Extent(facilities_to_administer(request.user), "now", timezone.now())
    return download(request, tables.review(open_accounts()), form, extent)
