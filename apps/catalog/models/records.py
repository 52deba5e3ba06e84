"""The catalogue about itself: its version, and what the seed wrote."""

from django.db import models


class CatalogVersion(models.Model):
    """One row; a new number after each change, never used twice (triggers in sql/rules.sql)."""

    id = models.SmallAutoField(primary_key=True)
    version = models.BigIntegerField()
    # Set by the database when hours, holidays, zones or calendars change; services.refresh_spans.
    spans_stale = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="catalogversion_single_row")
        ]

    def __str__(self) -> str:
        return str(self.version)


class SeedRecord(models.Model):
    """A row the seed wrote and its digest then; another digest now is an operator's edit."""

    kind = models.CharField(max_length=20)
    key = models.CharField(max_length=160)
    digest = models.CharField(max_length=32)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "key"], name="seedrecord_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.key}"
