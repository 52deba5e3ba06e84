"""Views of the queue that people keep: a name for what they ask again and again."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class SavedView(models.Model):
    """What the queue is asked, by name. It says which rows, never whose: each reader sees their own
    facilities through it."""

    class Scope(models.TextChoices):
        PRIVATE = "private", "Only me"
        TEAM = "team", "A team"
        ROLE = "role", "Everybody of a role"

    id = models.UUIDField(primary_key=True, db_default=models.Func(function="uuidv7"))
    name = models.CharField(max_length=60)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="queue_views")
    scope = models.CharField(max_length=7, choices=Scope, db_default=Scope.PRIVATE)
    team = models.ForeignKey(
        "catalog.Team", models.CASCADE, null=True, db_index=False, related_name="+"
    )
    role = models.CharField(max_length=40, blank=True, db_default="")
    # As it stands in an address, of known parameters only.
    query = models.TextField(blank=True)
    position = models.PositiveSmallIntegerField(db_default=0)
    created_at = models.DateTimeField(db_default=Now())
    # Kept for a while, so that a deletion can be taken back.
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        ordering = ["position", "name"]
        constraints = [
            # Reader of its index: the views of a person.
            models.UniqueConstraint(
                fields=["owner", "name"],
                condition=Q(deleted_at__isnull=True),
                name="savedview_once",
                violation_error_message="You have a view of this name already.",
            ),
            models.CheckConstraint(
                condition=Q(scope="team", team__isnull=False) | ~Q(scope="team") & Q(team=None),
                name="savedview_team_iff_shared_so",
            ),
            models.CheckConstraint(
                condition=Q(scope="role") & ~Q(role="") | ~Q(scope="role") & Q(role=""),
                name="savedview_role_iff_shared_so",
            ),
        ]

    def __str__(self) -> str:
        return self.name
