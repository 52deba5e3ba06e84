"""When two names or mail addresses are the same: in any case of letters, and no further.

The database also matches letters whose capitals are the same, like the Turkish i without a dot: an
address at somebody else's domain would pass for a person's own.
"""

from unicodedata import normalize


def is_same(one: str, other: str) -> bool:
    return normalize("NFKC", one).casefold() == normalize("NFKC", other).casefold()
