"""Changes that take a second person: asked for by one, approved or refused by another."""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.timezone import now

from apps.catalog.models.places import Facility
from apps.catalog.models.systems import System
from apps.catalog.models.workflows import Clock


class ChangeProposal(models.Model):
    """A new version of a target, a name for a facility where money depends on it, or other rows of
    the catalogue that decide what is in time and who sees it."""

    class Kind(models.TextChoices):
        TARGET = "target", "SLA target"
        ALIAS_ADDED = "alias_added", "New alias"
        ALIAS_REMOVED = "alias_removed", "Alias removed"
        ROWS = "rows", "Catalogue"

    class State(models.TextChoices):
        PROPOSED = "proposed", "Waits for a second person"
        APPROVED = "approved", "Approved"
        REFUSED = "refused", "Refused"
        WITHDRAWN = "withdrawn", "Withdrawn"
        LAPSED = "lapsed", "Lapsed"

    kind = models.CharField(max_length=14, choices=Kind)
    state = models.CharField(max_length=10, choices=State, default=State.PROPOSED)
    clock = models.ForeignKey(Clock, models.CASCADE, null=True, blank=True, related_name="+")
    facility = models.ForeignKey(Facility, models.CASCADE, null=True, blank=True, related_name="+")
    threshold_seconds = models.PositiveIntegerField(null=True, blank=True)
    objective = models.DecimalField(max_digits=6, decimal_places=5, null=True, blank=True)
    effective_from = models.DateTimeField(null=True, blank=True)
    system = models.ForeignKey(System, models.CASCADE, null=True, blank=True, related_name="+")
    alias = models.CharField(max_length=80, blank=True)
    # What happens to which rows, as services.rows writes and reads it.
    rows = models.JSONField(null=True, blank=True)
    why = models.TextField()
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    decided_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True, blank=True)
    note = models.TextField(blank=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [
            # Whoever asks for a change never decides it. Taking it back is theirs alone.
            models.CheckConstraint(
                condition=Q(state="withdrawn")
                | Q(decided_by__isnull=True)
                | ~Q(decided_by=F("proposed_by")),
                name="changeproposal_second_person",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["proposed", "lapsed"]) | Q(decided_by__isnull=False),
                name="changeproposal_decided_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(kind="target", clock__isnull=False, threshold_seconds__isnull=False,
                            objective__isnull=False)
                | Q(kind__in=["alias_added", "alias_removed"], facility__isnull=False)
                & ~Q(alias="")
                | Q(kind="rows", rows__isnull=False),
                name="changeproposal_says_what",
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.pk}"

    @property
    def subject(self) -> str:
        """What it is about, where that is no target."""
        return self.rows["about"] if self.rows else self.alias

    @property
    def is_expired(self) -> bool:
        """Whether nobody decided it in time."""
        return self.state == self.State.PROPOSED and self.expires_at <= now()

    @property
    def is_open(self) -> bool:
        """Whether it can still be decided."""
        return self.state == self.State.PROPOSED and not self.is_expired

    def is_late(self, moment: datetime) -> bool:
        """Whether the start that was asked for has passed."""
        return self.effective_from is not None and self.effective_from <= moment
