"""Storms: one thing fails many, and is shown as one."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from apps.catalog.models import ErrorClass


class Storm(models.Model):
    """Many cases of one system and one class of error in a short time. Its facts are the sweep's
    alone (apps.triage.storms); its cases stay cases, each with its own end."""

    id = models.UUIDField(primary_key=True, db_default=models.Func(function="uuidv7"))
    system = models.ForeignKey(
        "catalog.System", models.DO_NOTHING, db_index=False, related_name="+"
    )
    error_class = models.CharField(max_length=20, choices=ErrorClass)
    # What most of its cases are; empty while nobody has explained most of them.
    kind = models.ForeignKey(
        "catalog.ExceptionKind", models.DO_NOTHING, null=True, db_index=False, related_name="+"
    )
    # The births of its first and of its latest case, and since when nothing of it failed.
    opened_at = models.DateTimeField()
    last_seen = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    # Whose it is, and who said so: in their name the sweep gives the cases that are nobody's.
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, db_index=False, related_name="+"
    )
    assigned_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, db_index=False, related_name="+"
    )
    version = models.PositiveIntegerField(db_default=1)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(last_seen__gte=F("opened_at")), name="storm_seen_after_opened"
            ),
            models.CheckConstraint(
                condition=Q(assignee__isnull=True) | Q(assigned_by__isnull=False),
                name="storm_assigned_by_somebody",
            ),
        ]
        # Reader: the sweep, the storms of a cause.
        indexes = [models.Index(fields=["system", "error_class", "last_seen"], name="storm_cause")]

    def __str__(self) -> str:
        return f"{self.get_error_class_display()} {self.pk}"


class StormEvent(models.Model):
    """One thing that people did with a storm, kept for good."""

    class Kind(models.TextChoices):
        """The sentence of a history, after the name of who did it."""

        TAKEN = "taken", "took it"
        ASSIGNED = "assigned", "assigned it"
        NOTED = "noted", "noted"

    storm = models.ForeignKey(Storm, models.PROTECT, related_name="history", db_index=False)
    kind = models.CharField(max_length=12, choices=Kind)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, db_index=False, related_name="+"
    )
    at = models.DateTimeField(db_default=Now())
    reason = models.TextField(blank=True)
    # Whose it became, where that changed.
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, db_index=False, related_name="+"
    )
    # The form that asked for it: sent twice, it happens once.
    op_id = models.UUIDField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["storm", "op_id"], name="stormevent_once"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.storm_id}"


class StormRound(models.Model):
    """Up to which case the sweep has looked for storms: one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    reached = models.UUIDField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="stormround_single")]

    def __str__(self) -> str:
        return str(self.reached)
