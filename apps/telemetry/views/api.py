"""The API's description: the OpenAPI document, and the page that renders it."""

import msgspec
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from apps.core import openapi
from apps.telemetry.reference import reference
from apps.telemetry.refusals import Code


@login_not_required
@require_safe
def document(request: HttpRequest) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(openapi.document()), "application/json")


@login_not_required
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Open to everybody: who writes a sender needs no account here."""
    layout = "base.html" if request.user.is_authenticated else "telemetry/open.html"
    context = {"layout": layout, "reference": reference(), "codes": list(Code)}
    return render(request, "telemetry/api.html", context)
