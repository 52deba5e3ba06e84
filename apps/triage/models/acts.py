"""What people leave on a case besides its state: what they wait for, tell, skip, link, look at."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from apps.triage.models.cases import Case, CaseEvent

PERSON = settings.AUTH_USER_MODEL


class Pend(models.Model):
    """What a pending case waits for. Gone as soon as it waits no more; the history keeps it."""

    case = models.OneToOneField(Case, models.CASCADE, primary_key=True, related_name="pend")
    until = models.DateTimeField(db_index=True)
    # Any of these brings it back earlier.
    until_reply = models.BooleanField()
    events_seen = models.IntegerField(help_text="Events of the transaction when it was put aside.")
    until_amount_minor = models.BigIntegerField(null=True)
    until_escalating = models.BooleanField()
    reason = models.CharField(max_length=20)
    pauses = models.BooleanField(help_text="The clock stands still meanwhile.")
    # To whom it comes back. Empty: to the pool.
    returns_to = models.ForeignKey(PERSON, models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.case_id} until {self.until:%Y-%m-%d %H:%M}"


class Mention(models.Model):
    """Somebody was named in a note."""

    event = models.ForeignKey(CaseEvent, models.CASCADE, related_name="mentions")
    person = models.ForeignKey(PERSON, models.PROTECT, db_index=False, related_name="mentions")

    class Meta:
        constraints = [
            # Reader of its index: where somebody was named.
            models.UniqueConstraint(fields=["person", "event"], name="mention_once")
        ]

    def __str__(self) -> str:
        return f"{self.person_id} in {self.event_id}"


class Skip(models.Model):
    """Somebody was offered a case and did not want it."""

    case = models.ForeignKey(Case, models.CASCADE, related_name="skips")
    person = models.ForeignKey(PERSON, models.PROTECT, db_index=False, related_name="+")
    at = models.DateTimeField(db_default=Now())
    reason = models.CharField(max_length=500)

    def __str__(self) -> str:
        return f"{self.case_id} by {self.person_id}"


class Ticket(models.Model):
    """Where the same trouble is written down in somebody else's system."""

    case = models.ForeignKey(Case, models.CASCADE, related_name="tickets")
    url = models.URLField(max_length=300)
    label = models.CharField(max_length=60)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["case", "url"], name="ticket_once")]

    def __str__(self) -> str:
        return self.label


class Look(models.Model):
    """Somebody had the page of a case open, to the minute."""

    case = models.ForeignKey(Case, models.CASCADE, db_index=False, related_name="looks")
    person = models.ForeignKey(PERSON, models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        constraints = [
            # Reader of its index: how long people worked a case.
            models.UniqueConstraint(fields=["case", "person", "at"], name="look_once")
        ]

    def __str__(self) -> str:
        return f"{self.case_id} by {self.person_id}"


class Pace(models.Model):
    """How fast a workflow answers: what a mended case may take to show it."""

    workflow = models.OneToOneField(
        "catalog.Workflow", models.CASCADE, primary_key=True, related_name="+"
    )
    p99_seconds = models.PositiveIntegerField(null=True, help_text="Of the last weeks.")
    measured_at = models.DateTimeField(null=True)
    verify_seconds = models.PositiveIntegerField(
        null=True, blank=True,
        help_text="A fix must show within so many seconds. Empty: as fast as the target says.",
    )  # fmt: skip

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(verify_seconds__isnull=True) | Q(verify_seconds__gte=60),
                name="pace_verify_at_least_a_minute",
            )
        ]

    def __str__(self) -> str:
        return f"{self.workflow_id}: {self.p99_seconds}"
