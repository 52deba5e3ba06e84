"""A fold worker that can be started by the clock: python -m bench.folder

The product's own fold without Celery around it, so that several begin at the same moment and each
says how long it took. Every line on stdin is one run: fold until nothing waits.
"""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec


class Turn(msgspec.Struct):
    """What one worker did, and when by the clock of the machine."""

    events: int
    began: float
    ended: float


@contextmanager
def folders(count: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """So many workers, ready to fold."""
    crew = [_start() for _ in range(count)]
    try:
        for one in crew:
            assert one.stdout and one.stdout.readline()
        yield crew
    finally:
        for one in crew:
            assert one.stdin
            one.stdin.close()
            one.wait()


def _start() -> subprocess.Popen[bytes]:
    words = [sys.executable, "-m", "bench.folder"]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE)


def fold_together(crew: Sequence[subprocess.Popen[bytes]]) -> float:
    """Let all begin at once; events a second from the first start to the last end."""
    for one in crew:
        assert one.stdin
        one.stdin.write(b"go\n")
        one.stdin.flush()
    turns = []
    for one in crew:
        assert one.stdout
        turns.append(msgspec.json.decode(one.stdout.readline(), type=Turn))
    lasted = max(turn.ended for turn in turns) - min(turn.began for turn in turns)
    return sum(turn.events for turn in turns) / lasted


def main() -> None:
    import django

    django.setup()
    from django.db import transaction

    from apps.pipeline import services
    from apps.telemetry import fold

    with transaction.atomic():
        fold.prepare_session()
    print("ready", flush=True)
    for _ in sys.stdin:
        began = time.time()
        events = services.fold_waiting(seconds=600)
        sys.stdout.write(msgspec.json.encode(Turn(events, began, time.time())).decode() + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
