"""One act on many cases: what was selected, what was to be done, and what became of each."""

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from apps.triage.models.cases import Case

PERSON = settings.AUTH_USER_MODEL


class Verb(models.TextChoices):
    """What can be done to many cases at once."""

    ASSIGN = "assign", "Assign"
    TRANSFER = "transfer", "Hand over"
    PEND = "pend", "Pend"
    BRING_BACK = "bring-back", "Bring back"
    RESOLVE = "resolve", "Resolve"
    DISMISS = "dismiss", "Dismiss"
    REOPEN = "reopen", "Reopen"
    ESCALATE = "escalate", "Escalate"
    DEESCALATE = "deescalate", "End escalation"
    NOTE = "note", "Note"


class SkipReason(models.TextChoices):
    """Why a case of the selection is left as it is."""

    NOT_YOURS = "not_yours", "Read only for you"
    OVER = "over", "Over already"
    STATE = "state", "Not in its state"
    MONEY = "money", "Money deadline within a day"
    NOT_ESCALATED = "not_escalated", "Nobody escalated it"
    HAS_IT = "has_it", "Theirs already"
    UNABLE = "unable", "They may not work it"
    LEFT_OUT = "left_out", "Not ticked"
    CHANGED = "changed", "Changed since"
    REFUSED = "refused", "Refused"


class BulkOperation(models.Model):
    """A selection that was frozen, and an act on it that goes on until every item is dealt with."""

    class State(models.TextChoices):
        """How far it is."""

        PREVIEWED = "previewed", "Previewed"
        CREATED = "created", "Waiting"
        ACTIVE = "active", "Running"
        SUSPENDED = "suspended", "Suspended"
        COMPLETED = "completed", "Done"
        PARTIALLY_COMPLETED = "partially", "Done in part"
        FAILED = "failed", "Nothing done"
        CANCELLED = "cancelled", "Cancelled"
        UNDOING = "undoing", "Being undone"
        UNDONE = "undone", "Undone"

    id = models.UUIDField(primary_key=True, db_default=models.Func(function="uuidv7"))
    verb = models.CharField(max_length=12, choices=Verb)
    params = models.JSONField(default=dict)
    # Ids, or the query of the queue without some; read once, to write the items.
    selection = models.JSONField()
    as_of = models.DateTimeField()
    # Of every item with its version: what is confirmed is what was shown.
    preview_hash = models.CharField(max_length=64, default="")
    # By reason how many are left alone and their dollars, and what the rest comes to.
    counts = models.JSONField(default=dict)
    amount_minor = models.BigIntegerField(default=0)
    # Every place of the selection: who sees all of them sees the operation.
    facilities = ArrayField(models.IntegerField(), default=list)
    state = models.CharField(max_length=12, choices=State, default=State.PREVIEWED)
    total = models.PositiveIntegerField(default=0, help_text="Items that were to change.")
    completed = models.PositiveIntegerField(default=0)
    skipped = models.PositiveIntegerField(default=0, help_text="Of those, left alone after all.")
    failed = models.PositiveIntegerField(default=0)
    restored = models.PositiveIntegerField(default=0)
    kept = models.PositiveIntegerField(default=0, help_text="Changed since, so not undone.")
    created_by = models.ForeignKey(PERSON, models.PROTECT, db_index=False, related_name="+")
    undone_by = models.ForeignKey(
        PERSON, models.PROTECT, null=True, db_index=False, related_name="+"
    )
    started_at = models.DateTimeField(null=True)
    # When a part of it was worked last: who waits longest is next.
    moved_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    undo_until = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # Readers: who works them off; the list of the latest.
            models.Index(
                fields=["moved_at"],
                condition=Q(state__in=("created", "active", "undoing")),
                name="bulk_to_do",
            ),
            models.Index(fields=["-as_of"], name="bulk_latest"),
        ]

    def __str__(self) -> str:
        return f"{self.get_verb_display()} {self.total}"

    @property
    def is_moving(self) -> bool:
        """Whether somebody is at it, or will be."""
        return self.state in (self.State.CREATED, self.State.ACTIVE, self.State.UNDOING)

    @property
    def is_begun(self) -> bool:
        return self.state != self.State.PREVIEWED

    @property
    def handled(self) -> int:
        """How many are dealt with."""
        if self.state == self.State.UNDOING:
            return self.restored + self.kept
        return self.completed + self.skipped + self.failed

    @property
    def to_handle(self) -> int:
        return self.completed if self.state == self.State.UNDOING else self.total


class BulkItem(models.Model):
    """One case of an operation. Its state is how far the operation is: nothing else is kept."""

    class State(models.TextChoices):
        """What became of it."""

        ACTIVE = "active", "Waits"
        COMPLETED = "completed", "Done"
        SKIPPED = "skipped", "Skipped"
        FAILED = "failed", "Failed"
        CANCELLED = "cancelled", "Cancelled"
        UNDOING = "undoing", "Being undone"
        RESTORED = "restored", "Restored"
        KEPT = "kept", "Not undone"

    operation = models.ForeignKey(
        BulkOperation, models.CASCADE, db_index=False, related_name="items"
    )
    case = models.ForeignKey(Case, models.CASCADE, db_index=False, related_name="+")
    version_at_freeze = models.PositiveIntegerField()
    # What it had in the sums of the queue: a dollar is counted once.
    amount_minor = models.BigIntegerField()
    is_ticked = models.BooleanField()
    eligible = models.BooleanField()
    skip_reason = models.CharField(max_length=16, choices=SkipReason, blank=True)
    state = models.CharField(max_length=12, choices=State)
    # In words, what was refused or who was faster.
    error = models.TextField(default="", blank=True)
    # What it changed, and the version that made.
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    version_after = models.PositiveIntegerField(null=True)

    class Meta:
        constraints = [
            # Reader of its index: the items of an operation, in the order in which cases are
            # locked.
            models.UniqueConstraint(fields=["operation", "case"], name="bulkitem_once")
        ]
        indexes = [
            # Reader: what is left to do; empty when all is done.
            models.Index(
                fields=["operation", "case"],
                condition=Q(state__in=("active", "undoing")),
                name="bulkitem_left",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.case_id} of {self.operation_id}"
