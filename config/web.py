"""What the web process serves: `granian --interface rsgi config.web:application`."""

import gc
from importlib import import_module

from django.conf import settings

from config.front import Front, Limits
from config.limits import make_room
from config.wsgi import application as wsgi

make_room()
# What is loaded stays, views included. A collection that went through all of it would halt every
# thread for a tenth of a second.
import_module(settings.ROOT_URLCONF)
gc.collect()
gc.freeze()
application = Front(
    wsgi,
    threads=settings.THROUGHLINE_WEB_THREADS,
    limits=Limits(
        body=settings.THROUGHLINE_MAX_BODY_BYTES,
        elsewhere=min(2**20, settings.THROUGHLINE_MAX_BODY_BYTES),
        large_at=("/api/v1/events", "/api/v1/quarantine"),
        together=8 * settings.THROUGHLINE_MAX_BODY_BYTES,
        seconds=settings.THROUGHLINE_BODY_SECONDS,
        rate=settings.THROUGHLINE_BODY_BYTES_PER_SECOND,
        waiting=256,
    ),
)
