"""How each server is started, recognised and asked whether it is ready."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import socket
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from config.embedded.binaries import postgres_home, redis_binary
from config.embedded.place import DATABASE, Account, EmbeddedError, Place, identity

# Sized so that the whole product stays below 400 MiB on a laptop. A larger machine sets its own
# below the include line in postgres/postgresql.conf: that file is written once and never again.
POSTGRES_SETTINGS = {
    "listen_addresses": "''",
    "max_connections": "60",
    # All of it counts as soon as it was touched; what does not fit is in the system's own cache.
    "shared_buffers": "64MB",
    "effective_cache_size": "4GB",
    "work_mem": "32MB",
    "maintenance_work_mem": "128MB",
    "autovacuum_work_mem": "8MB",
    "max_wal_size": "4GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "wal_compression": "off",  # its CPU costs the writer more than the bytes it saves
    "synchronous_commit": "on",  # 202 means on disk
    "fsync": "on",
    "random_page_cost": "1.1",
    "jit": "off",  # compiling costs more than these short statements
    # So does starting workers: it doubles what a reader of a window waits for.
    "max_parallel_workers_per_gather": "0",
    "io_method": "worker",
    # A sample of 7,500 rows: statements find rows by key, and large ones look at their own facts.
    "default_statistics_target": "25",
    "autovacuum_max_workers": "2",  # one for what is large, one for what turns over
    "autovacuum_naptime": "10s",  # the journal and the deltas turn over all day
    "enable_partitionwise_aggregate": "on",
    "enable_partitionwise_join": "on",
    "shared_preload_libraries": "'pg_stat_statements'",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "logging_collector": "off",
    # Statements and their values may name patients, so neither reaches the log.
    "log_parameter_max_length_on_error": "0",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
}
NAMES = "SELECT datname FROM pg_database"
CREATE = f"CREATE DATABASE {DATABASE}"


@dataclass(frozen=True)
class Command:
    """A server about to be started, by `lifecycle` or by the supervisor."""

    argv: list[str]
    account: Account | None
    environment: Mapping[str, str] = field(default_factory=dict)

    def popen(self, *, log: Path) -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            return subprocess.Popen(
                self.argv,
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={**os.environ, **self.environment},
                **identity(self.account),
            )


@dataclass(frozen=True)
class Server:
    """What differs between the two servers."""

    name: str
    command: Callable[[Place], Command]
    pid: Callable[[Place], int | None]
    answers: Callable[[Place], bool]
    stop_signal: signal.Signals


def is_running(pid: int, marker: str) -> bool:
    """Whether `pid` is alive and still the process we mean: pids are reused, zombies linger."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    if not Path("/proc/self/stat").exists():
        return True
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        return state != "Z" and os.fsencode(marker) in Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


def first_number(path: Path) -> int | None:
    """The pid in a pid file, if there is one that we may read."""
    try:
        return int(path.read_text().split()[0])
    except (FileNotFoundError, PermissionError, IndexError, ValueError):
        return None


def run_as(where: Place, *argv: object) -> str:
    """Run one of PostgreSQL's programs to its end, as the server's account."""
    result = subprocess.run(
        [str(part) for part in argv],
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        **identity(where.account),
    )
    if result.returncode:
        raise EmbeddedError(f"{Path(str(argv[0])).name} failed:\n{result.stderr.strip()}")
    return result.stdout.strip()


# -- PostgreSQL --------------------------------------------------------------------------------


def postgres_command(where: Place) -> Command:
    home = prepare_postgres(where)
    # A stale postmaster.pid whose number now belongs to somebody else stops the start. Removing
    # the file is a race; the postmaster ignores the pid that this variable names.
    stale = first_number(where.postgres / "postmaster.pid")
    environment = {"PG_GRANDPARENT_PID": str(stale)} if stale else {}
    argv = [str(home / "bin/postgres"), "-D", str(where.postgres)]
    return Command(argv=argv, account=where.account, environment=environment)


def prepare_postgres(where: Place) -> Path:
    """Make the cluster the first time, write our settings each time."""
    home = postgres_home(where)
    if not (where.postgres / "PG_VERSION").exists():
        check_name()
        # Trust, because the socket's directory lets only the server's account in. The wheel is
        # built without ICU, so the builtin provider gives one order on every machine.
        run_as(where, home / "bin/initdb", "-D", where.postgres, "-U", DATABASE, "-E", "UTF8",
               "--auth=trust", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
               "--locale=C")  # fmt: skip
    include_settings(where.postgres / "postgresql.conf")
    sockets = {
        "unix_socket_directories": f"'{where.sockets}'",
        "unix_socket_permissions": "0700",
    }
    lines = [f"{name} = {value}\n" for name, value in {**POSTGRES_SETTINGS, **sockets}.items()]
    (where.postgres / "throughline.conf").write_text("".join(lines))
    (where.postgres / "throughline.conf").chmod(0o644)
    return home


def check_name() -> None:
    """initdb looks the user up; containers like to run under a number that has no name."""
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        raise EmbeddedError(
            f"User id {os.geteuid()} has no name in /etc/passwd, which PostgreSQL insists on. "
            "Give it one, or set DATABASE_URL and REDIS_URL to servers of your own."
        ) from None


def include_settings(path: Path) -> None:
    """Once, also when an earlier first start was cut off between initdb and this line."""
    include = "include_if_exists 'throughline.conf'"
    text = path.read_text()
    if include not in text:
        path.write_text(f"{text}\n{include}\n# Your own settings go below.\n")


def postgres_pid(where: Place) -> int | None:
    pid = first_number(where.postgres / "postmaster.pid")
    return pid if pid and is_running(pid, str(where.postgres)) else None


def postgres_answers(where: Place) -> bool:
    try:
        state = (where.postgres / "postmaster.pid").read_text().splitlines()[7].strip()
    except (FileNotFoundError, IndexError):
        return False
    return state == "ready" and postgres_pid(where) is not None and accepts(where.postgres_socket)


def accepts(path: Path) -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        probe.connect(str(path))
        return True
    return False


def create_database(where: Place) -> None:
    """By psql from the wheel: the supervisor, which calls this, holds no database driver."""
    psql = [postgres_home(where) / "bin/psql", "-XtA", "-h", where.sockets, "-U", DATABASE]
    if DATABASE not in run_as(where, *psql, "-d", "postgres", "-c", NAMES).split():
        run_as(where, *psql, "-d", "postgres", "-c", CREATE)


# -- Valkey ------------------------------------------------------------------------------------


def redis_command(where: Place) -> Command:
    # Valkey goes on without one that it cannot overwrite, as one of another account, and then
    # nobody knows its pid.
    (where.redis / "redis.pid").unlink(missing_ok=True)
    argv = [
        str(redis_binary(where)),
        *("--port", "0", "--unixsocket", str(where.redis_socket), "--unixsocketperm", "700"),
        *("--dir", str(where.redis), "--pidfile", str(where.redis / "redis.pid")),
        *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        *("--maxmemory-policy", "noeviction", "--daemonize", "no"),
    ]
    return Command(argv=argv, account=where.account)


def redis_pid(where: Place) -> int | None:
    pid = first_number(where.redis / "redis.pid")
    # The server shows its socket in its title, which tells two instances apart.
    return pid if pid and is_running(pid, str(where.redis_socket)) else None


def redis_answers(where: Place) -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        probe.connect(str(where.redis_socket))
        probe.sendall(b"PING\r\n")
        return probe.recv(64).startswith(b"+PONG")
    return False
