"""Third-party files the pages serve: pinned, checksummed, fetched once and kept in the repository.

`static/vendor/manifest.json` names each package, its version, its licence and the SHA-512 of its
archive, and the SHA-256 of every file made from it. `manage.py vendor_assets` makes them again.
"""

import base64
import hashlib
import json
import re
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

FOLDER = Path(settings.BASE_DIR) / "static" / "vendor"
MANIFEST = FOLDER / "manifest.json"
SHAPES = re.compile(r"<path\b(?![^>]*stroke=\"none\")[^>]*/>")


class ChecksumMismatch(Exception):
    """An archive or a file is not the one the manifest names."""


@dataclass(frozen=True)
class Package:
    """One pinned archive and what is taken from it."""

    name: str
    version: str
    licence: str
    integrity: str
    copies: dict[str, str]
    icons: list[str]
    sprite: str


def packages() -> list[Package]:
    """Every package of the manifest."""
    return [
        Package(
            entry["name"], entry["version"], entry["licence"], entry["integrity"],
            entry.get("copies", {}), entry.get("icons", []), entry.get("sprite", ""),
        )
        for entry in read_manifest()["packages"]
    ]  # fmt: skip


def read_manifest() -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(MANIFEST.read_text())
    return manifest


def altered_files() -> list[str]:
    """Vendored files whose content is not what the manifest says."""
    recorded: dict[str, str] = read_manifest()["files"]
    return [name for name, digest in recorded.items() if _sha256(FOLDER / name) != digest]


def fetch(package: Package) -> None:
    """Download one package, refuse it if altered, and write the files taken from it."""
    with tempfile.TemporaryDirectory() as folder:
        archive = _download(package, Path(folder))
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        _write(package, Path(folder) / "package")


def record_files() -> None:
    """Write the checksums of the files as they are now."""
    manifest = read_manifest()
    made = [path for package in packages() for path in _made(package)]
    manifest["files"] = {name: _sha256(FOLDER / name) for name in sorted(made)}
    MANIFEST.write_text(json.dumps(manifest, indent=2) + "\n")


def _download(package: Package, folder: Path) -> Path:
    command = ["npm", "pack", "--silent", f"{package.name}@{package.version}"]
    # The command is made of the pinned manifest, nothing else.
    subprocess.run(command, cwd=folder, check=True, capture_output=True)  # noqa: S603
    [archive] = folder.glob("*.tgz")
    digest = base64.b64encode(hashlib.sha512(archive.read_bytes()).digest()).decode()
    if f"sha512-{digest}" != package.integrity:
        raise ChecksumMismatch(package.name)
    return archive


def _write(package: Package, source: Path) -> None:
    for origin, target in package.copies.items():
        destination = FOLDER / target
        destination.parent.mkdir(parents=True, exist_ok=True)
        destination.write_bytes((source / origin).read_bytes())
    if package.sprite:
        (FOLDER / package.sprite).write_text(_sprite(package, source))


def _sprite(package: Package, source: Path) -> str:
    """One SVG with a symbol per icon, so a page names an icon and the browser keeps the file."""
    symbols = [
        f'<symbol id="{icon}" viewBox="0 0 24 24">{_shapes(source, icon)}</symbol>'
        for icon in sorted(package.icons)
    ]
    notice = f"<!-- {package.name} {package.version}, {package.licence} -->"
    body = "\n".join([notice, *symbols])
    return f'<svg xmlns="http://www.w3.org/2000/svg">{body}</svg>\n'


def _shapes(source: Path, icon: str) -> str:
    return "".join(SHAPES.findall((source / "icons/outline" / f"{icon}.svg").read_text()))


def _made(package: Package) -> list[str]:
    return [*package.copies.values(), *([package.sprite] if package.sprite else [])]


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else ""
