"""python -m tests.chaos [--seconds 600] [--faults 120] [--rate 800] [--seed 1] [--json FILE]

Works below $THROUGHLINE_VAR/chaos, which it empties first. docs/reliability.md says what it proves.
"""

import argparse
import os
import sys
from pathlib import Path

import django

from config.embedded import var_directory
from config.secrets import ensure_secrets
from tests.chaos.faults import KINDS
from tests.chaos.product import clear


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--seconds", type=float, default=600, help="of random faults")
    parser.add_argument("--faults", type=int, default=120)
    parser.add_argument("--only", action="append", default=[], choices=KINDS, metavar="KIND")
    parser.add_argument("--rate", type=float, default=800, help="events a second")
    parser.add_argument("--seed", type=int, default=1, help="of the fault plan and the histories")
    parser.add_argument("--redis-absent", type=float, default=40, help="seconds; 0 leaves it out")
    parser.add_argument("--postgres-absent", type=float, default=20, help="seconds")
    parser.add_argument("--recovery", type=float, default=30, help="seconds a part may take")
    parser.add_argument("--lag", type=float, default=3, help="seconds, p99, without Valkey")
    parser.add_argument("--json", type=Path, help="keep the report here")
    return parser.parse_args()


def claim_directory() -> None:
    """Our own servers and data, whatever this shell is set to; before Django reads its settings."""
    var = var_directory() / "chaos"
    clear(var)
    for name in ("DATABASE_URL", "REDIS_URL"):
        os.environ.pop(name, None)
    os.environ |= {"THROUGHLINE_VAR": str(var), "DJANGO_SETTINGS_MODULE": "config.settings"}
    ensure_secrets(var)


if __name__ == "__main__":
    choices = parse()
    claim_directory()
    django.setup()

    from tests.chaos.engine import Choices, run
    from tests.chaos.figures import as_text

    report = run(Choices(**vars(choices)))
    print(as_text(report))
    sys.exit(1 if report["wrong"] else 0)
