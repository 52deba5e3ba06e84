"""How many connections a web process may hold: each takes a file descriptor."""

import resource

MOST = 4_096
# Files, database connections and the server's own.
OTHERS = 256


def connections() -> int:
    """As many as the system lets us; beyond that they wait in the kernel until one ends."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return MOST if hard == resource.RLIM_INFINITY else max(1, min(MOST, hard - OTHERS))


def make_room() -> None:
    """Raise this process's own limit of open files, which is often 1,024, to what that needs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections() + OTHERS
    if soft != resource.RLIM_INFINITY and soft < needed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
