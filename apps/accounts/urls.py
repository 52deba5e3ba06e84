"""Addresses of the read API that belong to nobody further right."""

from django.urls import path

from apps.accounts import views

app_name = "accounts"
urlpatterns = [
    path("api/v1/catalogue", views.catalogue, name="catalogue"),
]
