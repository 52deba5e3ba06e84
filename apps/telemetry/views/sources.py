"""Who sends, with which keys, how well their clocks go."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from apps.accounts.access import facilities_to_administer, needs
from apps.core.htmx import render_page
from apps.telemetry import queries
from apps.telemetry.access import covers_everything


@require_safe
@needs("accounts.rotate_source_keys")
def index(request: HttpRequest) -> HttpResponse:
    facilities = facilities_to_administer(request.user)
    everywhere = covers_everything(facilities)
    sources = queries.source_reports(facilities=facilities, everywhere=everywhere)
    context = {"sources": sources, "everywhere": everywhere}
    return render_page(request, "telemetry/sources.html", "telemetry/_sources.html", context)
