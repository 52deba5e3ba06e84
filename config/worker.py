"""Celery's worker as we run it: python -m config.worker

Not by the `celery` command, which loads an interactive shell that stays in memory. Its pool is made
of processes, since a fold is bound by the processor; THROUGHLINE_WORKER_PROCESSES says how many.
"""

import os
import sys

from config.celery import app


def processes() -> int:
    """Half the cores, since the web and PostgreSQL want theirs and the sweeper folds too."""
    return int(os.environ.get("THROUGHLINE_WORKER_PROCESSES") or max(1, (os.cpu_count() or 2) // 2))


def main() -> int:
    # Gossip and mingling tell workers about each other; ours need only PostgreSQL for that.
    worker = app.Worker(
        concurrency=processes(),
        loglevel="INFO",
        quiet=True,
        without_gossip=True,
        without_mingle=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


if __name__ == "__main__":
    sys.exit(main())
