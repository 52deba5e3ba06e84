"""Addresses of the pages."""

from django.conf import settings
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from apps.accounts.access import needs
from apps.dashboard import api, views
from apps.dashboard.forms import SignInForm

app_name = "dashboard"

sign_in = LoginView.as_view(
    template_name="dashboard/sign_in.html",
    authentication_form=SignInForm,
    redirect_authenticated_user=True,
    extra_context={
        "is_demo": settings.THROUGHLINE_DEMO,
        "session_hours": settings.SESSION_COOKIE_AGE // 3600,
    },
)

urlpatterns = [
    path("", views.home, name="home"),
    path("flow/", views.flow, name="flow"),
    path("flow/board/", views.flow_board, name="board"),
    path("flow/<slug:workflow>/<slug:facility>/", views.cell, name="cell"),
    path("transactions/<uuid:id>/", views.transaction, name="transaction"),
    path(
        "api/v1/transactions/<slug:workflow>/<path:correlation_id>",
        api.transaction,
        name="transaction-api",
    ),
    path("status/", views.status, name="status"),
    path("status/strip/", views.strip, name="strip"),
    path("sign-in/", sign_in, name="sign-in"),
    path("sign-out/", needs()(LogoutView.as_view()), name="sign-out"),
]
