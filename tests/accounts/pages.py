"""Every address that somebody may look at, as the role matrix has it."""

from collections.abc import Iterator

from tests.accounts.everybody import CODES
from tests.accounts.test_matrix import EXPECTED

# Who is asked first: the roles that see most of what there is.
FIRST = ["IL", "CA", "AD", *CODES]


def pages() -> Iterator[tuple[str, str]]:
    """The name of each address that answers GET, and a role that it answers."""
    for (method, name, what), answers in EXPECTED.items():
        if (method, what) == ("GET", "own") and not name.startswith("admin:"):
            who = next((role for role in FIRST if answers[role] == 200), "")
            if who:
                yield name, who
