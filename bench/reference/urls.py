"""One address, and one to ask whether we are up."""

from django.http import HttpResponse
from django.urls import path

from bench.reference.views import list_rows, post_events

urlpatterns = [
    path("", lambda request: HttpResponse("ready")),
    path("events", post_events),
    path("rows/<int:workflow>/<int:facility>/", list_rows),
]
