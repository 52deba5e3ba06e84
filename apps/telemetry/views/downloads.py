"""The tables of telemetry's pages as files."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.accounts.access import covers_everything, facilities_for, facilities_to_administer, needs
from apps.accounts.exports import EXPORT, Extent, download
from apps.core.exports import Form
from apps.telemetry import queries, tables
from apps.telemetry.forms import FilterForm


@require_safe
@needs("accounts.view_quarantine", EXPORT)
def quarantine_table(request: HttpRequest, form: Form) -> HttpResponseBase:
    """Refused events, with the filters of the page."""
    facilities = facilities_for(request.user)
    visible = queries.quarantined(facilities=facilities, everywhere=covers_everything(facilities))
    filters = FilterForm(request.GET, sources=queries.sources_of(visible), facilities=facilities)
    table = tables.quarantined(
        queries.selected(filters.of(visible), since=filters.since(), before=None)
    )
    extent = Extent(facilities, "what is kept, newest first", timezone.now())
    return download(request, table, form, extent)


@require_safe
@needs("accounts.rotate_source_keys", EXPORT)
def sources_table(request: HttpRequest, form: Form) -> HttpResponseBase:
    """Who sends."""
    facilities = facilities_to_administer(request.user)
    everywhere = covers_everything(facilities)
    found = queries.source_reports(facilities=facilities, everywhere=everywhere)
    return download(request, tables.sources(found), form, Extent(facilities, "now", timezone.now()))
