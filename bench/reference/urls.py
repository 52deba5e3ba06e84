"""One address, and one to ask whether we are up."""

from django.http import HttpResponse
from django.urls import path

from bench.reference.views import post_events

urlpatterns = [
    path("", lambda request: HttpResponse("ready")),
    path("events", post_events),
]
