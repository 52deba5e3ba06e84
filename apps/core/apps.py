from django.apps import AppConfig

# Tasks and bells must find our Celery app, in whichever process: Django loads this file in all.
from config import celery  # noqa: F401


class CoreConfig(AppConfig):
    name = "apps.core"
    label = "core"
