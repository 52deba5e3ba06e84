"""The Celery app: doorbells only, since PostgreSQL carries the work."""

import gc
import os
import warnings
from typing import Any

from celery import Celery
from celery.platforms import SecurityWarning
from celery.signals import (
    celeryd_init,
    setup_logging,
    task_prerun,
    worker_before_create_process,
)
from django.db import close_old_connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("throughline")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# Celery warns root about pickled tasks from strangers; ours are JSON, without arguments.
warnings.filterwarnings("ignore", category=SecurityWarning)


@celeryd_init.connect
def wait_longer_than_brpop(conf: Any, **_: Any) -> None:
    """A worker blocks in BRPOP for a second: the publishers' half second would cut it off."""
    patience = {"socket_timeout": 5, "socket_connect_timeout": 2}
    conf.broker_transport_options = {**conf.broker_transport_options, **patience}


@task_prerun.connect
def leave_dead_connections(**_: Any) -> None:
    """Before each task, as Django does before each request: drop what is broken, keep the rest."""
    close_old_connections()


@worker_before_create_process.connect
def share_memory_with_children(**_: Any) -> None:
    """The collector writes to every object it looks at, and a page written to is shared no more."""
    gc.collect()
    gc.freeze()


@setup_logging.connect
def keep_django_logging(**_: Any) -> None:
    """Connected so that Celery leaves the JSON logs of the settings alone."""
