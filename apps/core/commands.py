"""Commands as they must be typed, for messages and hints."""

import shlex

from django.conf import settings

MANAGE = ".venv/bin/python manage.py"


def manage(words: str) -> str:
    """A command of manage.py that reaches this instance, wherever it keeps its data."""
    if settings.VAR == settings.BASE_DIR / "var":
        return f"{MANAGE} {words}"
    return f"THROUGHLINE_VAR={shlex.quote(str(settings.VAR))} {MANAGE} {words}"
