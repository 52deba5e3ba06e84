"""Addresses of scorecards."""

from django.urls import path

from apps.scorecards import views

app_name = "scorecards"

urlpatterns = [path("api/v1/scorecards", views.scorecards, name="scorecards")]
