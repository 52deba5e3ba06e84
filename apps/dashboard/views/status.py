"""How the product itself runs."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from apps.accounts.access import needs
from apps.core.htmx import render_page
from apps.dashboard import status as system


@require_safe
@needs("accounts.view_system_status")
def status(request: HttpRequest) -> HttpResponse:
    """How the product itself runs."""
    context = {"picture": system.picture(now=timezone.now())}
    return render_page(request, "dashboard/status.html", "dashboard/_status.html", context)
