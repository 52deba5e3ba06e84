"""The keys of one instance: from the environment, or made once and kept in its secrets.env.

There is no default key anywhere. A file that only its owner can read is better than a key in a
repository, and an environment variable from the operator's own vault is better than the file.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

# Written by config/prepare.py, told by config/launch.py.
SIGN_INS = "demo-sign-ins.txt"
HEADER = """\
# Made once for this instance and read by nobody else. Keep it with your backups: without
# THROUGHLINE_TOKEN_KEY, business keys stored so far can no longer be searched for.
"""


class MissingSecret(Exception):
    """A key that is neither in the environment nor in secrets.env."""


def secrets_file(var: Path) -> Path:
    return var / "secrets.env"


def ensure_secrets(var: Path) -> None:
    """Make the file if it is not there; never touch one that is."""
    path = secrets_file(var)
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w") as file:
        file.write(HEADER)
        file.write(f"THROUGHLINE_SECRET_KEY={secrets.token_urlsafe(48)}\n")
        file.write(f"THROUGHLINE_TOKEN_KEY={secrets.token_hex(32)}\n")
        # For the demo's people, who exist in demo mode only.
        file.write(f"THROUGHLINE_DEMO_PASSWORD={secrets.token_urlsafe(9)}\n")


def secret(name: str, *, var: Path) -> str:
    value = os.environ.get(name) or stored_secrets(var).get(name)
    if not value:
        raise MissingSecret(
            f"{name} is not set. `make run` makes one in {secrets_file(var)}; "
            "elsewhere set it in the environment (docs/operations.md says how)."
        )
    return value


def stored_secrets(var: Path) -> dict[str, str]:
    try:
        lines = secrets_file(var).read_text().splitlines()
    except FileNotFoundError:
        return {}
    pairs = (line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip() for name, value in pairs}
