"""python -m config.embedded start|stop|status"""

import argparse
import sys

from config.embedded.lifecycle import SERVERS, start, stop
from config.embedded.place import EmbeddedError, Place, place, postgres_url, redis_url


def report(where: Place) -> int:
    """Say what runs and where; the exit status is the one init scripts use."""
    for server in SERVERS:
        pid = server.pid(where)
        print(f"{server.name:<9} {f'running, pid {pid}' if pid else 'stopped'}")
    print(f"database  {postgres_url(where)}\nbroker    {redis_url(where)}")
    return 0 if all(server.pid(where) for server in SERVERS) else 3


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m config.embedded")
    parser.add_argument("verb", choices=["start", "stop", "status"])
    verb = parser.parse_args().verb
    try:
        where = place()
        if verb == "start":
            start(where)
        elif verb == "stop":
            stop(where)
    except EmbeddedError as error:
        print(f"throughline: {error}", file=sys.stderr)
        return 1
    return report(where) if verb != "stop" else 0


if __name__ == "__main__":
    sys.exit(main())
