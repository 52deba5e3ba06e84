"""People, and the catalogue within the facilities that somebody may see; imports register all."""

from django.contrib import admin

from apps.accounts.admin import doors, people, places

__all__ = ["doors", "people", "places"]

# One row at a time, with what hangs on it in view: Django notes the deletion of
# many in bulk, past the audit trail.
admin.site.disable_action("delete_selected")
