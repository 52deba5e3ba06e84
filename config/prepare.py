"""Bring the database and the static files up to date: one Django start for all the steps.

    python -m config.prepare

Safe to repeat; with nothing to do it takes about as long as Django takes to start.
"""

import hashlib
import os
import sys
from pathlib import Path

import django
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command

from config.console import Console

console = Console()


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    console.say("bringing the database up to date")
    call_command("migrate", interactive=False, verbosity=0)
    collect_static()
    console.say(
        "seeding the catalogue" + (" and the demo users" if settings.THROUGHLINE_DEMO else "")
    )
    call_command("seed")
    if settings.THROUGHLINE_DEMO:
        call_command("seed_demo_users")
    return 0


def collect_static() -> None:
    """Hash and compress the static files, when one of them has changed."""
    stamp = Path(settings.STATIC_ROOT) / ".fingerprint"
    fingerprint = static_fingerprint()
    if stamp.exists() and stamp.read_text() == fingerprint:
        return
    console.say("collecting and compressing static files (once)")
    call_command("collectstatic", interactive=False, verbosity=0, clear=True)
    stamp.write_text(fingerprint)


def static_fingerprint() -> str:
    """Names, sizes and times of every source file: enough to notice an edit or an upgrade."""
    digest = hashlib.sha256()
    for finder in finders.get_finders():
        for name, storage in finder.list([]):
            status = os.stat(storage.path(name))
            digest.update(f"{name} {status.st_size} {status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


if __name__ == "__main__":
    sys.exit(main())
