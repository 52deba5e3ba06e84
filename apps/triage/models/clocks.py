"""What the clocks of cases showed while they ran."""

from django.db import models
from django.db.models import Q

from apps.triage.models.cases import Case


class ClockMark(models.Model):
    """A share of the time of a case that passed while it was open. Once written it stays, whatever
    is learned later: somebody was warned by it."""

    class Clock(models.IntegerChoices):
        RESPOND = 1, "Time to respond"
        RESOLVE = 2, "Time to resolve"

    class Mark(models.IntegerChoices):
        HALF = 50, "half of it"
        MOST = 80, "most of it"
        ALL = 100, "all of it"

    pk = models.CompositePrimaryKey("case_id", "run", "clock", "mark")
    case = models.ForeignKey(Case, models.CASCADE, db_index=False, related_name="marks")
    # A reopening starts another run, which is warned of and breached anew.
    run = models.PositiveSmallIntegerField()
    clock = models.PositiveSmallIntegerField(choices=Clock)
    mark = models.PositiveSmallIntegerField(choices=Mark)
    # When the share had passed, not when it was noticed.
    at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(clock__in=[1, 2]) & Q(mark__in=[50, 80, 100]), name="clockmark_known"
            ),
        ]
        indexes = [
            # Reader: breaches of a period, on the board of teams.
            models.Index(fields=["at"], condition=Q(mark=100), name="clockmark_breaches"),
        ]

    def __str__(self) -> str:
        return f"{self.get_clock_display()}: {self.mark} %"
