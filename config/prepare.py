"""Bring the database and the static files up to date: one Django start for all the steps.

    python -m config.prepare

Safe to repeat; with nothing to do it takes about as long as Django takes to start.
"""

import hashlib
import json
import os
import sys
from io import StringIO
from pathlib import Path

import django
from django.conf import settings
from django.contrib.staticfiles import finders
from django.core.management import call_command

from apps.demo.outlet import FALLBACK
from apps.demo.world import world
from config.console import Console
from config.secrets import SIGN_INS

console = Console()


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    console.say("bringing the database up to date")
    call_command("migrate", interactive=False, verbosity=0)
    collect_static()
    console.say("seeding the catalogue")
    call_command("seed", stdout=StringIO())
    if settings.THROUGHLINE_DEMO:
        prepare_demo()
    return 0


def prepare_demo() -> None:
    """The demo's people, told again at the end of the start, and a key for each of its systems."""
    people = StringIO()
    call_command("seed_demo_users", stdout=people)
    write_private(settings.VAR / SIGN_INS, people.getvalue())
    keys = settings.VAR / "demo-keys.json"
    if not keys.exists():
        console.say("issuing keys to the demo's systems")
        issued = {source: issue_key(source) for source in [*world().sources, FALLBACK]}
        write_private(keys, json.dumps(issued, indent=2))


def issue_key(source: str) -> str:
    output = StringIO()
    call_command("issue_key", source, stdout=output, stderr=StringIO())
    return output.getvalue().split()[0]


def write_private(path: Path, text: str) -> None:
    """Never readable by others, not even for a moment."""
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    unfinished.rename(path)


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
