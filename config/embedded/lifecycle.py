"""Start, find and stop the two servers from any process, however the last run ended."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from config.embedded import servers
from config.embedded.place import EmbeddedError, Place, place, prepare
from config.embedded.servers import Server
from config.secrets import ensure_secrets

START_SECONDS = 300.0  # a crash recovery may replay gigabytes of log
DYING_SECONDS = 2.0  # the processes of a killed server hold its memory a moment longer
STOP_SECONDS = 60.0
POLL_SECONDS = 0.02

SERVERS = (
    Server(
        name="postgres",
        command=servers.postgres_command,
        pid=servers.postgres_pid,
        answers=servers.postgres_answers,
        stop_signal=signal.SIGINT,  # the fast stop; SIGTERM waits for every client to leave
    ),
    Server(
        name="redis",
        command=servers.redis_command,
        pid=servers.redis_pid,
        answers=servers.redis_answers,
        stop_signal=signal.SIGTERM,
    ),
)

# Servers this process started, kept so that it reaps them; they outlive it all the same.
_children: dict[int, subprocess.Popen[bytes]] = {}


def start(where: Place | None = None) -> Place:
    """Start what is not running and return when both answer; safe to call at any time."""
    where = where or place()
    with explained(where):
        prepare(where)
        ensure_secrets(where.var)
        with locked(where):
            try:
                bring_up(where)
            except EmbeddedError:
                # What answered a moment ago may have been dying: a socket takes callers to its end.
                time.sleep(DYING_SECONDS / 4)
                bring_up(where)
    return where


def bring_up(where: Place) -> None:
    for server in SERVERS:
        start_server(server, where)
    servers.create_database(where)


def start_server(server: Server, where: Place) -> None:
    log = where.logs / f"{server.name}.log"
    process = None
    begin = time.monotonic()
    while not server.answers(where):
        # Asked each time round: the one that ran a moment ago may have been dying.
        if process is None and server.pid(where) is None:
            process = server.command(where).popen(log=log)
            _children[process.pid] = process
        if process is not None and process.poll() is not None:
            if time.monotonic() - begin > DYING_SECONDS:
                raise EmbeddedError(f"{server.name} did not start; {log} ends with:\n{tail(log)}")
            process = None
        if time.monotonic() - begin > START_SECONDS:
            raise EmbeddedError(f"{server.name} does not answer after {START_SECONDS:.0f} s: {log}")
        time.sleep(POLL_SECONDS)


def stop(where: Place | None = None) -> None:
    where = where or place()
    for server in reversed(SERVERS):
        stop_server(server, where)
    reap()


def reap() -> None:
    """Collect those of our children that have ended, by us or by somebody else."""
    for pid, process in list(_children.items()):
        if process.poll() is not None:
            del _children[pid]


def stop_server(server: Server, where: Place) -> None:
    pid = server.pid(where)
    if pid is None:
        return
    os.kill(pid, server.stop_signal)
    end = time.monotonic() + STOP_SECONDS
    while server.pid(where) is not None:
        reap()
        if time.monotonic() > end:
            raise EmbeddedError(f"{server.name} (pid {pid}) did not stop in {STOP_SECONDS:.0f} s.")
        time.sleep(POLL_SECONDS)


@contextlib.contextmanager
def locked(where: Place) -> Iterator[None]:
    """One start at a time: two would both see no server and race for the data directory."""
    with (where.var / "embedded.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


# What a directory answers that nobody may write to.
NOT_OURS = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR}


@contextlib.contextmanager
def explained(where: Place) -> Iterator[None]:
    """Turn what the file system says into something a person can act on."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise EmbeddedError(f"The disk that holds {where.var} is full.") from error
        if error.errno in NOT_OURS:
            raise EmbeddedError(
                f"Cannot use {error.filename or where.var} ({error.strerror or 'no permission'}). "
                "Choose a directory of your own: make run VAR=/some/dir"
            ) from error
        raise


def tail(path: Path, *, characters: int = 1500) -> str:
    with contextlib.suppress(FileNotFoundError):
        return path.read_text(errors="replace")[-characters:].strip()
    return "(nothing)"
