"""What was refused, and what was done about it."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from apps.telemetry.models.sources import Source
from apps.telemetry.refusals import NAMES, label_of


class Quarantine(models.Model):
    """An event that was refused: why, where, and what may be shown of it."""

    class State(models.TextChoices):
        OPEN = "open"
        RESUBMITTED = "resubmitted"
        DISCARDED = "discarded"
        REDRIVEN = "redriven"

    id = models.UUIDField(primary_key=True)
    received_at = models.DateTimeField()
    source = models.ForeignKey(Source, models.DO_NOTHING, db_constraint=False)
    batch_id = models.UUIDField(null=True)
    index = models.IntegerField(default=0)
    event_id = models.TextField(default="", blank=True)
    code = models.TextField()
    pointer = models.TextField(default="", blank=True)
    message = models.TextField(default="", blank=True)
    view = models.JSONField(default=dict)
    state = models.TextField(choices=State, default=State.OPEN)
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DO_NOTHING, null=True, db_constraint=False
    )
    reason = models.TextField(default="", blank=True)
    facility = models.ForeignKey(
        "catalog.Facility", models.DO_NOTHING, null=True, db_constraint=False
    )
    tried_version = models.BigIntegerField(default=0)
    first_digest = models.TextField(null=True)  # noqa: DJ001  only conflicts have digests
    second_digest = models.TextField(null=True)  # noqa: DJ001
    digest = models.BinaryField(null=True)
    seen = models.IntegerField(default=1)
    last_seen_at = models.DateTimeField()
    went_to_batch = models.UUIDField(null=True)
    went_to_transaction = models.UUIDField(null=True)
    operation_id = models.UUIDField(null=True)

    class Meta:
        managed = False
        db_table = "telemetry_quarantine"

    def __str__(self) -> str:
        return f"{self.code} {self.id}"

    @property
    def code_label(self) -> str:
        """The reason in words."""
        return label_of(self.code)

    @property
    def named(self) -> str:
        """What it names that nobody knew; nothing where something else was wrong."""
        data = self.view.get("event", {}).get("data")
        name = data.get(NAMES.get(self.code, "")) if isinstance(data, dict) else None
        return "" if name is None else str(name)


class QuarantineOperation(models.Model):
    """One act on many refused events, worked off in slices (services/operations.py)."""

    class Act(models.TextChoices):
        RESUBMIT = "resubmit", "Send on"
        DISCARD = "discard", "Give up"

    class State(models.TextChoices):
        WAITING = "waiting", "Under way"
        DONE = "done", "Done"
        STOPPED = "stopped", "Stopped"
        UNDOING = "undoing", "Being undone"
        UNDONE = "undone", "Undone"

    id = models.UUIDField(primary_key=True)
    act = models.TextField(choices=Act)
    state = models.TextField(choices=State, default=State.WAITING)
    code = models.TextField()
    source = models.ForeignKey(Source, models.DO_NOTHING, null=True, db_constraint=False)
    facility = models.ForeignKey(
        "catalog.Facility", models.DO_NOTHING, null=True, db_constraint=False
    )
    since = models.DateTimeField(null=True)
    last_id = models.UUIDField()
    scope = ArrayField(models.IntegerField(), null=True)
    field = models.TextField(default="", blank=True)
    value = models.TextField(default="", blank=True)
    reason = models.TextField(default="", blank=True)
    total = models.IntegerField()
    changed = models.IntegerField(default=0)
    refused = models.IntegerField(default=0)
    restored = models.IntegerField(default=0)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    asked_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        managed = False
        db_table = "telemetry_quarantineoperation"

    def __str__(self) -> str:
        return f"{self.act} {self.code} {self.id}"

    @property
    def code_label(self) -> str:
        """The reason in words."""
        return label_of(self.code)

    @property
    def is_active(self) -> bool:
        """Whether something is still to be done."""
        return self.state in (self.State.WAITING, self.State.UNDOING)

    @property
    def handled(self) -> int:
        """How many events were looked at so far."""
        return self.changed + self.refused


class QuarantineDay(models.Model):
    """What a source added to the quarantine on a UTC day, and what was only counted beyond that."""

    pk = models.CompositePrimaryKey("source_id", "day")
    source = models.ForeignKey(Source, models.DO_NOTHING, db_constraint=False)
    day = models.DateField()
    kept = models.IntegerField()
    overflow = models.IntegerField()

    class Meta:
        managed = False
        db_table = "telemetry_quarantineday"

    def __str__(self) -> str:
        return f"{self.source} {self.day}"
