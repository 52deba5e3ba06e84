"""Addresses of pages by name."""

from functools import lru_cache

from django.urls import reverse

# Rows of lists point at people, facilities and transactions that lists have time and again.
MOST = 4096


@lru_cache(MOST, typed=True)
def address(name: str, *args: object) -> str:
    """`reverse`, worked out once: it takes as long as ten figures of a table. An instance has one
    URL conf, at the root of its host, and each application in it once."""
    return reverse(name, args=args)
