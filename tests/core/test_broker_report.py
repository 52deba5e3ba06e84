"""What the broker tells of itself, down to an account that may do no more than ring."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from redis import Redis

from apps.core.health import BrokerReport, broker_report
from config import embedded

Allow = Callable[..., None]
ACCOUNT, PASSWORD = "ringer", "only-for-tests"


@pytest.fixture
def broker(services: embedded.Place, settings, worker_id: str) -> Iterator[Redis]:
    """The real broker, with a queue of this process alone."""
    settings.CELERY_TASK_DEFAULT_QUEUE = f"bell-{worker_id}"
    with Redis(unix_socket_path=str(services.redis_socket), socket_timeout=5) as found:
        yield found
        found.delete(settings.CELERY_TASK_DEFAULT_QUEUE)


@pytest.fixture
def allow(broker: Redis, services: embedded.Place, settings, worker_id: str) -> Iterator[Allow]:
    """The broker is asked by an account of its own, which may ping and what is allowed here."""
    name = f"{ACCOUNT}-{worker_id}"

    def allow(*commands: str) -> None:
        broker.acl_setuser(
            name, enabled=True, reset=True, passwords=[f"+{PASSWORD}"], keys=["*"],
            commands=["+ping", "+client", *commands],
        )  # fmt: skip

    settings.CELERY_BROKER_URL = f"redis+socket://{name}:{PASSWORD}@{services.redis_socket}"
    yield allow
    broker.acl_deluser(name)


def test_its_version_and_the_bells_that_wait_are_told(broker: Redis, settings):
    assert broker_report().bells == 0
    broker.lpush(settings.CELERY_TASK_DEFAULT_QUEUE, "bell", "bell")

    report = broker_report()

    assert report == BrokerReport(broker.info("server")["valkey_version"], bells=2)


@pytest.mark.parametrize(
    ("commands", "tells_version", "bells"),
    [((), False, None), (("+llen",), False, 0), (("+info",), True, None)],
)
def test_what_an_account_may_not_ask_is_left_open(allow: Allow, commands, tells_version, bells):
    allow(*commands)

    report = broker_report()

    assert report is not None
    assert (bool(report.version), report.bells) == (tells_version, bells)


def test_a_refused_password_is_a_broker_that_does_not_answer(allow: Allow, settings):
    allow()
    settings.CELERY_BROKER_URL = settings.CELERY_BROKER_URL.replace(PASSWORD, "another")
    assert broker_report() is None


def test_nobody_at_the_address_is_a_broker_that_does_not_answer(settings, tmp_path: Path):
    settings.CELERY_BROKER_URL = f"redis+socket://{tmp_path}/nobody.sock"
    assert broker_report() is None
