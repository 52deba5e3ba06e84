"""People, their roles, facilities and tokens in Django's admin."""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import QuerySet
from django.http import HttpRequest

from apps.accounts.models import ApiToken, FacilityGroupGrant, FacilityUserGrant, User
from apps.catalog.admin.shown import OnlyShown, Shown


class GrantInline(Shown, admin.TabularInline):
    """Facilities somebody may see, to look at."""

    extra = 0
    fields = ["content_object"]
    verbose_name_plural = "facilities (each with everything below it)"


class UserGrantInline(GrantInline):
    model = FacilityUserGrant


class GroupGrantInline(GrantInline):
    model = FacilityGroupGrant


@admin.register(User)
class UserAdmin(OnlyShown, DjangoUserAdmin):
    list_display = ["username", "name", "roles", "sees", "is_staff", "is_active", "last_login"]
    list_filter = ["groups", "is_active", "is_staff"]
    inlines = [UserGrantInline]
    fieldsets = [
        (None, {"fields": ["username", "is_active"]}),
        ("Person", {"fields": ["first_name", "last_name", "email"]}),
        (
            "Roles",
            {
                "fields": ["groups", "is_staff", "is_superuser"],
                "description": "Roles and facilities are changed under People.",
            },
        ),
        ("Dates", {"fields": ["last_login", "date_joined"]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        found = super().get_queryset(request)
        return found.prefetch_related("groups", "facilityusergrant_set__content_object")

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


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(OnlyShown, DjangoGroupAdmin):
    """Roles as `apps/accounts/roles.py` has them."""

    inlines = [GroupGrantInline]


@admin.register(ApiToken)
class ApiTokenAdmin(OnlyShown):
    """Tokens to look at. `manage.py issue_token` makes them, the person's page revokes them."""

    list_display = ["prefix", "user", "created_at", "last_used_at", "revoked_at"]
    list_filter = ["user"]
    list_select_related = ["user"]
    search_fields = ["prefix", "user__username"]
    fields = ["user", "prefix", "created_at", "last_used_at", "revoked_at"]
