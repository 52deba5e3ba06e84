"""People, their roles, facilities and tokens in Django's admin."""

from typing import Any, cast

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, Permission
from django.db.models import ForeignKey, QuerySet
from django.forms import HiddenInput
from django.http import HttpRequest

from apps.accounts.models import ApiToken, FacilityGroupGrant, FacilityUserGrant, User
from apps.accounts.services import revoke_tokens


class GrantInline(admin.TabularInline):
    """Facilities somebody may see. The permission is always the same, so it is not shown."""

    extra = 0
    autocomplete_fields = ["content_object"]
    fields = ["content_object", "permission"]
    verbose_name_plural = "facilities (each with everything below it)"

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.name == "permission":
            view = Permission.objects.filter(
                codename="view_facility", content_type__app_label="catalog"
            )
            kwargs |= {"queryset": view, "initial": view.first(), "widget": HiddenInput()}
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


class UserGrantInline(GrantInline):
    model = FacilityUserGrant


class GroupGrantInline(GrantInline):
    model = FacilityGroupGrant


@admin.register(User)
class UserAdmin(DjangoUserAdmin):
    list_display = ["username", "name", "roles", "sees", "is_staff", "is_active", "last_login"]
    list_filter = ["groups", "is_active", "is_staff"]
    filter_horizontal = ["groups"]
    inlines = [UserGrantInline]
    fieldsets = [
        (None, {"fields": ["username", "password", "is_active"]}),
        ("Person", {"fields": ["first_name", "last_name", "email"]}),
        (
            "Roles",
            {
                "fields": ["groups", "is_staff"],
                "description": "A role says what somebody may do; the facilities below say where.",
            },
        ),
        ("Dates", {"fields": ["last_login", "date_joined"]}),
    ]
    readonly_fields = ["last_login", "date_joined"]

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Only a superuser makes superusers: who edits people must not promote themselves."""
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or not request.user.is_superuser:
            return fieldsets
        return [*fieldsets, ("Everything, everywhere", {"fields": ["is_superuser"]})]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        found = super().get_queryset(request)
        return found.prefetch_related("groups", "facilityusergrant_set__content_object")

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and may_touch(request, obj)

    @admin.display(ordering="last_name")
    def name(self, user: User) -> str:
        return user.get_full_name()

    @admin.display
    def roles(self, user: User) -> str:
        return ", ".join(group.name for group in user.groups.all())

    @admin.display
    def sees(self, user: User) -> str:
        if user.is_superuser:
            return "everything"
        grants = user.facilityusergrant_set.all()
        return ", ".join(grant.content_object.code for grant in grants) or "nothing"


def may_touch(request: HttpRequest, user: User | None) -> bool:
    """Superusers are edited by superusers only."""
    return user is None or not user.is_superuser or bool(request.user.is_superuser)


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin):
    inlines = [GroupGrantInline]


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):
    """Tokens to look at and revoke; `manage.py issue_token` makes them."""

    list_display = ["prefix", "user", "created_at", "last_used_at", "revoked_at"]
    list_filter = ["user"]
    list_select_related = ["user"]
    search_fields = ["prefix", "user__username"]
    actions = ["revoke"]
    readonly_fields = ["user", "prefix", "created_at", "last_used_at", "revoked_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    @admin.action(description="Revoke the selected tokens", permissions=["change"])
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        live = queryset.filter(revoked_at=None).select_related("user")
        count = sum(
            revoke_tokens(user=token.user, prefix=token.prefix, by=cast(User, request.user))
            for token in live
        )
        self.message_user(request, f"{count} revoked.")
