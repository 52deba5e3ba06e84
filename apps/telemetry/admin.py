"""Sources and their keys in the administration; keys are made by `issue_key`, and ended here."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.telemetry.models import Source, SourceKey
from apps.telemetry.services.keys import revoke_key


class ForThoseWhoRotateKeys:
    """The role matrix knows one permission for sources and keys."""

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.rotate_source_keys")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("accounts.rotate_source_keys")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("accounts.rotate_source_keys")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("accounts.rotate_source_keys")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Their events stay, so sources and keys stay; they are switched off or revoked."""
        return False


class KeyInline(ForThoseWhoRotateKeys, admin.TabularInline):
    """A source's keys, to look at."""

    model = SourceKey
    fields = readonly_fields = (
        "prefix",
        "status",
        "require_signature",
        "facility_ids",
        "created_at",
        "expires_at",
        "last_used_at",
    )
    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Source)
class SourceAdmin(ForThoseWhoRotateKeys, admin.ModelAdmin):
    """A sender: switching it off refuses its keys at once."""

    list_display = ("code", "name", "system", "active")
    list_filter = ("active", "system")
    search_fields = ("code", "name")
    inlines = (KeyInline,)


@admin.register(SourceKey)
class SourceKeyAdmin(ForThoseWhoRotateKeys, admin.ModelAdmin):
    """Keys of every source: what they may, when they were used, and an end to them."""

    list_display = ("prefix", "source", "status", "require_signature", "expires_at", "last_used_at")
    list_filter = ("source", "require_signature")
    search_fields = ("prefix", "source__code")
    readonly_fields = (
        "source",
        "prefix",
        "require_signature",
        "facility_ids",
        "created_at",
        "revoked_at",
        "last_used_at",
    )
    exclude = ("secret_sha256", "hmac_secret")
    actions = ("revoke",)

    @admin.action(description="Revoke the selected keys now", permissions=["change"])
    def revoke(self, request: HttpRequest, keys: QuerySet[SourceKey]) -> None:
        ended = sum(revoke_key(prefix=key.prefix) for key in keys)
        self.message_user(request, f"{ended} key(s) revoked.")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
