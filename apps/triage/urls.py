"""Addresses of the queue of exceptions, of its views, and of acts on many of its cases."""

from django.urls import path

from apps.triage.views import api, bulk, downloads, queue, saved, storms

app_name = "triage"

urlpatterns = [
    path("api/v1/cases", api.cases, name="cases-api"),
    path("exceptions/", queue.index, name="queue"),
    path("exceptions/counts/", queue.counts, name="counts"),
    path("exceptions/totals/", queue.totals, name="totals"),
    path("exceptions/fresh/", queue.fresh, name="fresh"),
    path("exceptions/find/", queue.find, name="find"),
    path("exceptions/filters/<slug:name>/", queue.menu, name="filter"),
    path("exceptions/cases.<form:form>", downloads.cases_table, name="cases-table"),
    path("exceptions/storms/<uuid:id>/", storms.storm, name="storm"),
    path("exceptions/storms/<uuid:id>/<slug:verb>/", storms.act, name="storm-act"),
    path("bulk/preview/", bulk.preview, name="bulk-preview"),
    path("bulk/<uuid:id>/", bulk.show, name="bulk"),
    path("bulk/<uuid:id>/run/", bulk.run, name="bulk-run"),
    path("bulk/<uuid:id>/items.<form:form>", bulk.items_table, name="bulk-table"),
    path("bulk/<uuid:id>/<slug:name>/", bulk.step, name="bulk-step"),
    path("ops/", bulk.index, name="ops"),
    path("exceptions/views/", saved.save, name="view-new"),
    path("exceptions/views/<uuid:id>/", saved.change, name="view"),
    path("exceptions/views/<uuid:id>/delete/", saved.delete, name="view-delete"),
    path("exceptions/views/<uuid:id>/restore/", saved.restore, name="view-restore"),
]
