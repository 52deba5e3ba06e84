"""What the network runs: systems, the interfaces between them, and the teams that own them."""

from django.conf import settings
from django.db import models

from apps.catalog.validators import validate_code


class System(models.Model):
    """A software system that sends, receives or carries business messages."""

    class Kind(models.TextChoices):
        EHR = "ehr", "EHR"
        BILLING = "billing", "Billing (RCM)"
        ENGINE = "engine", "Integration engine"
        ERP = "erp", "ERP"
        CLEARINGHOUSE = "clearinghouse", "Clearinghouse"
        PAYER = "payer", "Payer gateway"
        MASTER_DATA = "master_data", "Master data"
        WORKFLOW = "workflow", "Approval workflow"
        SAAS = "saas", "Software service"
        BANK = "bank", "Bank or lockbox"

    code = models.CharField(max_length=40, unique=True, validators=[validate_code])
    name = models.CharField(max_length=120)
    kind = models.CharField(max_length=20, choices=Kind)

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name


class Team(models.Model):
    """People who own interfaces and work what goes wrong on them."""

    code = models.CharField(max_length=40, unique=True, validators=[validate_code])
    name = models.CharField(max_length=120)
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="teams")

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Interface(models.Model):
    """One agreed way from a system to another."""

    class Protocol(models.TextChoices):
        HL7_MLLP = "hl7_mllp", "HL7 v2 over MLLP"
        FHIR = "fhir", "FHIR REST"
        X12_REALTIME = "x12_realtime", "X12 real time"
        X12_BATCH = "x12_batch", "X12 batch"
        REST = "rest", "REST API"
        SOAP = "soap", "SOAP"
        SFTP = "sftp", "File over SFTP"
        WEBHOOK = "webhook", "Webhook"
        QUEUE = "queue", "Message queue"
        BAI2 = "bai2", "BAI2 bank file"

    class Pattern(models.TextChoices):
        SYNC = "sync", "Request and response"
        EVENT = "event", "Event"
        BATCH = "batch", "Batch"
        FILE = "file", "File"

    code = models.CharField(max_length=60, unique=True, validators=[validate_code])
    name = models.CharField(max_length=120)
    protocol = models.CharField(max_length=20, choices=Protocol)
    pattern = models.CharField(max_length=10, choices=Pattern)
    source = models.ForeignKey(System, models.PROTECT, related_name="sends")
    target = models.ForeignKey(System, models.PROTECT, related_name="receives")
    workflow = models.ForeignKey(
        "catalog.Workflow",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="interfaces",
        help_text="Empty when several workflows use it.",
    )
    business_owner = models.ForeignKey(
        Team, models.PROTECT, null=True, blank=True, related_name="owns_as_business"
    )
    technical_owner = models.ForeignKey(
        Team, models.PROTECT, null=True, blank=True, related_name="owns_technically"
    )
    expected_gap_seconds = models.PositiveIntegerField(
        null=True,
        blank=True,
        help_text="Silence longer than this is suspicious. Empty: no expectation.",
    )
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name
