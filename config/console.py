"""What a person, or a log collector, reads from `make run`.

Every process writes to its own file in var/log; the console follows those files. No pipe joins
us to them, so a paused terminal cannot block the product, and a dead console loses no line.
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

LARGEST_LOG = 20 * 2**20
LARGEST_READ = 2**20
NAME_WIDTH = 9
COLOURS = {"error": "\033[31m", "critical": "\033[31m", "warning": "\033[33m", "good": "\033[32m"}


@dataclass
class Console:
    """Prints one line at a time: for people, or as JSON for a collector."""

    as_json: bool = field(default_factory=lambda: os.environ.get("THROUGHLINE_LOG") == "json")
    colour: bool = field(
        default_factory=lambda: sys.stdout.isatty() and "NO_COLOR" not in os.environ
    )

    def say(self, text: str, *, name: str = "run", level: str = "info") -> None:
        for line in text.splitlines() or [""]:
            print(self._json(line, name, level) if self.as_json else self._plain(line, name, level))
        sys.stdout.flush()

    def _json(self, text: str, name: str, level: str) -> str:
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        return json.dumps({"time": now, "level": level, "process": name, "message": text})

    def _plain(self, text: str, name: str, level: str) -> str:
        start = COLOURS.get(level, "") if self.colour else ""
        end = "\033[0m" if start else ""
        return f"{time.strftime('%H:%M:%S')} {name:<{NAME_WIDTH}} {start}{text}{end}"

    def relay(self, line: str, *, name: str) -> None:
        """A line of a process: JSON from ours, plain text from the servers and from crashes."""
        try:
            record = json.loads(line)
            level, text = record["level"], record["message"]
        except (ValueError, KeyError, TypeError):
            # The inside of a traceback or of a banner is for the log file.
            if line.strip() and not line[0].isspace():
                self.say(line, name=name)
            return
        if self.as_json:
            print(line, flush=True)
        elif error := record.get("error"):
            self.say(f"{text}: {error['type']}", name=name, level=level)
        else:
            self.say(text, name=name, level=level)


@dataclass
class LogFile:
    """One process's log, followed from where it ended when we came."""

    path: Path
    name: str
    quiet: bool = False
    offset: int = 0

    def __post_init__(self) -> None:
        self.path.touch()
        self.offset = self.path.stat().st_size

    def follow(self, console: Console) -> None:
        if self.quiet:
            self.offset = self.path.stat().st_size
        else:
            self._relay_new_lines(console)
        self._turn_over()

    def _relay_new_lines(self, console: Console) -> None:
        with self.path.open("rb") as file:
            file.seek(self.offset)
            data = file.read(LARGEST_READ)
        whole, newline, _ = data.rpartition(b"\n")
        self.offset += len(whole) + len(newline)
        for line in whole.decode(errors="replace").splitlines():
            console.relay(line, name=self.name)

    def _turn_over(self) -> None:
        """Keep one old generation. Writers append, so a file cut to nothing simply grows again."""
        if self.offset < LARGEST_LOG:
            return
        self.path.with_suffix(".log.1").write_bytes(self.path.read_bytes())
        os.truncate(self.path, 0)
        self.offset = 0
