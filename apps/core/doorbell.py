"""Ring for the fold, or for acts on many cases: a hint that work waits, never the only copy of it.

PostgreSQL carries the work and the sweep finds what no bell announced, so a lost, late or doubled
ring costs nothing, and a broker that is down or frozen must cost nothing either.
"""

import logging
import threading
import time
from functools import partial

from django.db import transaction

log = logging.getLogger(__name__)

FOLD, BULK = "pipeline.fold", "pipeline.bulk"
INTERVAL = 0.25
REST_AFTER_FAILURE = 5.0

_lock = threading.Lock()
_wanted = threading.Event()
_tasks: set[str] = set()


def ring(task: str = FOLD) -> None:
    """After commit, ask a worker for it. At most four bells a second of a kind leave this
    process."""
    transaction.on_commit(partial(_want, task), robust=True)
    _start_ringer()


def _want(task: str) -> None:
    _tasks.add(task)
    _wanted.set()


def _start_ringer() -> None:
    """One daemon thread per process publishes, so no request ever waits for the broker."""
    global _ringer
    with _lock:
        if _ringer is None or not _ringer.is_alive():
            _ringer = threading.Thread(target=_publish_forever, name="doorbell", daemon=True)
            _ringer.start()


_ringer: threading.Thread | None = None


def _publish_forever() -> None:
    while True:
        _wanted.wait()
        _wanted.clear()
        heard = [_publish(_tasks.pop()) for _ in range(len(_tasks))]
        time.sleep(INTERVAL if all(heard) else REST_AFTER_FAILURE)


def _publish(task: str) -> bool:
    # Here, not above: Celery and its Redis client weigh 30 MiB, which a process that never rings
    # (the sweeper, as a rule) need not carry.
    from config.celery import app

    try:
        app.send_task(task, expires=5, ignore_result=True)
    except Exception as error:
        log.warning("doorbell: broker unavailable (%s)", type(error).__name__)
        return False
    return True
