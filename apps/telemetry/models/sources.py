"""Who sends, with which keys, and what came: the journal."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone


class Source(models.Model):
    """A sender of telemetry: one integration that holds its own keys."""

    id = models.AutoField(primary_key=True)
    code = models.CharField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    system = models.ForeignKey(
        "catalog.System", models.PROTECT, null=True, blank=True, db_constraint=False
    )
    active = models.BooleanField(default=True)

    class Meta:
        managed = False
        db_table = "telemetry_source"
        ordering = ["code"]

    def __str__(self) -> str:
        return self.code


class SourceKey(models.Model):
    """One credential of a source; only its hash is kept."""

    id = models.AutoField(primary_key=True)
    source = models.ForeignKey(Source, models.RESTRICT, related_name="keys")
    prefix = models.CharField(max_length=40, unique=True)
    secret_sha256 = models.BinaryField()
    hmac_secret = models.BinaryField(null=True)
    require_signature = models.BooleanField(default=False)
    facility_ids = ArrayField(models.IntegerField(), default=list)
    created_at = models.DateTimeField(db_default=models.functions.Now())
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)
    issued_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        related_name="+",
    )
    revoked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.DO_NOTHING,
        null=True,
        db_constraint=False,
        related_name="+",
    )
    why = models.TextField(default="", blank=True)

    class Meta:
        managed = False
        db_table = "telemetry_sourcekey"
        ordering = ["source", "-created_at"]

    def __str__(self) -> str:
        return self.prefix

    @property
    def status(self) -> str:
        """live, revoked or expired."""
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at and self.expires_at <= timezone.now() else "live"


class IngestBatch(models.Model):
    """A journal row: events acknowledged together, waiting to be folded or folded."""

    class State(models.IntegerChoices):
        WAITING = 0
        FOLDED = 1
        FAILED = 2

    id = models.UUIDField(primary_key=True)
    received_at = models.DateTimeField()
    source = models.ForeignKey(Source, models.DO_NOTHING, db_constraint=False)
    events = models.IntegerField()
    tests = models.IntegerField(default=0)
    rejected = models.IntegerField(default=0)
    state = models.SmallIntegerField(choices=State)
    attempts = models.SmallIntegerField()
    error = models.TextField(null=True)  # noqa: DJ001  NULL is "never failed"
    stored = models.IntegerField(null=True)
    duplicates = models.IntegerField(null=True)
    conflicts = models.IntegerField(null=True)
    folded_at = models.DateTimeField(null=True)
    body = models.BinaryField()

    class Meta:
        managed = False
        db_table = "telemetry_ingestbatch"

    def __str__(self) -> str:
        return str(self.id)


class SourceQuarter(models.Model):
    """What a source sent in one quarter-hour that is over."""

    pk = models.CompositePrimaryKey("quarter", "source_id")
    quarter = models.DateTimeField()
    source = models.ForeignKey(Source, models.DO_NOTHING, db_constraint=False)
    batches = models.IntegerField()
    events = models.IntegerField()
    rejected = models.IntegerField()
    last_at = models.DateTimeField()

    class Meta:
        managed = False
        db_table = "telemetry_sourcequarter"

    def __str__(self) -> str:
        return f"{self.source} {self.quarter:%Y-%m-%d %H:%M}"
