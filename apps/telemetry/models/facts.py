"""What the events folded into."""

from django.db import models

from apps.telemetry.models.sources import Source


class Outcome(models.IntegerChoices):
    """What a source says happened at a stage."""

    OK = 1
    RETRY = 2
    FAILED = 3
    DEAD_LETTER = 4
    MANUAL = 5
    CANCELLED = 6


class AmountKind(models.IntegerChoices):
    """What an amount of money is: never add gross to expected net."""

    GROSS = 1
    EXPECTED_NET = 2
    PAID = 3


class Event(models.Model):
    """One immutable fact from a source about one stage of one transaction."""

    event_key = models.UUIDField(primary_key=True)
    transaction_id = models.UUIDField()
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField()
    source = models.ForeignKey(Source, models.DO_NOTHING, db_constraint=False)
    workflow = models.ForeignKey("catalog.Workflow", models.DO_NOTHING, db_constraint=False)
    facility = models.ForeignKey("catalog.Facility", models.DO_NOTHING, db_constraint=False)
    interface = models.ForeignKey(
        "catalog.Interface", models.DO_NOTHING, null=True, db_constraint=False
    )
    stage = models.ForeignKey("catalog.Stage", models.DO_NOTHING, db_constraint=False)
    rank = models.SmallIntegerField()
    outcome = models.SmallIntegerField(choices=Outcome)
    attempt = models.SmallIntegerField()
    amount_kind = models.SmallIntegerField(choices=AmountKind, null=True)
    backfill = models.BooleanField()
    amount_minor = models.BigIntegerField(null=True)
    service_date = models.DateField(null=True)
    event_id = models.TextField()
    ce_source = models.TextField()
    correlation_id = models.TextField()
    payer = models.TextField(null=True)  # noqa: DJ001  NULL is "not said"
    error_standard = models.TextField(null=True)  # noqa: DJ001
    error_code = models.TextField(null=True)  # noqa: DJ001
    error_location = models.TextField(null=True)  # noqa: DJ001
    contract_version = models.TextField(null=True)  # noqa: DJ001

    class Meta:
        managed = False
        db_table = "telemetry_event"

    def __str__(self) -> str:
        return str(self.event_key)


class Signal(models.Model):
    """A fact that is not about a stage: checkpoint, finance, heartbeat or contract."""

    class Kind(models.IntegerChoices):
        CHECKPOINT = 2
        FINANCE = 3
        HEARTBEAT = 4
        CONTRACT = 5

    event_key = models.UUIDField(primary_key=True)
    kind = models.SmallIntegerField(choices=Kind)
    occurred_at = models.DateTimeField()
    received_at = models.DateTimeField()
    source = models.ForeignKey(Source, models.DO_NOTHING, db_constraint=False)
    workflow_id = models.IntegerField(null=True)
    facility_id = models.IntegerField(null=True)
    interface_id = models.IntegerField(null=True)
    event_id = models.TextField()
    ce_source = models.TextField()
    data = models.JSONField()

    class Meta:
        managed = False
        db_table = "telemetry_signal"

    def __str__(self) -> str:
        return str(self.event_key)


class BusinessKey(models.Model):
    """A keyed token of an account, claim or remittance number, for joining and exact search."""

    pk = models.CompositePrimaryKey("transaction_id", "token")
    transaction_id = models.UUIDField()
    token = models.UUIDField()
    kind = models.TextField()
    masked = models.TextField()

    class Meta:
        managed = False
        db_table = "telemetry_businesskey"

    def __str__(self) -> str:
        return f"{self.kind} {self.masked}"


class Transaction(models.Model):
    """One piece of business, followed from its first event to its end."""

    class State(models.IntegerChoices):
        IN_FLIGHT = 1
        RETRYING = 2
        FAILED = 3
        DEAD_LETTERED = 4
        COMPLETED = 5
        REJECTED = 6
        CANCELLED = 7
        EXPIRED = 8

    class Sla(models.IntegerChoices):
        PENDING = 0
        MET = 1
        BREACHED = 2
        EXCLUDED = 3

    id = models.UUIDField(primary_key=True)
    workflow = models.ForeignKey("catalog.Workflow", models.DO_NOTHING, db_constraint=False)
    facility = models.ForeignKey("catalog.Facility", models.DO_NOTHING, db_constraint=False)
    correlation_id = models.TextField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    due_at = models.DateTimeField(null=True)
    stopped_at = models.DateTimeField(null=True)
    business_started_at = models.DateTimeField(null=True)
    business_due_at = models.DateTimeField(null=True)
    business_stopped_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)
    reopened_at = models.DateTimeField(null=True)
    progress_at = models.DateTimeField(null=True)
    trouble_at = models.DateTimeField(null=True)
    failed_at = models.DateTimeField(null=True)
    dead_lettered_at = models.DateTimeField(null=True)
    overdue_at = models.DateTimeField(null=True)
    business_overdue_at = models.DateTimeField(null=True)
    expired_at = models.DateTimeField(null=True)
    amount_at = models.DateTimeField(null=True)
    payer_at = models.DateTimeField(null=True)
    amount_minor = models.BigIntegerField(null=True)
    events = models.IntegerField()
    trouble_interface_id = models.IntegerField(null=True)
    service_date = models.DateField(null=True)
    settled_as = models.SmallIntegerField(choices=State, null=True)
    progress_rank = models.SmallIntegerField(null=True)
    trouble_rank = models.SmallIntegerField(null=True)
    trouble_as = models.SmallIntegerField(choices=State, null=True)
    amount_kind = models.SmallIntegerField(choices=AmountKind, null=True)
    attempts = models.SmallIntegerField()
    retries = models.SmallIntegerField()
    manual_touches = models.SmallIntegerField()
    backfill = models.BooleanField()
    payer = models.TextField(null=True)  # noqa: DJ001
    error_standard = models.TextField(null=True)  # noqa: DJ001
    error_code = models.TextField(null=True)  # noqa: DJ001
    error_location = models.TextField(null=True)  # noqa: DJ001
    state = models.SmallIntegerField(choices=State)
    sla = models.SmallIntegerField(choices=Sla)
    business_sla = models.SmallIntegerField(choices=Sla)

    class Meta:
        managed = False
        db_table = "telemetry_transaction"

    def __str__(self) -> str:
        return str(self.id)

    @property
    def is_open(self) -> bool:
        """Not completed, rejected, cancelled or expired (or reopened since)."""
        return self.state < self.State.COMPLETED
