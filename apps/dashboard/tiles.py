"""Tiles: the few large figures at the top of a page."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Change:
    """A figure beside what is usual: `4 % under usual`. Tone `ok`, `warn`, `bad` or `mute`."""

    words: str
    css: str = "mute"
    icon: str = ""


@dataclass(frozen=True, slots=True)
class Tile:
    """One figure. `address` leads to how it is computed; `metric` is its code there."""

    label: str
    figure: str
    unit: str = ""
    foot: str = ""
    icon: str = ""
    change: Change | None = None
    address: str = ""
    metric: str = ""
