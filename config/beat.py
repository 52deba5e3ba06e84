"""Celery's beat without Django, which two bells do not need: python -m config.beat

The same settings as config.celery, in half the memory.
"""

import logging.config
import os
from typing import Any

from celery import Celery
from celery.signals import setup_logging
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("throughline", fixups=set())
app.config_from_object("django.conf:settings", namespace="CELERY")


@setup_logging.connect
def log_as_json(**_: Any) -> None:
    """What django.setup() does elsewhere."""
    logging.config.dictConfig(settings.LOGGING)


if __name__ == "__main__":
    # Not the scheduler that keeps a file: its entries may start anew with the process.
    app.Beat(scheduler="celery.beat:Scheduler", loglevel="WARNING", quiet=True).run()
