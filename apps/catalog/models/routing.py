"""Whose a case is, how fast it has to go, and after when money is lost: rules that people keep."""

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q

from apps.catalog.models.exceptions import ErrorClass, ExceptionKind, Playbook, Severity
from apps.catalog.models.places import Facility
from apps.catalog.models.systems import System, Team
from apps.catalog.models.workflows import Period, Workflow
from apps.catalog.validators import validate_code


class MoneyDeadline(models.TextChoices):
    """After which moment money is lost, or a promise about it broken."""

    FILING = "filing", "Timely filing"
    APPEAL = "appeal", "Appeal"
    REFUND = "refund", "Refund due"
    STATEMENT = "statement", "Statement run"
    CLOSE = "close", "Period close"
    SERVICE = "service", "Date of service"


class RoutingRule(models.Model):
    """One version of a rule. Of those in force that fit a case, the last in order decides; what it
    leaves empty is the playbook's. Once in force only its end may still be set."""

    class Strategy(models.TextChoices):
        POOL = "pool", "The team's pool"
        ROUND = "round", "Round robin over who is there"
        LEAST = "least", "Whoever of those there has least open"
        ACCOUNT = "account", "Whoever has the account, else the pool"

    code = models.CharField(
        max_length=40, validators=[validate_code], help_text="Its name in addresses; kept for good."
    )
    name = models.CharField(max_length=80, help_text="What it is for, as people say it.")
    position = models.PositiveSmallIntegerField(
        help_text="Order. Of several that fit, the highest wins."
    )
    # Which cases: all that is said must fit.
    workflow = models.ForeignKey(
        Workflow, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    kind = models.ForeignKey(
        ExceptionKind, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    error_class = models.CharField(max_length=20, choices=ErrorClass, blank=True)
    facility = models.ForeignKey(
        Facility, models.PROTECT, null=True, blank=True, related_name="+", db_index=False,
        help_text="And all below it.",
    )  # fmt: skip
    payer = models.CharField(
        max_length=80, blank=True, help_text="As events name it; a star stands for anything."
    )
    amount_from = models.BigIntegerField(
        null=True, blank=True, validators=[MinValueValidator(0)], help_text="In cents, at least."
    )
    amount_to = models.BigIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="In cents, less than."
    )
    system = models.ForeignKey(
        System, models.PROTECT, null=True, blank=True, related_name="+", db_index=False,
        help_text="That sent, received, or owns the step.",
    )  # fmt: skip
    # What holds for them.
    team = models.ForeignKey(
        Team, models.PROTECT, null=True, blank=True, related_name="+", db_index=False
    )
    severity = models.PositiveSmallIntegerField(choices=Severity, null=True, blank=True)
    due_seconds = models.PositiveIntegerField(
        null=True, blank=True, validators=[MinValueValidator(60)]
    )
    due_measure = models.CharField(max_length=8, choices=Playbook.Measure, blank=True)
    strategy = models.CharField(max_length=8, choices=Strategy, default=Strategy.POOL)
    effective_from = models.DateTimeField()
    effective_to = models.DateTimeField(null=True, blank=True)
    why = models.TextField(help_text="Why it is so.")

    class Meta:
        ordering = ["position", "code", "-effective_from"]
        constraints = [
            # One version at a time.
            ExclusionConstraint(
                name="routingrule_no_overlap",
                expressions=[
                    ("code", RangeOperators.EQUAL),
                    (Period("effective_from", "effective_to"), RangeOperators.OVERLAPS),
                ],
                violation_error_message="Another version is in force in that period.",
            ),
            models.CheckConstraint(
                condition=Q(effective_to__isnull=True) | Q(effective_to__gt=F("effective_from")),
                name="routingrule_ends_after_start",
                violation_error_message="It would end before it begins.",
            ),
            models.CheckConstraint(
                condition=Q(due_seconds__isnull=True, due_measure="")
                | Q(due_seconds__isnull=False, due_seconds__gte=60) & ~Q(due_measure=""),
                name="routingrule_time_has_measure",
                violation_error_message="A time needs its measure.",
            ),
            models.CheckConstraint(
                condition=Q(amount_from__isnull=True)
                | Q(amount_to__isnull=True)
                | Q(amount_to__gt=F("amount_from")),
                name="routingrule_amounts",
                violation_error_message="No amount lies between these.",
            ),
            models.CheckConstraint(
                condition=Q(severity__isnull=True) | Q(severity__range=(1, 4)),
                name="routingrule_severity",
            ),
            models.CheckConstraint(condition=~Q(why=""), name="routingrule_says_why"),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """It decides something."""
        if not (self.team_id or self.severity or self.due_seconds):
            text = "Name a team, a severity or a time: without any of them it decides nothing."
            raise ValidationError({"team": text})


class DeadlineRule(models.Model):
    """After when money of a workflow is lost. Of one kind, a rule for the payer wins over one for
    any; of several kinds, the earliest deadline matters."""

    class Since(models.TextChoices):
        SERVICE = "service", "the date of service"
        OPENED = "opened", "the day it was known"
        MONTH = "month", "the end of the month"

    workflow = models.ForeignKey(Workflow, models.CASCADE, related_name="deadlines")
    kind = models.CharField(max_length=12, choices=MoneyDeadline)
    payer = models.CharField(
        max_length=80, blank=True,
        help_text="As events name it; a star stands for anything. Empty: any payer.",
    )  # fmt: skip
    since = models.CharField(max_length=8, choices=Since)
    days = models.PositiveSmallIntegerField(
        validators=[MaxValueValidator(1_100)],
        help_text="Calendar days after that; the last of them counts in full.",
    )

    class Meta:
        ordering = ["workflow", "kind", "payer"]
        constraints = [
            # Reader of its index: the deadlines of a workflow.
            models.UniqueConstraint(
                fields=["workflow", "kind", "payer"],
                name="deadlinerule_once",
                violation_error_message="There is a deadline of this kind for this payer already.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.workflow} {self.payer or 'any payer'}"
