"""Every address of the product; each app owns its own urls.py."""

from django.contrib import admin
from django.urls import include, path
from django.views.decorators.http import require_safe

from apps.accounts.access import api_user, needs
from apps.core.health import healthz
from apps.pipeline.health import readyz
from apps.scorecards.views import scorecards

handler403 = "apps.dashboard.views.denied"

# What its view needs is declared here; the view itself asks only for somebody who is known.
figures = require_safe(api_user(needs("accounts.view_scorecards")(scorecards)))

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("admin/", admin.site.urls),
    # Before accounts: keys of sources read the catalogue, too.
    path("", include("apps.telemetry.urls")),
    path("", include("apps.accounts.urls")),
    path(
        "",
        include(([path("api/v1/scorecards", figures, name="scorecards")], "scorecards")),
    ),
    path("", include("apps.dashboard.urls")),
]
