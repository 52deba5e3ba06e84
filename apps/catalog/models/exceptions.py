"""What can go wrong, in the words of those who mend it: kinds, their playbooks, native codes."""

from string import Formatter

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import RangeOperators
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q

from apps.catalog.models.systems import System, Team
from apps.catalog.models.workflows import Period, Workflow

# What a playbook's first line may name; the case fills it in.
BLANKS = frozenset({"step", "target", "payer", "place", "facility"})
validate_kind = RegexValidator(
    r"^[A-Z]{2,3}-\d{2}$", "Use a group of two or three capitals and two digits, as in TRN-01."
)


def fills_in(text: str) -> bool:
    """Whether its braces hold known blanks and nothing more. A width or an attribute would let what
    a sender wrote decide how, and how long, the sentence becomes."""
    try:
        parts = list(Formatter().parse(text))
    except ValueError:
        return False
    named = [part for part in parts if part[1] is not None]
    return all(name in BLANKS and not (width or form) for _, name, width, form in named)


class ErrorClass(models.TextChoices):
    """What sort of trouble a native code tells of, whatever the standard."""

    TRANSPORT = "transport", "Connection"
    AUTH = "auth", "Sign-in refused"
    THROTTLE = "throttle", "Too fast"
    NO_ACK = "no_ack", "No confirmation"
    SYNTAX = "syntax", "Malformed"
    VERSION = "version", "Version not supported"
    MISSING_DATA = "missing_data", "Information missing"
    BAD_VALUE = "bad_value", "Value refused"
    REFERENCE_UNKNOWN = "reference_unknown", "Not mapped"
    IDENTITY = "identity", "Identity"
    DUPLICATE = "duplicate", "Duplicate"
    SEQUENCE = "sequence", "Wrong order"
    PAYER_REJECT = "payer_reject", "Rejected by the payer"
    PAYER_DECISION = "payer_decision", "Decision of the payer"
    BALANCE = "balance", "Does not add up"
    DEADLINE = "deadline", "Deadline"
    APPROVAL = "approval", "Waits for approval"
    GOVERNANCE = "governance", "Governance"
    INTERNAL = "internal", "Error of the system"


class Severity(models.IntegerChoices):
    CRITICAL = 1, "Critical"
    HIGH = 2, "High"
    MEDIUM = 3, "Moderate"
    LOW = 4, "Low"


class ExceptionKind(models.Model):
    """One kind of exception. What is said of it, and done about it, are its playbooks."""

    code = models.CharField(max_length=6, unique=True, validators=[validate_kind])
    position = models.PositiveSmallIntegerField(help_text="Order on every page.")

    class Meta:
        ordering = ["position", "code"]

    def __str__(self) -> str:
        return self.code


class Playbook(models.Model):
    """One version of what people are told. Once in force only its end may still be set."""

    class Replay(models.TextChoices):
        SAFE = "safe", "Safe as it is"
        FIXED = "fixed", "After it is mended"
        NEVER = "never", "Not by a replay"
        TWO = "two", "With a second person"

    class Measure(models.TextChoices):
        ELAPSED = "elapsed", "Elapsed time"
        BUSINESS = "business", "Open hours of the facility"

    kind = models.ForeignKey(ExceptionKind, models.PROTECT, related_name="playbooks")
    title = models.CharField(max_length=80, help_text="What went wrong, without a patient in it.")
    happened = models.CharField(
        max_length=200, help_text="May name {step}, {target}, {payer}, {place} and {facility}."
    )
    matters = models.CharField(max_length=200, help_text="What it leads to if nobody acts.")
    steps = models.TextField(help_text="What to do now, a step a line.")
    owner = models.ForeignKey(Team, models.PROTECT, related_name="playbooks")
    replay = models.CharField(max_length=5, choices=Replay)
    severity = models.PositiveSmallIntegerField(choices=Severity)
    due_seconds = models.PositiveIntegerField(
        validators=[MinValueValidator(60)], help_text="To be resolved within so many seconds."
    )
    due_measure = models.CharField(max_length=8, choices=Measure)
    effective_from = models.DateTimeField()
    effective_to = models.DateTimeField(null=True, blank=True)
    why = models.TextField(help_text="Why it changed.")

    class Meta:
        ordering = ["kind", "-effective_from"]
        constraints = [
            # One version at a time. Reader of its index: the versions of a kind.
            ExclusionConstraint(
                name="playbook_no_overlap",
                expressions=[
                    ("kind", RangeOperators.EQUAL),
                    (Period("effective_from", "effective_to"), RangeOperators.OVERLAPS),
                ],
                violation_error_message="Another version is in force in that period.",
            ),
            models.CheckConstraint(
                condition=Q(effective_to__isnull=True) | Q(effective_to__gt=F("effective_from")),
                name="playbook_ends_after_start",
                violation_error_message="It would end before it begins.",
            ),
            models.CheckConstraint(condition=Q(severity__range=(1, 4)), name="playbook_severity"),
            models.CheckConstraint(condition=~Q(why=""), name="playbook_says_why"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}: {self.title}"

    @property
    def to_do(self) -> list[str]:
        """The steps, one by one."""
        return [step.strip() for step in self.steps.splitlines() if step.strip()]

    def clean(self) -> None:
        """The first line names nothing that a case cannot fill in, and fills it in as it is."""
        if not fills_in(self.happened):
            known = ", ".join(f"{{{blank}}}" for blank in sorted(BLANKS))
            text = f"It may name {known}, each as written here, and nothing else in braces."
            raise ValidationError({"happened": text})


class ErrorSignal(models.Model):
    """A native code, or what time shows, and the kind it means. `*` stands for anything."""

    kind = models.ForeignKey(ExceptionKind, models.PROTECT, related_name="signals")
    standard = models.CharField(max_length=20, help_text="As senders write it: HL7, 277CA, HTTP.")
    code = models.CharField(max_length=80)
    location = models.CharField(max_length=80, default="*")
    workflow = models.ForeignKey(
        Workflow, models.CASCADE, null=True, blank=True, related_name="+",
        help_text="Only there. Empty: in every workflow.",
    )  # fmt: skip
    target = models.CharField(
        max_length=20, choices=System.Kind, blank=True,
        help_text="Only where such a system was spoken to. Empty: any.",
    )  # fmt: skip
    error_class = models.CharField(max_length=20, choices=ErrorClass)

    class Meta:
        ordering = ["kind", "standard", "code"]
        constraints = [
            # The same code means one thing at one place.
            models.UniqueConstraint(
                fields=["standard", "code", "location", "workflow", "target"],
                name="errorsignal_once",
                nulls_distinct=False,
                violation_error_message="This code means something already.",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.standard} {self.code} {self.location}"
