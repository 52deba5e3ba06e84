"""What a simulation remembers between runs, in files: how far it came and what it was told."""

import os
import time
from pathlib import Path

import msgspec

from apps.demo.incidents import Incident

# Where, and which seed, scale and beginning.
Story = tuple[str, int, float, int]


class Position(msgspec.Struct):
    """How far the events of one simulation have been acknowledged."""

    url: str
    seed: int
    scale: float
    since: int
    sent_until: int
    # History only: everything it was to tell is told.
    is_finished: bool = False

    @property
    def story(self) -> Story:
        """What is told, apart from how far."""
        return self.url, self.seed, self.scale, self.since


class Bookmark:
    """A file that holds a position. Losing it costs time, never truth: ids stay the same."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> Position | None:
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Position)
        except (FileNotFoundError, msgspec.DecodeError):
            return None

    def write(self, position: Position) -> None:
        draft = self.path.with_suffix(f".{os.getpid()}")
        draft.write_bytes(msgspec.json.encode(position))
        draft.replace(self.path)


class Ledger:
    """The incidents that were asked for, one a line. A running simulation looks here often."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> tuple[Incident, ...]:
        try:
            lines = self.path.read_bytes()
        except FileNotFoundError:
            return ()
        return tuple(msgspec.json.Decoder(Incident).decode_lines(lines))

    def add(self, incident: Incident) -> None:
        """Appended in one write, so that two commands cannot mix their lines."""
        with self.path.open("ab", buffering=0) as file:
            file.write(msgspec.json.encode(incident) + b"\n")

    def version(self) -> int:
        """Changes whenever an incident is added."""
        return self.path.stat().st_size if self.path.exists() else 0


def now() -> int:
    """Milliseconds since 1970: the only look at the clock on the wall."""
    return time.time_ns() // 1_000_000
