"""Every component in every state, for whoever builds pages."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from apps.accounts.access import needs
from apps.core.htmx import render_page
from apps.dashboard import charts
from apps.dashboard import styleguide as guide


@require_safe
@needs("accounts.view_system_status")
def styleguide(request: HttpRequest) -> HttpResponse:
    """The style guide, or what its one chart asks for."""
    if "as" in request.GET:
        back = reverse("dashboard:styleguide")
        return charts.answer(request, guide.chart(), page="Style guide", back=back)
    return render_page(
        request, "dashboard/styleguide.html", "dashboard/_styleguide.html", guide.context()
    )
