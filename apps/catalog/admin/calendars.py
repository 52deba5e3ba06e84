"""Business calendars: the week, and the days without any hours."""

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest

from apps.catalog.admin.spans import LaysOutSpans
from apps.catalog.models import BusinessCalendar, CalendarHoliday, CalendarHours


class HoursInline(admin.TabularInline):
    model = CalendarHours
    extra = 0


class HolidayInline(admin.TabularInline):
    model = CalendarHoliday
    extra = 0
    ordering = ["-date"]


@admin.register(BusinessCalendar)
class BusinessCalendarAdmin(LaysOutSpans):
    list_display = ["name", "code", "week", "facility_count"]
    search_fields = ["code", "name"]
    inlines = [HoursInline, HolidayInline]
    fieldsets = [
        (
            None,
            {
                "fields": ["code", "name"],
                "description": "Hours are local to each facility. A change holds from now on: "
                "what was due before stays due when it was.",
            },
        ),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[BusinessCalendar]:
        found = super().get_queryset(request).prefetch_related("hours")
        return found.annotate(facility_count=Count("facilities"))

    @admin.display(description="open")
    def week(self, calendar: BusinessCalendar) -> str:
        return ", ".join(str(row) for row in calendar.hours.all()) or "never"

    @admin.display(description="set on", ordering="facility_count")
    def facility_count(self, calendar: BusinessCalendar) -> int:
        return int(calendar.facility_count)  # type: ignore[attr-defined]
