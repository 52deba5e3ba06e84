"""Who sends, with which keys, how well their clocks go; a key is issued, followed, ended."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts.access import Denied, covers_everything, facilities_to_administer, needs
from apps.accounts.confirm import confirmed_to_write
from apps.catalog.snapshot import Facility as Place
from apps.catalog.snapshot import snapshot
from apps.core.htmx import render_page
from apps.telemetry import queries
from apps.telemetry.access import person
from apps.telemetry.forms import IssueForm, RevokeForm, RotateForm, SourceForm
from apps.telemetry.models import Source, SourceKey
from apps.telemetry.services.keys import (
    IssuedKey,
    KeyEnded,
    KeyExists,
    create_source,
    issue_key_once,
    revoke_key,
    rotate_key,
    switch_source,
)
from apps.telemetry.views.events import PATH as EVENTS

ALREADY = "This form was sent before; the key was shown then. Issue another, or revoke that one."


@require_safe
@needs("accounts.rotate_source_keys")
def index(request: HttpRequest) -> HttpResponse:
    facilities = facilities_to_administer(request.user)
    everywhere = covers_everything(facilities)
    sources = queries.source_reports(facilities=facilities, everywhere=everywhere)
    context = {"sources": sources, "everywhere": everywhere}
    return render_page(request, "telemetry/sources.html", "telemetry/_sources.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@needs("accounts.rotate_source_keys")
@confirmed_to_write
def create(request: HttpRequest) -> HttpResponse:
    """A source without keys is in nobody's scope but that of who sees everything."""
    if not covers_everything(facilities_to_administer(request.user)):
        raise Denied("accounts.administer_network")
    form = SourceForm(request.POST or None)
    if form.is_valid():
        source = create_source(form.source(), by=person(request))
        messages.success(request, f"{source.name} may send once it has a key.")
        return redirect("telemetry:source", source.code)
    return render(request, "telemetry/source_new.html", {"form": form})


@require_safe
@needs("accounts.rotate_source_keys")
def source(request: HttpRequest, code: str) -> HttpResponse:
    return _render_source(request, _find(request, code))


@never_cache
@require_POST
@needs("accounts.rotate_source_keys")
@confirmed_to_write
def issue(request: HttpRequest, code: str) -> HttpResponse:
    """Answers with the key itself: it is shown on this page, and nowhere else, ever."""
    found = _find(request, code)
    form = _issue_form(request, request.POST)
    if not form.is_valid():
        return _render_source(request, found, issuing=form)
    try:
        issued = issue_key_once(form.key(found, issued_by=person(request)))
    except KeyExists:
        messages.error(request, ALREADY)
        return redirect("telemetry:source", found.code)
    return _render_issued(request, issued)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@needs("accounts.rotate_source_keys")
@confirmed_to_write
def rotate(request: HttpRequest, code: str, prefix: str) -> HttpResponse:
    found, key = _find_key(request, code, prefix)
    form = RotateForm(request.POST or None)
    if not form.is_valid():
        context = {"source": found, "key": key, "form": form}
        return render(request, "telemetry/key_rotate.html", context)
    try:
        issued = rotate_key(
            key,
            prefix=form.cleaned_data["public"],
            ends_at=form.ends_at(),
            by=person(request),
        )
    except KeyExists:
        messages.error(request, ALREADY)
    except KeyEnded:
        messages.error(request, f"{key.prefix} has ended. Issue a new key instead.")
    else:
        key.refresh_from_db()
        return _render_issued(request, issued, follows=key)
    return redirect("telemetry:source", found.code)


@require_http_methods(["GET", "HEAD", "POST"])
@needs("accounts.rotate_source_keys")
@confirmed_to_write
def revoke(request: HttpRequest, code: str, prefix: str) -> HttpResponse:
    found, key = _find_key(request, code, prefix)
    form = RevokeForm(request.POST or None)
    if not form.is_valid():
        context = {"source": found, "key": key, "form": form}
        return render(request, "telemetry/key_revoke.html", context)
    reason = form.cleaned_data["reason"]
    if revoke_key(source=found.code, prefix=key.prefix, by=person(request), why=reason):
        messages.success(request, f"{key.prefix} has ended: what it sends is answered 401.")
    return redirect("telemetry:source", found.code)


@require_POST
@needs("accounts.rotate_source_keys")
@confirmed_to_write
def switch(request: HttpRequest, code: str) -> HttpResponse:
    found = _find(request, code)
    active = request.POST.get("active") == "1"
    if switch_source(found, active=active, by=person(request)):
        text = "may send again" if active else "is switched off: its keys are answered 401"
        messages.success(request, f"{found.name} {text}.")
    return redirect("telemetry:source", found.code)


def _find(request: HttpRequest, code: str) -> Source:
    facilities = facilities_to_administer(request.user)
    everywhere = covers_everything(facilities)
    visible = queries.sources_within(facilities=facilities, everywhere=everywhere)
    return get_object_or_404(visible.select_related("system"), code=code)


def _find_key(request: HttpRequest, code: str, prefix: str) -> tuple[Source, SourceKey]:
    found = _find(request, code)
    return found, get_object_or_404(_keys(request, found), prefix=prefix)


def _keys(request: HttpRequest, of: Source) -> Any:
    facilities = facilities_to_administer(request.user)
    everywhere = covers_everything(facilities)
    found = queries.keys_within(facilities=facilities, everywhere=everywhere).filter(source=of)
    return found.select_related("issued_by", "revoked_by").order_by("-created_at")


def _issue_form(request: HttpRequest, data: Any = None) -> IssueForm:
    facilities = facilities_to_administer(request.user)
    known = snapshot().facilities_by_id
    places = [known[one] for one in facilities if one in known and known[one].active]
    places.sort(key=lambda place: [int(step) for step in place.path.strip("/").split("/")])
    return IssueForm(data, places=places, everywhere=covers_everything(facilities))


def _render_source(
    request: HttpRequest, found: Source, *, issuing: IssueForm | None = None
) -> HttpResponse:
    facilities = facilities_to_administer(request.user)
    everywhere = covers_everything(facilities)
    [report] = [
        one
        for one in queries.source_reports(facilities=facilities, everywhere=everywhere)
        if one.id == found.pk
    ]
    names = snapshot().facilities_by_id
    keys = list(_keys(request, found))
    context = {
        "source": found,
        "report": report,
        "keys": [(key, [names[one] for one in key.facility_ids if one in names]) for key in keys],
        "live": sum(key.status == "live" for key in keys),
        "issuing": issuing or _issue_form(request),
        "endpoint": request.build_absolute_uri(EVENTS),
    }
    return render(request, "telemetry/source.html", context)


def _render_issued(
    request: HttpRequest, issued: IssuedKey, *, follows: SourceKey | None = None
) -> HttpResponse:
    context = {
        "source": issued.key.source,
        "issued": issued,
        "follows": follows,
        "endpoint": request.build_absolute_uri(EVENTS),
        "check": request.build_absolute_uri(reverse("telemetry:catalogue")),
        "example": _example(issued.key),
    }
    return render(request, "telemetry/key_issued.html", context)


def _example(key: SourceKey) -> dict[str, Any]:
    """Codes of this catalogue that the key may send right away."""
    known = snapshot()
    roots = key.facility_ids or list(known.facilities_by_id)
    places: list[Place] = [known.facilities_by_id[one] for one in roots]
    sites = [place for place in places if place.kind not in ("organization", "region")] or places
    stage = next(iter(known.stages.values()), None)
    workflow = known.workflows_by_id[stage.workflow_id] if stage else None
    return {"facility": sites[0] if sites else None, "stage": stage, "workflow": workflow}
