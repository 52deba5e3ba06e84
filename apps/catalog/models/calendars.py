"""When business is open, and the same laid out as absolute time for the due arithmetic."""

from django.db import models
from django.db.models import F, Q

from apps.catalog.validators import validate_code


class BusinessCalendar(models.Model):
    """Opening hours by weekday and the days without any, in the local time of each facility."""

    code = models.CharField(max_length=40, unique=True, validators=[validate_code])
    name = models.CharField(max_length=120)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class CalendarHours(models.Model):
    """One stretch of open hours on a weekday; a lunch break makes two."""

    class Weekday(models.IntegerChoices):
        MONDAY = 0
        TUESDAY = 1
        WEDNESDAY = 2
        THURSDAY = 3
        FRIDAY = 4
        SATURDAY = 5
        SUNDAY = 6

    calendar = models.ForeignKey(BusinessCalendar, models.CASCADE, related_name="hours")
    weekday = models.SmallIntegerField(choices=Weekday)
    opens = models.TimeField()
    closes = models.TimeField(help_text="00:00 means midnight at the end of the day.")

    class Meta:
        verbose_name = "open hours"
        verbose_name_plural = "open hours"
        ordering = ["calendar", "weekday", "opens"]
        constraints = [
            models.UniqueConstraint(
                fields=["calendar", "weekday", "opens"],
                name="calendarhours_once",
                deferrable=models.Deferrable.IMMEDIATE,
            ),
            models.CheckConstraint(
                condition=Q(closes__gt=F("opens")) | Q(closes="00:00"),
                name="calendarhours_close_after_open",
                violation_error_message="Closes must be later than opens; use 00:00 for midnight.",
            ),
            models.CheckConstraint(
                condition=Q(weekday__range=(0, 6)), name="calendarhours_weekday_range"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_weekday_display()} {self.opens:%H:%M}-{self.closes:%H:%M}"


class CalendarHoliday(models.Model):
    """A local date on which a calendar is closed all day."""

    calendar = models.ForeignKey(BusinessCalendar, models.CASCADE, related_name="holidays")
    date = models.DateField()
    name = models.CharField(max_length=80)

    class Meta:
        verbose_name = "holiday"
        ordering = ["calendar", "date"]
        constraints = [
            models.UniqueConstraint(
                fields=["calendar", "date"],
                name="calendarholiday_once",
                deferrable=models.Deferrable.IMMEDIATE,
            )
        ]

    def __str__(self) -> str:
        return f"{self.date} {self.name}"


class CalendarSpan(models.Model):
    """Open time of a calendar in one zone, as instants. Kept by services.refresh_spans."""

    pk = models.CompositePrimaryKey("calendar_id", "time_zone", "opens_at")
    calendar = models.ForeignKey(BusinessCalendar, models.CASCADE, db_index=False, related_name="+")
    time_zone = models.CharField(max_length=40)
    opens_at = models.DateTimeField()
    closes_at = models.DateTimeField()
    # Open seconds of this calendar and zone before this span: makes "L open seconds later"
    # two index look-ups instead of a walk.
    open_seconds_before = models.BigIntegerField()

    class Meta:
        constraints = [
            # catalog_due: which span holds a position on the open-time axis.
            models.UniqueConstraint(
                fields=["calendar", "time_zone", "open_seconds_before"],
                name="calendarspan_position",
                include=["opens_at", "closes_at"],
            ),
            models.CheckConstraint(
                condition=Q(closes_at__gt=F("opens_at")), name="calendarspan_not_empty"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.opens_at:%Y-%m-%d %H:%M} - {self.closes_at:%H:%M} UTC"
