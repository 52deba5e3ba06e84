"""Readiness with figures: what waits to be folded, and for how long."""

import logging
from dataclasses import asdict

from django.contrib.auth.decorators import login_not_required
from django.db import Error
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from apps.core.health import broker_answers, database_answers
from apps.telemetry.journal import Waiting, waiting

log = logging.getLogger(__name__)


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


def waiting_work() -> Waiting | None:
    try:
        return waiting()
    except Error as error:
        log.warning("readiness: journal unreadable (%s)", type(error).__name__)
        return None


def status(*, has_database: bool, has_broker: bool) -> str:
    if not has_database:
        return "unavailable"
    return "ok" if has_broker else "degraded"
