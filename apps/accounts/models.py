"""People, what they may do, which facilities they may see, their tokens and sessions."""

import hashlib

from django.conf import settings
from django.contrib.auth.models import AbstractUser
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models import F, Q
from guardian.models import GroupObjectPermissionBase, UserObjectPermissionBase


class User(AbstractUser):
    """A person who signs in."""


class Capability(models.Model):
    """Carries the permissions that belong to no single table; it has no rows and no table."""

    class Meta:
        managed = False
        default_permissions = ()
        permissions = [
            ("view_scorecards", "See scorecards, backlog and latency of own facilities"),
            ("view_transactions", "See single transactions and their timeline"),
            ("view_quarantine", "See refused events"),
            ("resolve_quarantine", "Correct, resubmit or discard refused events"),
            ("rotate_source_keys", "Issue and revoke the keys of sources"),
            ("administer_network", "Administer people, sources and keys of every facility"),
            ("view_system_status", "See how the product itself runs"),
            ("view_audit", "Read the audit trail"),
            ("export_tables", "Download the tables that own pages show"),
            ("export_many_rows", "Download more than 5,000 rows at once"),
            ("export_money", "Download amounts of money with a table"),
            ("retry_batches", "Fold batches again that were given up"),
            ("view_catalogue", "See places, systems, interfaces, workflows and targets"),
            ("propose_changes", "Propose changes of targets and mappings"),
            ("approve_changes", "Approve changes that others proposed"),
            ("view_people", "See people, their roles and facilities"),
            ("manage_people", "Give and take roles and facilities, open and close accounts"),
            ("confirm_roles", "Confirm sensitive roles as the second person"),
            ("review_access", "Review and sign off who may do what"),
            ("view_cases", "See exception cases of every kind"),
            ("work_cases", "Work exception cases of every kind"),
            ("work_technical_cases", "Work exception cases of technical kinds"),
            ("work_financial_cases", "See and work exception cases of money kinds"),
            ("assign_cases", "Assign cases to others, escalated ones too, and reopen them"),
            ("dismiss_for_good", "Dismiss cases for good"),
        ]

    def __str__(self) -> str:
        return "Capabilities"


class FacilityUserGrant(UserObjectPermissionBase):
    """A person's permission on a facility; it covers everything below it.

    A table of its own with real foreign keys: guardian's generic tables keep the grants of deleted
    rows and hand them to the next row with the same number.
    """

    content_object = models.ForeignKey(
        "catalog.Facility", models.CASCADE, related_name="user_grants", verbose_name="facility"
    )

    class Meta(UserObjectPermissionBase.Meta):
        # unique_together comes with guardian's Meta; its index serves access.facilities_for.
        verbose_name = "facility grant"

    def __str__(self) -> str:
        return f"{self.user} · {self.content_object}"


class FacilityGroupGrant(GroupObjectPermissionBase):
    """A group's permission on a facility; it covers everything below it."""

    content_object = models.ForeignKey(
        "catalog.Facility", models.CASCADE, related_name="group_grants", verbose_name="facility"
    )

    class Meta(GroupObjectPermissionBase.Meta):
        verbose_name = "facility grant of a group"
        verbose_name_plural = "facility grants of groups"

    def __str__(self) -> str:
        return f"{self.group} · {self.content_object}"


class RoleRequest(models.Model):
    """The wish to give somebody a sensitive role. A second person decides, once and for the record.

    Triggers of sql/role_requests.sql refuse every other change.
    """

    class State(models.TextChoices):
        PENDING = "pending", "Waits for a second person"
        CONFIRMED = "confirmed", "Confirmed"
        REFUSED = "refused", "Refused"
        WITHDRAWN = "withdrawn", "Withdrawn"
        EXPIRED = "expired", "Expired"
        LAPSED = "lapsed", "Lapsed, as who asked may not ask any more"

    person = models.ForeignKey(User, models.PROTECT, related_name="role_requests")
    role = models.CharField(max_length=40)
    requested_by = models.ForeignKey(User, models.PROTECT, related_name="+")
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    why = models.CharField(max_length=500)
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    decided_by = models.ForeignKey(User, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    remark = models.CharField(max_length=500, blank=True)

    class Meta:
        default_permissions = ()
        ordering = ["requested_at", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["person", "role"],
                condition=Q(state="pending"),
                name="role_request_pending_once",
            ),
            models.CheckConstraint(
                condition=~Q(requested_by=F("person")), name="role_request_for_another"
            ),
            # isnull is spelled out: a check that is NULL passes.
            models.CheckConstraint(
                condition=~Q(state="confirmed")
                | (
                    Q(decided_by__isnull=False)
                    & ~Q(decided_by=F("requested_by"))
                    & ~Q(decided_by=F("person"))
                ),
                name="role_request_second_person",
            ),
            models.CheckConstraint(
                condition=Q(state="pending", decided_at__isnull=True)
                | (~Q(state="pending") & Q(decided_at__isnull=False)),
                name="role_request_decided_with_time",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} for {self.person_id}: {self.state}"


class AccessReview(models.Model):
    """Somebody looked at what a person may do, and signed: keep it, or take it away."""

    class Verdict(models.TextChoices):
        KEEP = "keep", "Keep"
        REMOVE = "remove", "Take away"

    person = models.ForeignKey(User, models.PROTECT, related_name="reviews")
    reviewer = models.ForeignKey(User, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    verdict = models.CharField(max_length=6, choices=Verdict)
    # What was looked at: codes of roles and of granted facilities.
    roles = models.JSONField()
    facilities = models.JSONField()

    class Meta:
        default_permissions = ()
        ordering = ["-at"]
        # Reader: the last review of each person.
        indexes = [models.Index(fields=["person", "-at"], name="review_latest")]
        constraints = [
            models.CheckConstraint(condition=~Q(reviewer=F("person")), name="review_of_another")
        ]

    def __str__(self) -> str:
        return f"{self.person_id} {self.verdict} {self.at:%Y-%m-%d}"


class AuditEvent(models.Model):
    """Somebody's act, kept for good: the database refuses to change or delete it.

    Written by services.audit alone, which knows the key of its code. The table is made by
    sql/audit.sql, with its triggers.
    """

    id = models.UUIDField(primary_key=True)
    at = models.DateTimeField()
    # No foreign keys: a row outlives whom and what it names.
    actor_id = models.BigIntegerField(null=True)
    actor = models.TextField()
    act = models.TextField()
    on = models.TextField(db_column="object")
    facility_id = models.IntegerField(null=True)
    facts = models.JSONField()
    origin = models.TextField()
    request = models.TextField()
    mac = models.BinaryField()
    seq = models.BigIntegerField(null=True)
    hash = models.BinaryField(null=True)

    class Meta:
        managed = False
        db_table = "accounts_auditevent"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.act}"


class ApiToken(models.Model):
    """Lets a program read what its user may read. Only a hash of it is kept."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_tokens")
    # The public part, by which a presented token is found.
    prefix = models.CharField(max_length=20, unique=True, editable=False)
    # Tokens are long and random, so a fast hash is as good as a slow one.
    sha256 = models.BinaryField(max_length=32, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(
        null=True, editable=False, help_text="Noted at most once a minute."
    )
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["user", "-created_at"]

    def __str__(self) -> str:
        return f"{self.prefix}_… of {self.user}"


class Session(AbstractBaseSession):
    """A browser that is signed in, or on its way (apps/accounts/sessions.py)."""

    # Ended by the database itself when the person's password changes or their account is closed.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, related_name="sessions"
    )
    started_at = models.DateTimeField()
    last_active_at = models.DateTimeField()
    address = models.GenericIPAddressField(null=True)
    agent = models.CharField(max_length=200, blank=True)

    class Meta(AbstractBaseSession.Meta):
        abstract = False

    @property
    def handle(self) -> str:
        """Names the session to its owner; the key itself would let anyone in who reads it."""
        return hashlib.sha256(self.session_key.encode()).hexdigest()[:24]
