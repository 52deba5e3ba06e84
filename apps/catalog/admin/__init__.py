"""The catalogue in Django's admin. Importing registers everything."""

from django.contrib import admin

from apps.catalog.admin import calendars, places, systems, targets, workflows

__all__ = ["calendars", "places", "systems", "targets", "workflows"]

admin.site.site_header = "Throughline"
admin.site.site_title = "Throughline"
admin.site.index_title = "Catalogue and people"
