"""As little Django as there is."""

import os
from pathlib import Path

from config.env import database

SECRET_KEY = "nothing is signed"  # noqa: S105
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "bench.reference.urls"
MIDDLEWARE: list[str] = []
DATABASES = {
    "default": database(os.environ["DATABASE_URL"], "reference") | {"CONN_HEALTH_CHECKS": False},
}
USE_TZ = True
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "templates"],
    }
]
DATA_UPLOAD_MAX_MEMORY_SIZE = None
