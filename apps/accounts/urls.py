"""Addresses of the read API that belong to nobody further right, and of one's own sessions."""

from django.urls import path

from apps.accounts.views import catalogue, sessions, sign_in

app_name = "accounts"
urlpatterns = [
    path("api/v1/catalogue", catalogue.catalogue, name="catalogue"),
    path("sign-in/sso/", sign_in.sso, name="sso"),
    path("account/sessions/", sessions.sessions, name="sessions"),
    path("account/sessions/end-others/", sessions.end_others, name="end-others"),
    path("account/sessions/stay/", sessions.stay, name="stay"),
    path("account/sessions/<slug:handle>/end/", sessions.end, name="end-session"),
]
