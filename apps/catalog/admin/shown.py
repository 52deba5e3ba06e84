"""Pages of the administration that only show: what is changed by two people, or on record."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest


class Shown:
    """No form: one beside the pages that change this would be a way around the second person."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class OnlyShown(Shown, admin.ModelAdmin):
    """A list and its rows, to look at."""
