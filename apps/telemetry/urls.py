"""Addresses of telemetry: the ingest API, its description, quarantine and sources."""

from django.urls import path

from apps.telemetry.views import (
    api,
    batches,
    catalogue,
    downloads,
    events,
    quarantine,
    quarantine_api,
    sources,
)

app_name = "telemetry"

urlpatterns = [
    path("api/", api.page, name="api"),
    path("api/v1/openapi.json", api.document, name="openapi"),
    path("api/v1/catalogue", catalogue.catalogue, name="catalogue"),
    path("api/v1/events", events.post_events, name="events"),
    path("api/v1/batches/<str:batch_id>", batches.batch, name="batch"),
    path("api/v1/quarantine", quarantine_api.quarantine_list, name="quarantine-list"),
    path(
        "api/v1/quarantine/<str:item_id>/resubmit",
        quarantine_api.quarantine_resubmit,
        name="quarantine-resubmit",
    ),
    path(
        "api/v1/quarantine/<str:item_id>/discard",
        quarantine_api.quarantine_discard,
        name="quarantine-discard",
    ),
    path("quarantine/", quarantine.index, name="quarantine"),
    path("quarantine/events.<form:form>", downloads.quarantine_table, name="quarantine-table"),
    path("quarantine/<uuid:pk>/", quarantine.detail, name="quarantined"),
    path("quarantine/<uuid:pk>/resubmit/", quarantine.resubmit, name="resubmit"),
    path("quarantine/<uuid:pk>/discard/", quarantine.discard, name="discard"),
    path("sources/", sources.index, name="sources"),
    path("sources/sources.<form:form>", downloads.sources_table, name="sources-table"),
]
