"""Views that people keep: save, rename, share, order, delete and take back."""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts.access import needs
from apps.telemetry.access import person
from apps.triage.forms import ViewForm, shared_as
from apps.triage.models import SavedView
from apps.triage.services import saved_views
from apps.triage.views.queue import SEES, reader_of


@require_http_methods(["GET", "HEAD", "POST"])
@needs(SEES)
def save(request: HttpRequest) -> HttpResponse:
    """Give what the queue is asked a name."""
    who = reader_of(request)
    form = ViewForm(request.POST or None, reader=who, initial={"query": request.GET.get("query")})
    if form.is_valid():
        told = form.cleaned_data
        made = saved_views.keep(
            who.user, name=told["name"], query=told["query"], sharing=form.sharing()
        )
        messages.success(request, f"Saved as “{made.name}”.")
        return redirect(_address(made))
    return _form(request, form, None)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(SEES)
def change(request: HttpRequest, id: UUID) -> HttpResponse:
    """Name, sharing and place of one's own view; the page of a deleted one takes that back."""
    who, view = reader_of(request), _own(request, id)
    if view.deleted_at:
        return render(request, "triage/view_deleted.html", {"view": view})
    if request.POST.get("move") in ("up", "down"):
        saved_views.move(view, up=request.POST["move"] == "up")
        return redirect("triage:view", view.pk)
    initial = {"name": view.name, "shared": shared_as(view), "query": view.query}
    form = ViewForm(request.POST or None, reader=who, view=view, initial=initial)
    if form.is_valid():
        told = form.cleaned_data
        saved_views.change(view, who.user, name=told["name"], sharing=form.sharing(),
                           query=told["query"])  # fmt: skip
        messages.success(request, f"“{view.name}” is changed.")
        return redirect(_address(view))
    return _form(request, form, view)


@require_POST
@needs(SEES)
def delete(request: HttpRequest, id: UUID) -> HttpResponse:
    view = _own(request, id)
    saved_views.delete(view, person(request))
    return redirect("triage:view", view.pk)


@require_POST
@needs(SEES)
def restore(request: HttpRequest, id: UUID) -> HttpResponse:
    view = _own(request, id)
    if view.deleted_at:
        saved_views.restore(view, person(request))
    messages.success(request, f"“{view.name}” is back.")
    return redirect(_address(view))


def _form(request: HttpRequest, form: ViewForm, view: SavedView | None) -> HttpResponse:
    status = 422 if form.is_bound else 200
    context = {"form": form, "view": view}
    return render(request, "triage/view_form.html", context, status=status)


def _own(request: HttpRequest, id: UUID) -> SavedView:
    found = saved_views.own(person(request), id)
    if found is None:
        raise Http404
    return found


def _address(view: SavedView) -> str:
    return f"{reverse('triage:queue')}?view={view.pk.hex}"
