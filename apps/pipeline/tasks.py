"""Celery tasks: doorbells without arguments. Lost, late or doubled, each costs nothing."""

from celery import shared_task

from apps.pipeline import services


@shared_task(name="pipeline.fold")
def fold() -> None:
    """Fold what waits in the journal."""
    services.fold_waiting()


@shared_task(name="pipeline.sweep")
def sweep() -> None:
    """Everything that time, not an event, makes due."""
    services.fold_waiting()
    services.sweep_due()


@shared_task(name="pipeline.maintain")
def maintain() -> None:
    """Partitions, retention, calendar horizon and backlog photographs."""
    services.maintain()
