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
from redis.exceptions import RedisError, ResponseError
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
    """One ping. More than that an account may be forbidden to ask."""
    try:
        with _broker() as broker:
            return bool(broker.ping())
    except (RedisError, OSError):
        return False


@dataclass(frozen=True)
class BrokerReport:
    """A broker that answers; its version and the bells nobody has taken up, as far as it tells."""

    version: str
    bells: int | None


def broker_report() -> BrokerReport | None:
    """The broker as it says of itself; None when it does not answer."""
    try:
        with _broker() as broker:
            broker.ping()
            return BrokerReport(_version(broker), _bells(broker))
    except (RedisError, OSError):
        return None


def _version(broker: Redis) -> str:
    try:
        server = broker.info("server")
    except ResponseError:
        return ""
    return str(server.get("valkey_version") or server.get("redis_version", ""))


def _bells(broker: Redis) -> int | None:
    try:
        return int(broker.llen(settings.CELERY_TASK_DEFAULT_QUEUE))
    except ResponseError:
        return None


def _broker() -> Redis:
    """Without retries: kombu and redis-py would take seconds to give up."""
    url = settings.CELERY_BROKER_URL.replace("redis+socket://", "unix://", 1)
    return Redis.from_url(
        url,
        socket_timeout=BROKER_SECONDS,
        socket_connect_timeout=BROKER_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
