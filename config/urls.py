"""Every address of the product; each app owns its own urls.py."""

from django.contrib import admin
from django.urls import include, path

from apps.core.health import healthz
from apps.pipeline.health import readyz

handler403 = "apps.dashboard.views.home.denied"
# Looked up by allauth, by this name.
handler429 = "apps.accounts.limits.too_many"

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("admin/", admin.site.urls),
    # Before accounts: keys of sources read the catalogue, too.
    path("", include("apps.telemetry.urls")),
    path("", include("apps.accounts.urls")),
    path("", include("apps.accounts.account_urls")),
    path("", include("apps.scorecards.urls")),
    path("", include("apps.triage.urls")),
    path("", include("apps.dashboard.urls")),
]
