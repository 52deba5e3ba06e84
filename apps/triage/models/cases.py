"""What a person works: cases, the causes they share, and everything that happened to them."""

from django.conf import settings
from django.db import models
from django.db.models import F, Q, Value
from django.db.models.functions import Now

from apps.catalog.models import ErrorClass, MoneyDeadline, Playbook, Severity
from apps.triage.models.storms import Storm


class Status(models.TextChoices):
    """Where a case stands. All but the last three are open."""

    OPEN = "open", "Open"
    IN_PROGRESS = "in_progress", "In progress"
    PENDING = "pending", "Pending"
    REPLAYING = "replaying", "Replaying"
    VERIFYING = "verifying", "Verifying"
    RESOLVED = "resolved", "Resolved"
    DISMISSED = "dismissed", "Dismissed"
    MERGED = "merged", "Merged"


CLOSED = (Status.RESOLVED, Status.DISMISSED, Status.MERGED)
IS_OPEN = ~Q(status__in=CLOSED)


# What the queue filters, counts, groups and sorts by: kept in its index.
QUEUE_READS = [
    "severity", "kind", "error_class", "workflow", "stage", "interface", "payer", "status",
    "substatus", "team", "assignee", "amount_minor", "money_due_at", "money_due_kind", "resolve_by",
    "opened_at", "group", "storm", "counts_money",
]  # fmt: skip


class Condition(models.IntegerChoices):
    """What a case is about."""

    FAILED = 1, "Failed at a step"
    OVERDUE = 2, "Overdue: integration"
    BUSINESS_OVERDUE = 3, "Overdue: business"


class Substatus(models.TextChoices):
    """What an open case is open for."""

    NEW = "new", "New"
    ONGOING = "ongoing", "Open"
    ESCALATING = "escalating", "Escalating"
    REGRESSED = "regressed", "Came back"
    RETURNED = "returned", "Back from waiting"
    UNCONFIRMED = "unconfirmed", "Fix not confirmed"


class Dismissal(models.TextChoices):
    """For how long nobody wants to see a case again."""

    THIS_CASE = "this_case", "Until it fails again"
    UNTIL_ESCALATING = "until_escalating", "Until its cause escalates"
    FOREVER = "forever", "For good, looked at again after 90 days"


class ResolvedBy(models.TextChoices):
    """Who or what closed a case."""

    SUCCESS_EVENT = "success_event", "A later success healed it."
    SOURCE = "source", "It is no longer so."
    ENDED = "ended", "The transaction ended."
    USER = "user", "Somebody resolved it."


class Group(models.Model):
    """A root cause: cases that failed alike. Facility and payer are not part of it."""

    # A digest of the mechanism and of all below: whoever meets the cause first writes the same row.
    id = models.UUIDField(primary_key=True)
    mechanism = models.PositiveSmallIntegerField()
    workflow = models.ForeignKey(
        "catalog.Workflow", models.DO_NOTHING, db_index=False, related_name="+"
    )
    stage = models.ForeignKey("catalog.Stage", models.DO_NOTHING, db_index=False, related_name="+")
    condition = models.PositiveSmallIntegerField(choices=Condition)
    error_class = models.CharField(max_length=20, choices=ErrorClass)
    error_standard = models.TextField()
    error_code = models.TextField()
    error_location = models.TextField()

    def __str__(self) -> str:
        return f"{self.error_standard} {self.error_code}".strip() or self.get_condition_display()


class Case(models.Model):
    """One exception about one transaction. Its facts are the fold's alone (apps.triage.fold)."""

    id = models.UUIDField(primary_key=True, db_default=models.Func(function="uuidv7"))
    condition = models.PositiveSmallIntegerField(choices=Condition)
    transaction_id = models.UUIDField()
    # The step that failed; of an overdue one, the step that it waits for.
    stage = models.ForeignKey("catalog.Stage", models.DO_NOTHING, db_index=False, related_name="+")
    rank = models.PositiveSmallIntegerField()
    error_class = models.CharField(max_length=20, choices=ErrorClass)
    workflow = models.ForeignKey(
        "catalog.Workflow", models.DO_NOTHING, db_index=False, related_name="+"
    )
    facility = models.ForeignKey(
        "catalog.Facility", models.DO_NOTHING, db_index=False, related_name="+"
    )
    interface = models.ForeignKey(
        "catalog.Interface", models.DO_NOTHING, null=True, db_index=False, related_name="+"
    )
    # Empty: nobody has said yet what this code means.
    kind = models.ForeignKey(
        "catalog.ExceptionKind", models.DO_NOTHING, null=True, db_index=False, related_name="+"
    )
    group = models.ForeignKey(Group, models.PROTECT, db_index=False, related_name="cases")
    # What it is shown as a part of, while a system fails many (apps.triage.storms).
    storm = models.ForeignKey(
        Storm, models.PROTECT, null=True, db_index=False, related_name="cases"
    )
    payer = models.TextField(null=True)  # noqa: DJ001  NULL is "not said"
    amount_minor = models.BigIntegerField(null=True)
    amount_kind = models.PositiveSmallIntegerField(null=True)
    service_date = models.DateField(null=True)
    # Whether its dollars are in every sum: of the open cases of a transaction, those of one are
    # (apps.triage.counting).
    counts_money = models.BooleanField(db_default=True)
    # Facts of events: whatever their order, the same. The first success, and the first other end of
    # the transaction, after it was last seen: with either it is over.
    opened_at = models.DateTimeField()
    last_seen = models.DateTimeField()
    succeeded_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    occurrences = models.PositiveIntegerField()
    dead_lettered = models.BooleanField()
    error_standard = models.TextField()
    error_code = models.TextField()
    error_location = models.TextField()
    # What people and the fold made of it.
    status = models.CharField(max_length=12, choices=Status)
    substatus = models.CharField(max_length=12)
    version = models.PositiveIntegerField(default=1)
    regressions = models.PositiveSmallIntegerField(default=0)
    severity = models.PositiveSmallIntegerField(choices=Severity, db_default=Severity.MEDIUM)
    # A person's choice of severity or time holds whatever the playbook says.
    is_priority_by_hand = models.BooleanField(db_default=False)
    # Whose it is. A person's choice of either switches routing off for this case.
    team = models.ForeignKey(
        "catalog.Team", models.PROTECT, null=True, db_index=False, related_name="+"
    )
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, db_index=False, related_name="+"
    )
    is_assigned_by_hand = models.BooleanField(db_default=False)
    # The rule that won. Empty: none fits, and the playbook says whose it is.
    routed_by = models.ForeignKey(
        "catalog.RoutingRule", models.PROTECT, null=True, db_index=False, related_name="+"
    )
    # Whoever works it now, and until when nobody else does.
    leased_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, db_index=False, related_name="+"
    )
    leased_until = models.DateTimeField(null=True)
    # The clocks: since when they run, how long they may, and what that comes to. Pauses are
    # counted in the measure of the clock, never in wall-clock time.
    clock_from = models.DateTimeField(null=True)
    target_seconds = models.PositiveIntegerField(null=True)
    due_measure = models.CharField(
        max_length=8, choices=Playbook.Measure, blank=True, db_default=""
    )
    paused_at = models.DateTimeField(null=True)
    paused_seconds = models.PositiveIntegerField(db_default=0)
    respond_by = models.DateTimeField(null=True)
    responded_at = models.DateTimeField(null=True)
    # Empty: something changed that the clocks, the owner or the score depend on; apps.triage.policy
    # says it anew in the same transaction.
    resolve_by = models.DateTimeField(null=True)
    # A reopening runs them anew.
    clock_run = models.PositiveSmallIntegerField(db_default=0)
    # When the sweep looks at it next: at a mark of a clock, or because its score moved.
    wake_at = models.DateTimeField(null=True)
    # The deadline that matters for the money, whatever our own clocks say.
    money_due_at = models.DateTimeField(null=True)
    money_due_kind = models.CharField(
        max_length=12, choices=MoneyDeadline, blank=True, db_default=""
    )
    # What another hour of waiting costs: what the queue is in order of.
    score = models.BigIntegerField(db_default=0)
    # As of when; from then its parts can be told (apps.triage.scoring).
    scored_at = models.DateTimeField(null=True)
    # The keyed token of the account it is about: cases of one account have one owner.
    account = models.UUIDField(null=True)
    transfers = models.PositiveSmallIntegerField(db_default=0)
    # How far up it was told: by time, up to 2; at 3 somebody called a lead.
    escalation = models.PositiveSmallIntegerField(db_default=0)
    # Why it is thought to be over, and until when telemetry has to show it.
    resolution = models.CharField(max_length=20, blank=True, db_default="")
    fixed_at = models.DateTimeField(null=True)
    verify_until = models.DateTimeField(null=True)
    # What failed up to then is an echo of what a person closed; what fails later brings it back.
    late_until = models.DateTimeField(null=True)
    dismissal = models.CharField(max_length=16, choices=Dismissal, blank=True, db_default="")
    # What was dismissed for good is looked at again.
    review_at = models.DateTimeField(null=True)
    merged_into = models.ForeignKey(
        "self", models.PROTECT, null=True, db_index=False, related_name="merged"
    )
    resolved_at = models.DateTimeField(null=True)
    resolved_by = models.CharField(max_length=14, choices=ResolvedBy, blank=True)

    class Meta:
        constraints = [
            # One open case of the same thing, whoever else opens it at the same moment. Reader of
            # its index: the fold, which looks for the open cases of the transactions it touched.
            models.UniqueConstraint(
                fields=["transaction_id", "condition", "rank", "error_class"],
                condition=IS_OPEN,
                name="case_open_once",
            ),
            models.CheckConstraint(
                condition=Q(status__in=CLOSED, resolved_at__isnull=False)
                | IS_OPEN & Q(resolved_at__isnull=True),
                name="case_resolved_iff_closed",
            ),
            models.CheckConstraint(
                condition=Q(last_seen__gte=F("opened_at")), name="case_seen_after_opened"
            ),
            models.CheckConstraint(
                condition=Q(severity__in=Severity.values), name="case_severity_known"
            ),
            models.CheckConstraint(
                condition=Q(status=Status.MERGED, merged_into__isnull=False)
                | ~Q(status=Status.MERGED) & Q(merged_into__isnull=True),
                name="case_merged_into_another",
            ),
            models.CheckConstraint(
                condition=Q(leased_by__isnull=True, leased_until__isnull=True)
                | Q(leased_by__isnull=False, leased_until__isnull=False, status=Status.IN_PROGRESS),
                name="case_leased_while_in_progress",
            ),
        ]
        indexes = [
            # Reader: the fold, all cases of a transaction; the transaction's page.
            models.Index(fields=["transaction_id"], name="case_transaction"),
            # Reader: whose leases ran out, and how many cases somebody holds.
            models.Index(
                fields=["leased_by"], condition=Q(leased_by__isnull=False), name="case_leased"
            ),
            # Readers: what was not confirmed in time; what was merged into a case; what comes back
            # when its cause escalates; what is due for another look.
            models.Index(
                fields=["verify_until"], condition=Q(status=Status.VERIFYING), name="case_verifying"
            ),
            models.Index(
                fields=["merged_into"], condition=Q(merged_into__isnull=False), name="case_merged"
            ),
            models.Index(
                fields=["group"],
                condition=Q(dismissal=Dismissal.UNTIL_ESCALATING),
                name="case_watched",
            ),
            models.Index(
                fields=["review_at"], condition=Q(review_at__isnull=False), name="case_review"
            ),
            # Reader: the queue, whose first page is the beginning of each facility's range, and
            # whose filters, counts and groups are read from here without the table.
            models.Index(
                fields=["facility", "-score", "-id"],
                name="case_queue",
                condition=IS_OPEN,
                include=QUEUE_READS,
            ),
            # Reader: the queue by money clock, in the same way.
            models.Index(
                F("facility"),
                models.Func(
                    F("money_due_at"),
                    F("resolve_by"),
                    template="COALESCE(%(expressions)s, 'infinity'::timestamptz)",
                    output_field=models.DateTimeField(),
                ),
                F("id"),
                name="case_clock",
                condition=IS_OPEN,
            ),
            # Reader: the queue of one person.
            models.Index(
                fields=["assignee"],
                name="case_of_person",
                condition=IS_OPEN & Q(assignee__isnull=False),
            ),
            # Reader: the sweep, how many of a class were born when, by the system spoken to.
            models.Index(
                fields=["error_class", "opened_at"],
                include=["interface", "stage"],
                name="case_births",
            ),
            # Readers: what is open of a storm; the row of a storm in the queue.
            models.Index(
                fields=["storm"], condition=IS_OPEN & Q(storm__isnull=False), name="case_of_storm"
            ),
            # Readers: other cases of an account, and which of them blocks which; who has its cases.
            models.Index(
                fields=["account"], condition=Q(account__isnull=False), name="case_of_account"
            ),
            # Reader: the sweep, what is due to be looked at.
            models.Index(fields=["wake_at"], condition=Q(wake_at__isnull=False), name="case_wakes"),
        ]

    def __str__(self) -> str:
        return f"{self.get_condition_display()} {self.pk}"

    @property
    def is_over(self) -> bool:
        """Whether telemetry shows that the trouble ended, whatever people made of it."""
        by_itself = self.status == Status.RESOLVED and self.resolved_by != ResolvedBy.USER
        return by_itself or bool(self.succeeded_at or self.ended_at)

    @property
    def is_open(self) -> bool:
        """Whether anybody has still to act."""
        return self.status not in CLOSED


class CaseEvent(models.Model):
    """One thing that happened to a case, kept for good."""

    class Kind(models.TextChoices):
        """The sentence of a history, after the name of who did it."""

        OPENED = "opened", "opened it"
        RESOLVED = "resolved", "resolved it"
        REGRESSED = "regressed", "saw it come back"
        TAKEN = "taken", "took it"
        RELEASED = "released", "gave it back"
        LAPSED = "lapsed", "gave it back, as nothing was done for 20 minutes"
        SKIPPED = "skipped", "skipped it"
        ASSIGNED = "assigned", "assigned it"
        TRANSFERRED = "transferred", "handed it over"
        NOTED = "noted", "noted"
        LINKED = "linked", "linked a ticket"
        PENDED = "pended", "put it aside"
        RETURNED = "returned", "brought it back"
        ESCALATED = "escalated", "escalated it"
        DEESCALATED = "deescalated", "ended the escalation"
        VERIFYING = "verifying", "resolved it, to be confirmed"
        UNCONFIRMED = "unconfirmed", "saw no confirmation"
        DISMISSED = "dismissed", "dismissed it"
        REOPENED = "reopened", "reopened it"
        MERGED = "merged", "merged it into another case"
        UNMERGED = "unmerged", "took it out of the other case"
        UNDONE = "undone", "undid the last act"
        WARNED = "warned", "saw its time run short"
        BREACHED = "breached", "saw its time run out"
        ROUTED = "routed", "moved it by a rule"
        STORMED = "stormed", "counted it to a storm"

    case = models.ForeignKey(Case, models.CASCADE, related_name="history")
    kind = models.CharField(max_length=12, choices=Kind)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+",
        help_text="Empty: the product itself.",
    )  # fmt: skip
    at = models.DateTimeField(db_default=Now())
    before = models.CharField(max_length=12, blank=True)
    after = models.CharField(max_length=12)
    reason = models.TextField(blank=True)
    # Whose it was, and whose it became, where that changed.
    assignee_before = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, db_index=False, related_name="+"
    )
    assignee_after = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, db_index=False, related_name="+"
    )
    # The form that asked for it: sent twice, it happens once.
    op_id = models.UUIDField(null=True)
    # The version of the case that this made.
    version = models.PositiveIntegerField(null=True)
    facts = models.JSONField(db_default=Value({}, models.JSONField()))
    # What the case was before, where the act can be taken back.
    undo = models.JSONField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["op_id", "case"],
                condition=Q(op_id__isnull=False),
                name="caseevent_once",
            ),
        ]
        # Reader: the history of one case, which is also its order.
        indexes = [models.Index(fields=["case", "id"], name="caseevent_history")]

    def __str__(self) -> str:
        return f"{self.kind} {self.case_id}"
