"""Make sure that a Chromium is there for the browser tests, or say how to get one.

python -m config.browser
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
ADVICE = """\
The browser tests need Chromium, and none of {names} is on the PATH.
Install it (Debian, Ubuntu: `sudo apt-get install chromium`), or name one in CHROMIUM=/path.
Without it: make test PYTEST='-m "not browser"'\
"""


def find_chromium() -> str | None:
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


def install_chromium() -> None:
    print("installing Chromium for the browser tests (once)", flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update", "-qq"], ["install", "-y", "-qq", "chromium"]):
        subprocess.run(["apt-get", *words], env=quiet, check=False, stdout=subprocess.DEVNULL)  # noqa: S607


def main() -> int:
    if not find_chromium() and os.geteuid() == 0 and shutil.which("apt-get"):
        install_chromium()
    if not find_chromium():
        print(ADVICE.format(names=", ".join(NAMES)), file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
