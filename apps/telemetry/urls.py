"""Addresses of telemetry: the ingest API, quarantine and sources."""

from django.urls import path

from apps.telemetry.views import events

app_name = "telemetry"

urlpatterns = [
    path("api/v1/events", events.post_events, name="events"),
]
