"""What people searched for."""

from django.db import models


class Search(models.Model):
    """What somebody searched for in the last hours: its address, a mask, and the text sealed."""

    token = models.TextField(primary_key=True)
    user_id = models.BigIntegerField()
    at = models.DateTimeField()
    label = models.TextField()
    found = models.TextField()
    hits = models.SmallIntegerField()
    sealed = models.BinaryField(null=True)

    class Meta:
        managed = False
        db_table = "telemetry_search"

    def __str__(self) -> str:
        return self.label
