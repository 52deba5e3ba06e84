"""Admin pages that keep to the facilities of the person who looks."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import ForeignKey, QuerySet
from django.http import Http404, HttpRequest

from apps.accounts.access import covers_everything, facilities_to_administer
from apps.catalog.models import Facility


def sees_all(request: HttpRequest) -> bool:
    """Whether no facility lies outside what who asks administers; found out once a request, for
    the administration asks before every link."""
    known: bool | None = getattr(request, "sees_all", None)
    if known is None:
        known = covers_everything(facilities_to_administer(request.user))
        request.sees_all = known  # type: ignore[attr-defined]
    return known


class InScope(admin.ModelAdmin):
    """Rows within one's own facilities; any other is as if it did not exist."""

    def within(self, found: QuerySet[Any], facilities: Sequence[int]) -> QuerySet[Any]:
        """What of these rows lies within the facilities."""
        raise NotImplementedError

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        found = super().get_queryset(request)
        return self.within(found, facilities_to_administer(request.user))

    def get_object(self, request: HttpRequest, object_id: str, from_field: Any = None) -> Any:
        """404 as everywhere: Django would lead to the index and name the row that is not there."""
        found = super().get_object(request, object_id, from_field)
        if found is None:
            raise Http404
        return found

    def formfield_for_foreignkey(
        self, db_field: ForeignKey[Any, Any], request: HttpRequest, **kwargs: Any
    ) -> Any:
        if db_field.related_model is Facility:
            facilities = facilities_to_administer(request.user)
            kwargs["queryset"] = Facility.objects.filter(pk__in=facilities)
        return super().formfield_for_foreignkey(db_field, request, **kwargs)
