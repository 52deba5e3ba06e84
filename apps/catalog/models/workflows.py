"""How business moves: workflows, their ranked stages, their two clocks and the targets."""

from django.conf import settings
from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeOperators
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Coalesce

from apps.catalog.validators import validate_code


class Workflow(models.Model):
    """One kind of business that crosses systems, from its first stage to an end."""

    code = models.CharField(max_length=40, unique=True, validators=[validate_code])
    number = models.CharField(max_length=6, unique=True, help_text="Reference number, as in W7.")
    name = models.CharField(max_length=120)
    short_name = models.CharField(max_length=30, help_text="For narrow columns and charts.")
    owner_role = models.CharField(max_length=80, help_text="Who answers for it.")
    position = models.PositiveSmallIntegerField(help_text="Order on every page.")
    expires_after_days = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text="Open work of which nothing was heard for so many days counts as expired, "
        "until it is heard of again. Empty: never.",
    )

    class Meta:
        ordering = ["position", "code"]

    def __str__(self) -> str:
        return self.name


class Stage(models.Model):
    """A step of a workflow. A higher rank is further along."""

    class Phase(models.TextChoices):
        RECEIVED = "received", "Received"
        VALIDATED = "validated", "Validated"
        MAPPED = "mapped", "Mapped"
        SENT = "sent", "Sent"
        ACKNOWLEDGED = "acknowledged", "Acknowledged (technical)"
        ACCEPTED = "accepted", "Accepted (business)"
        COMPLETED = "completed", "Completed"

    class TerminalOutcome(models.TextChoices):
        NONE = "", "Goes on"
        COMPLETED = "completed", "Ends completed"
        REJECTED = "rejected", "Ends rejected"
        CANCELLED = "cancelled", "Ends cancelled"

    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="stages")
    rank = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(30)],
        help_text="Order in the workflow, 1 to 30. State follows rank, not arrival.",
    )
    code = models.CharField(max_length=40, validators=[validate_code])
    name = models.CharField(max_length=80)
    system = models.ForeignKey(
        "catalog.System",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="stages",
        help_text="The system it happens in: its lane on the timeline.",
    )
    phase = models.CharField(max_length=12, choices=Phase)
    terminal_outcome = models.CharField(
        max_length=10, choices=TerminalOutcome, blank=True, default=TerminalOutcome.NONE
    )
    reopens = models.BooleanField(
        default=False, help_text="An event here opens a settled transaction again."
    )
    optional = models.BooleanField(default=False, help_text="Not every transaction passes here.")

    class Meta:
        ordering = ["workflow", "rank"]
        constraints = [
            # Two stages may change places in one transaction (services.rows).
            models.UniqueConstraint(
                fields=["workflow", "rank"],
                name="stage_rank_once",
                deferrable=models.Deferrable.IMMEDIATE,
            ),
            models.UniqueConstraint(
                fields=["workflow", "code"],
                name="stage_code_once",
                deferrable=models.Deferrable.IMMEDIATE,
            ),
            # What the clocks' composite foreign keys point at (sql/rules.sql).
            models.UniqueConstraint(fields=["id", "workflow"], name="stage_of_workflow"),
            models.CheckConstraint(condition=Q(rank__range=(1, 30)), name="stage_rank_range"),
        ]

    def __str__(self) -> str:
        return f"{self.rank}. {self.name}"


class Clock(models.Model):
    """What is timed: systems (integration) or people and payers (business), never both in one."""

    class Kind(models.TextChoices):
        INTEGRATION = "integration", "Integration latency"
        BUSINESS = "business", "Business cycle"

    class Measure(models.TextChoices):
        ELAPSED = "elapsed", "Elapsed time"
        BUSINESS = "business", "Open hours of the facility"
        TIME_OF_DAY = "time_of_day", "By a local time of day"

    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="clocks")
    kind = models.CharField(max_length=12, choices=Kind)
    name = models.CharField(max_length=80, help_text="In words, as in “bill drop to 999”.")
    # The stages belong to this workflow: composite foreign keys in sql/rules.sql.
    start_stage = models.ForeignKey(Stage, models.PROTECT, related_name="starts_clocks")
    stop_stage = models.ForeignKey(
        Stage,
        models.PROTECT,
        related_name="stops_clocks",
        help_text="This stage or any later one stops the clock.",
    )
    measure = models.CharField(max_length=12, choices=Measure, default=Measure.ELAPSED)

    class Meta:
        ordering = ["workflow", "-kind"]
        constraints = [
            models.UniqueConstraint(
                fields=["workflow", "kind"],
                name="clock_once",
                deferrable=models.Deferrable.IMMEDIATE,
            ),
            models.CheckConstraint(
                condition=~Q(start_stage=F("stop_stage")), name="clock_stages_differ"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.workflow.short_name}: {self.name}"

    @property
    def runs_forward(self) -> bool:
        """Whether it stops further along than it starts."""
        return self.start_stage.rank < self.stop_stage.rank


class Period(Func):
    """The time a version is in force, as a range: from its start up to, not including, its end."""

    function = "tstzrange"
    output_field = DateTimeRangeField()


class SlaTarget(models.Model):
    """One version of a promise. Once in force only its end may still be set (sql/rules.sql)."""

    clock = models.ForeignKey(Clock, models.PROTECT, related_name="targets")
    facility = models.ForeignKey(
        "catalog.Facility",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="targets",
        help_text="Empty: the whole network. Otherwise this facility and everything below it.",
    )
    threshold_seconds = models.PositiveIntegerField(
        help_text="Elapsed or open seconds; for a time of day, seconds after local midnight."
    )
    objective = models.DecimalField(
        max_digits=6,
        decimal_places=5,
        help_text="The share that must be in time, for example 0.99.",
    )
    effective_from = models.DateTimeField()
    effective_to = models.DateTimeField(null=True, blank=True)
    why = models.TextField(help_text="Where the figure comes from, or why it changed.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name = "SLA target"
        ordering = ["clock", "facility", "-effective_from"]
        constraints = [
            # At any moment at most one version per clock and scope; decides races, too. Its index
            # also serves "the versions of this clock" (services.change_target).
            ExclusionConstraint(
                name="slatarget_no_overlap",
                expressions=[
                    ("clock", RangeOperators.EQUAL),
                    (Coalesce("facility", 0), RangeOperators.EQUAL),
                    (Period("effective_from", "effective_to"), RangeOperators.OVERLAPS),
                ],
                violation_error_message="Another version is in force in that period.",
            ),
            models.CheckConstraint(
                condition=Q(objective__gt=0, objective__lt=1),
                name="slatarget_objective_share",
                violation_error_message="The objective is a share between 0 and 1, as in 0.99.",
            ),
            models.CheckConstraint(
                condition=Q(threshold_seconds__gt=0), name="slatarget_threshold_positive"
            ),
            models.CheckConstraint(
                condition=Q(effective_to__isnull=True) | Q(effective_to__gt=F("effective_from")),
                name="slatarget_ends_after_start",
            ),
            models.CheckConstraint(condition=~Q(why=""), name="slatarget_says_why"),
        ]

    def __str__(self) -> str:
        return f"{self.clock}, {self.facility.code if self.facility else 'network'}"
