"""Sources and their keys in the administration; keys are made by `issue_key`, and ended here."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.accounts.access import covers_everything, facilities_to_administer
from apps.accounts.admin.scope import InScope
from apps.telemetry.access import person
from apps.telemetry.models import Source, SourceKey
from apps.telemetry.queries import keys_within, sources_within
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

    def get_queryset(self, request: HttpRequest) -> QuerySet[SourceKey]:
        return _keys_of(super().get_queryset(request), facilities_to_administer(request.user))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Source)
class SourceAdmin(ForThoseWhoRotateKeys, InScope):
    """A sender: switching it off refuses its keys at once."""

    list_display = ("code", "name", "system", "active")
    list_filter = ("active", "system")
    search_fields = ("code", "name")
    inlines = (KeyInline,)

    def within(self, found: QuerySet[Any], facilities: Sequence[int]) -> QuerySet[Any]:
        everywhere = covers_everything(facilities)
        return found.filter(pk__in=sources_within(facilities=facilities, everywhere=everywhere))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A source without keys is in nobody's scope but that of who sees everything."""
        is_everywhere = covers_everything(facilities_to_administer(request.user))
        return is_everywhere and super().has_add_permission(request, obj)


@admin.register(SourceKey)
class SourceKeyAdmin(ForThoseWhoRotateKeys, InScope):
    """Keys of every source: what they may, when they were used, and an end to them."""

    list_display = ("prefix", "source", "status", "require_signature", "expires_at", "last_used_at")
    list_filter = (("source", admin.RelatedOnlyFieldListFilter), "require_signature")
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

    def within(self, found: QuerySet[Any], facilities: Sequence[int]) -> QuerySet[Any]:
        return _keys_of(found, facilities)

    @admin.action(description="Revoke the selected keys now", permissions=["change"])
    def revoke(self, request: HttpRequest, keys: QuerySet[SourceKey]) -> None:
        live = keys.select_related("source")
        by = person(request)
        ended = sum(revoke_key(source=key.source.code, prefix=key.prefix, by=by) for key in live)
        self.message_user(request, f"{ended} key(s) revoked.")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def _keys_of(found: QuerySet[SourceKey], facilities: Sequence[int]) -> QuerySet[SourceKey]:
    inside = keys_within(facilities=facilities, everywhere=covers_everything(facilities))
    return found.filter(pk__in=inside)
