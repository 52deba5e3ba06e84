"""What the rules remember between two looks: whose turn it is, and how far they were applied."""

from django.conf import settings
from django.db import models

from apps.catalog.models import Team


class Turn(models.Model):
    """When somebody was last given a case by a rule: who waited longest is next."""

    pk = models.CompositePrimaryKey("team_id", "user_id")
    team = models.ForeignKey(Team, models.CASCADE, db_index=False, related_name="+")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, db_index=False, related_name="+"
    )
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.team_id} {self.user_id}"


class PolicyRound(models.Model):
    """One row: which state of the catalogue all open cases follow. While a round is under way,
    `reached` is the last case it looked at."""

    id = models.SmallAutoField(primary_key=True)
    version = models.BigIntegerField()
    as_of = models.DateTimeField()
    next_version = models.BigIntegerField(null=True)
    next_as_of = models.DateTimeField(null=True)
    reached = models.UUIDField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="policyround_single_row")
        ]

    def __str__(self) -> str:
        return str(self.version)
