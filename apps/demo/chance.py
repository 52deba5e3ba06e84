"""Chance without memory: every draw follows from a name, so any hour can be drawn again, alone."""

from hashlib import blake2b
from math import exp, sqrt
from statistics import NormalDist

NORMAL = NormalDist()
_MASK_48 = (1 << 48) - 1
_MASK_62 = (1 << 62) - 1
# Beyond this mean the normal curve is as good as the sum, and quicker.
_LARGE_MEAN = 40.0


def number(*parts: object) -> int:
    """A 128-bit number that these parts, and only they, decide."""
    name = "\x1f".join(map(str, parts)).encode()
    return int.from_bytes(blake2b(name, digest_size=16).digest())


def fraction(*parts: object) -> float:
    """A number from 0 up to 1, never 1."""
    return (number(*parts) >> 75) / (1 << 53)


def poisson(mean: float, draw: float) -> int:
    """How many arrivals a draw from 0 to 1 stands for. A larger mean never gives fewer."""
    if mean > _LARGE_MEAN:
        return max(0, round(mean + sqrt(mean) * NORMAL.inv_cdf(draw or 1e-12)))
    count, term = 0, exp(-mean)
    total = term
    while draw > total and term > 0.0:
        count += 1
        term *= mean / count
        total += term
    return count


def uuid7(milliseconds: int, rest: int) -> str:
    """A UUIDv7 whose random bits are the low bits of `rest`."""
    low = rest & _MASK_62
    digits = (
        f"{milliseconds & _MASK_48:012x}7{rest >> 62 & 0xFFF:03x}{0x8000000000000000 | low:016x}"
    )
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
