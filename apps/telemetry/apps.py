"""Telemetry: what sources send, and the transactions it folds into."""

from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate


class TelemetryConfig(AppConfig):
    """Makes sure that a migrated database can take events today."""

    name = "apps.telemetry"
    label = "telemetry"

    def ready(self) -> None:
        post_migrate.connect(make_partitions, sender=self)


def make_partitions(**_: Any) -> None:
    """Create the partitions of the coming week."""
    from apps.telemetry.partitions import maintain

    maintain()
