"""Celery's beat without Django: it sends two bells, and needs no models to ring them.

    celery -A config.beat beat

The same settings as config.celery; leaving Django out halves its memory.
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
