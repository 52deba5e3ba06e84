"""The API's description: the OpenAPI document, and the page that renders it."""

from functools import cache

import msgspec
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from apps.core import openapi
from apps.telemetry.reference import reference
from apps.telemetry.refusals import Code


@login_not_required
@require_safe
def document(request: HttpRequest) -> HttpResponse:
    return HttpResponse(_document(), "application/json")


@login_not_required
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Open to everybody: who writes a sender needs no account here."""
    layout = "base.html" if request.user.is_authenticated else "telemetry/open.html"
    return render(request, "telemetry/api.html", {"layout": layout, "reference": _written()})


# What is declared in code is the same as long as a process lives, and takes long to write out.
@cache
def _document() -> bytes:
    return msgspec.json.encode(openapi.document())


@cache
def _written() -> SafeString:
    context = {"reference": reference(), "codes": list(Code)}
    return render_to_string("telemetry/_reference.html", context)
