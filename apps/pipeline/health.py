"""Readiness with figures: what waits to be folded, and for how long."""

import logging
from dataclasses import asdict, dataclass

from django.contrib.auth.decorators import login_not_required
from django.db import Error
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from apps.core.db import fetch_one
from apps.core.health import broker_answers, database_answers

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Journal:
    """The part of the journal that is not folded yet."""

    waiting_batches: int
    fold_lag_seconds: float


# Both from the index of waiting batches alone: an id carries the time it was made. The count stops
# at 10,000, where the exact number no longer helps and counting would start to cost.
WAITING = """
WITH waiting AS (
    SELECT id FROM telemetry_ingestbatch WHERE state = 0 ORDER BY id LIMIT 10000
), oldest AS (
    SELECT uuid_extract_timestamp(id) AS received_at FROM waiting ORDER BY id LIMIT 1
)
SELECT (SELECT count(*) FROM waiting) AS waiting_batches,
       coalesce((SELECT greatest(date_part('epoch', now() - received_at), 0) FROM oldest), 0)
           AS fold_lag_seconds
"""


@require_safe
@login_not_required
def readyz(request: HttpRequest) -> JsonResponse:
    """503 only without the database: without the broker the sweeper carries the work."""
    journal = waiting_work() if database_answers() else None
    broker = broker_answers()
    figures = {
        "status": status(has_database=journal is not None, has_broker=broker),
        "database": journal is not None,
        "broker": broker,
        **(asdict(journal) if journal else {}),
    }
    return JsonResponse(figures, status=200 if journal else 503)


def waiting_work() -> Journal | None:
    try:
        return fetch_one(WAITING, {}, row=Journal)
    except Error as error:
        log.warning("readiness: journal unreadable (%s)", type(error).__name__)
        return None


def status(*, has_database: bool, has_broker: bool) -> str:
    if not has_database:
        return "unavailable"
    return "ok" if has_broker else "degraded"
