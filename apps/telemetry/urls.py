"""Addresses of telemetry: the ingest API, its description, quarantine and sources."""

from django.urls import path

from apps.telemetry.views import (
    api,
    batch_pages,
    batches,
    catalogue,
    downloads,
    events,
    operations,
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
    path("quarantine/all/", operations.bulk, name="bulk"),
    path("quarantine/operations/", operations.index, name="operations"),
    path("quarantine/operations/<uuid:pk>/", operations.operation, name="operation"),
    path("quarantine/operations/<uuid:pk>/undo/", operations.take_back, name="operation-undo"),
    path("quarantine/<uuid:pk>/", quarantine.detail, name="quarantined"),
    path("quarantine/<uuid:pk>/resubmit/", quarantine.resubmit, name="resubmit"),
    path("quarantine/<uuid:pk>/discard/", quarantine.discard, name="discard"),
    path("quarantine/<uuid:pk>/reopen/", quarantine.reopen, name="reopen"),
    path("batches/", batch_pages.index, name="batches"),
    path("batches/<uuid:pk>/", batch_pages.batch, name="batch-page"),
    path("batches/<uuid:pk>/fold/", batch_pages.fold_again, name="batch-fold"),
    path("sources/", sources.index, name="sources"),
    path("sources/sources.<form:form>", downloads.sources_table, name="sources-table"),
    path("new-source/", sources.create, name="source-new"),
    path("sources/<str:code>/", sources.source, name="source"),
    path("sources/<str:code>/switch/", sources.switch, name="source-switch"),
    path("sources/<str:code>/keys/", sources.issue, name="key-issue"),
    path("sources/<str:code>/keys/<slug:prefix>/rotate/", sources.rotate, name="key-rotate"),
    path("sources/<str:code>/keys/<slug:prefix>/revoke/", sources.revoke, name="key-revoke"),
]
