"""A line that says how far a long job is: redrawn on a terminal, now and then elsewhere."""

import time
from dataclasses import dataclass, field
from typing import TextIO

_WIDTH = 28
_REDRAW_SECONDS, _LINE_SECONDS = 0.2, 10.0


@dataclass
class Progress:
    """How much of the way is done, at what rate, and when it will end."""

    stream: TextIO
    unit: str
    begun: float = field(default_factory=time.monotonic)
    drawn: float = -1e9
    done: int = 0
    first: float = -1.0

    def show(self, share: float, count: int) -> None:
        """`share` of the way lies behind, with `count` things done."""
        self.done = count
        if self.first < 0:
            self.first = share
        moment = time.monotonic()
        pause = _REDRAW_SECONDS if self.stream.isatty() else _LINE_SECONDS
        if moment - self.drawn >= pause:
            self.drawn = moment
            self._draw(share, moment - self.begun)

    def close(self, share: float = 1.0) -> None:
        """Draw the end and leave the line."""
        self._draw(share, time.monotonic() - self.begun)
        if self.stream.isatty():
            self.stream.write("\n")

    def _draw(self, share: float, seconds: float) -> None:
        rate = self.done / seconds if seconds else 0.0
        text = (
            f"{_bar(share)} {share:4.0%}  {self.done:,} {self.unit}  {rate:,.0f}/s  "
            f"{self._left(share, seconds)}"
        )
        self.stream.write(f"\r\x1b[K{text}" if self.stream.isatty() else f"{text}\n")
        self.stream.flush()

    def _left(self, share: float, seconds: float) -> str:
        """The time so far at the end; before it the time still needed, once that can be told."""
        if share >= 1:
            return f"in {clock(seconds)}"
        covered = share - max(self.first, 0.0)
        return f"ETA {clock(seconds * (1 - share) / covered)}" if covered > 0 else "ETA ..."


def _bar(share: float) -> str:
    filled = int(_WIDTH * min(share, 1.0))
    return "[" + "#" * filled + "-" * (_WIDTH - filled) + "]"


def clock(seconds: float) -> str:
    """Seconds as h:mm:ss or m:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
