"""Is this process alive, and can it reach its servers? Nothing here may wait long."""

import logging
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import Error, connection
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

log = logging.getLogger(__name__)

BROKER_SECONDS = 0.3


@require_safe
@login_not_required
def healthz(request: HttpRequest) -> HttpResponse:
    """Alive. Asks nobody, so that a database outage never makes a supervisor restart us."""
    return HttpResponse("ok\n", content_type="text/plain")


def database_answers() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error as error:
        log.warning("readiness: database unavailable (%s)", type(error).__name__)
        return False
    return True


def broker_answers() -> bool:
    return broker_report() is not None


@dataclass(frozen=True)
class BrokerReport:
    """The broker as it says of itself, and how many bells nobody has taken up."""

    version: str
    bells: int


def broker_report() -> BrokerReport | None:
    """One question without retries: kombu and redis-py would take seconds to give up."""
    url = settings.CELERY_BROKER_URL.replace("redis+socket://", "unix://", 1)
    broker = Redis.from_url(
        url,
        socket_timeout=BROKER_SECONDS,
        socket_connect_timeout=BROKER_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
    try:
        server = broker.info("server")
        bells = int(broker.llen(settings.CELERY_TASK_DEFAULT_QUEUE))
    except (RedisError, OSError):
        return None
    finally:
        broker.close()
    return BrokerReport(str(server.get("valkey_version") or server["redis_version"]), bells)
