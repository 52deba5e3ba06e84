"""A broker that is down or frozen costs nobody anything, and is rung again once it is back."""

import os
import signal
import statistics
import time
from collections.abc import Callable, Iterator

import pytest
from django.db import transaction
from redis import Redis

from apps.core import doorbell
from config import embedded

pytestmark = pytest.mark.alone
QUEUE = "bell"
SOON = 60.0


@pytest.fixture
def broker(services: embedded.Place) -> Iterator[Redis]:
    """The real broker, with an empty queue."""
    with Redis(unix_socket_path=str(services.redis_socket), socket_timeout=5) as found:
        found.delete(QUEUE)
        yield found


def eventually(is_so: Callable[[], bool]) -> bool:
    end = time.monotonic() + SOON
    while not is_so() and time.monotonic() < end:
        time.sleep(0.02)
    return is_so()


def seconds_to_ring() -> float:
    began = time.monotonic()
    doorbell.ring()
    return time.monotonic() - began


def test_a_bell_rings_after_commit_and_not_before(broker: Redis, transactional_db: None):
    with transaction.atomic():
        doorbell.ring()
        time.sleep(2 * doorbell.INTERVAL)
        assert broker.llen(QUEUE) == 0
    assert eventually(lambda: broker.llen(QUEUE) > 0)


def test_a_rollback_rings_nothing(broker: Redis, transactional_db: None):
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        doorbell.ring()
        _ = 1 / 0
    time.sleep(2 * doorbell.INTERVAL)
    assert broker.llen(QUEUE) == 0


def test_a_hundred_rings_are_a_few_bells(broker: Redis, transactional_db: None):
    began = time.monotonic()
    for _ in range(100):
        doorbell.ring()
    assert eventually(lambda: broker.llen(QUEUE) > 0)
    time.sleep(2 * doorbell.INTERVAL)
    bells = broker.llen(QUEUE)
    assert bells <= 2 + (time.monotonic() - began) / doorbell.INTERVAL


@pytest.mark.slow
def test_a_frozen_broker_delays_no_request_and_is_rung_again(
    broker: Redis, services: embedded.Place, transactional_db: None
):
    doorbell.ring()
    assert eventually(lambda: broker.llen(QUEUE) > 0)
    [valkey] = [server.pid(services) for server in embedded.SERVERS if server.name == "redis"]
    os.kill(valkey, signal.SIGSTOP)
    try:
        # Of a busy machine any one may be slow; who waits for the broker is slow each time.
        usual = statistics.median(seconds_to_ring() for _ in range(20) if time.sleep(0.1) is None)
    finally:
        os.kill(valkey, signal.SIGCONT)
    assert usual < 0.25
    assert doorbell._ringer.is_alive()

    broker.delete(QUEUE)
    time.sleep(doorbell.REST_AFTER_FAILURE)
    doorbell.ring()
    assert eventually(lambda: broker.llen(QUEUE) > 0)
