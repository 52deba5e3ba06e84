"""Until Celery mends it: a worker of 5.7.0 may exit when Redis dies under it.

Named in CELERY_IMPORTS, so that workers load this and nobody else pays for the import.
"""

from typing import Any

from kombu.transport import redis as kombu_redis
from redis.exceptions import ConnectionError as BrokerLost

# The versions with the fault; tests/house/test_celery.py fails on any other, so that this file is
# removed with it.
FAULTY = {"celery": "5.7.0", "kombu": "5.7.0"}


def survive_lost_broker() -> None:
    """Make a connection error of what Celery 5.7.0 turns into the end of the worker.

    After a lost connection it collects the transport and then closes it; closing restores unacked
    messages, which asks the collected transport for its host and raises AttributeError. Celery
    recovers from connection errors, and only from those.
    """
    channel: Any = kombu_redis.Channel
    original = channel._connparams

    def connparams(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.connection.client is None:
            raise BrokerLost("the transport is already collected")
        return original(self, *args, **kwargs)

    channel._connparams = connparams


survive_lost_broker()
