"""The product under measurement: its own servers and processes, started the way `make run` does."""

import os
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import django
import psycopg
from psycopg import sql

from bench import process
from config import embedded, launch
from config.console import Console
from config.supervisor import (
    Program,
    Supervisor,
    command,
    end_leftovers,
    hold,
    lock_path,
    read_state,
    state_path,
)

HOST = "127.0.0.1"
PATIENCE_SECONDS = 120.0
CALM_SECONDS = 0.15
DATABASE = "throughline"


@dataclass
class Instance:
    """One directory with PostgreSQL, Valkey and as many of the product's processes as wanted."""

    var: Path
    console: Console = field(default_factory=Console)

    def __enter__(self) -> Self:
        self.place = embedded.place(self.var)
        launch.prepare_directories(self.place)
        self.lock = hold(lock_path(self.var))
        end_leftovers(read_state(self.var), self.console)
        self.supervisor = Supervisor(self.var, self.console, {"url": "measured"})
        signal.signal(signal.SIGTERM, lambda *_: self._leave())
        try:
            launch.start_servers(self.supervisor, self.place)
            self._make_database()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(Exception):
            django.db.connections.close_all()
        self.supervisor.stop()
        state_path(self.var).unlink(missing_ok=True)
        self.lock.close()

    def _leave(self) -> None:
        raise SystemExit("ended by SIGTERM")

    # -- databases -----------------------------------------------------------------------------

    def _make_database(self) -> None:
        """A new database each time, so that no figure depends on an earlier run."""
        self.drop(DATABASE)
        embedded.servers.create_database(self.place)
        self._prepare()
        django.setup()

    def _prepare(self) -> None:
        choices = self._choices()
        self.supervisor.run(
            "preparing the database",
            launch.python("-m", "config.prepare"),
            launch.environment(choices),
        )

    def drop(self, name: str) -> None:
        statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        self._administer(statement.format(sql.Identifier(name)))

    def copy(self, name: str) -> None:
        """A database like the one at hand, which nobody may use meanwhile."""
        django.db.connections.close_all()
        self._administer(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(
                sql.Identifier(name), sql.Identifier(DATABASE)
            )
        )

    def has(self, name: str) -> bool:
        with self._administrator() as server:
            found = server.execute("SELECT FROM pg_database WHERE datname = %s", [name])
            return found.fetchone() is not None

    def _administer(self, statement: sql.Composed) -> None:
        with self._administrator() as server:
            server.execute(statement)

    def _administrator(self) -> psycopg.Connection:
        url = embedded.postgres_url(self.place, database="postgres")
        return psycopg.connect(url, autocommit=True)

    # -- processes -----------------------------------------------------------------------------

    @contextmanager
    def running(self, *names: str, database: str = DATABASE) -> Iterator["Running"]:
        """The product's processes of these names (web, worker, beat, sweep); ended afterwards."""
        choices = self._choices()
        base = launch.environment(choices) | {
            "DATABASE_URL": embedded.postgres_url(self.place, database=database),
            "REDIS_URL": embedded.redis_url(self.place),
        }
        wanted = [one for one in launch.programs(choices, base) if one.name in names]
        with self.programs(wanted):
            self._wait_until_calm(names)
            yield Running(self, choices.url, list(names), self.pid(names[-1]))

    def _wait_until_calm(self, names: Sequence[str]) -> None:
        """Until the processes that were started have read their code and only wait for work."""
        end = time.monotonic() + PATIENCE_SECONDS
        used, before = self.cpu_seconds(*names), -1.0
        while used - before > CALM_SECONDS and time.monotonic() < end:
            time.sleep(1.0)
            used, before = self.cpu_seconds(*names), used

    @contextmanager
    def programs(self, wanted: Sequence[Program]) -> Iterator[None]:
        """These programs, ended afterwards."""
        before = len(self.supervisor.children)
        try:
            for program in wanted:
                self.supervisor.start(program)
            yield
        finally:
            mine = self.supervisor.children[before:]
            for child in mine:
                if child.process:
                    child.process.send_signal(child.program.stop_signal)
            for child in mine:
                if child.process:
                    self.supervisor._wait_for(child, child.process)
            del self.supervisor.children[before:]

    def _choices(self) -> launch.Choices:
        return launch.Choices(HOST, free_port(), demo=False)

    def pid(self, name: str) -> int:
        """The process that leads this program, servers included."""
        for child in reversed(self.supervisor.children):
            if child.program.name == name and child.process:
                return child.process.pid
        raise LookupError(name)

    def cpu_seconds(self, *names: str) -> float:
        """What these programs have used since they started, with all their children."""
        return process.cpu_seconds(self.pid(name) for name in names)

    def memory(self, *names: str) -> process.Memory:
        """What these programs hold now, with all their children."""
        return process.memory(self.pid(name) for name in names)


@dataclass(frozen=True)
class Running:
    """Processes at work, where to reach them, and the pid of the one started last."""

    instance: Instance
    url: str
    names: list[str]
    last_pid: int

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stopped in their tracks, so that something else has the machine to itself."""
        groups = [self.instance.pid(name) for name in self.names]
        for group in groups:
            os.killpg(group, signal.SIGSTOP)
        try:
            yield
        finally:
            for group in groups:
                os.killpg(group, signal.SIGCONT)


def reference_program(
    url_port: int, instance: Instance, words: Sequence[str], database: str = DATABASE
) -> Program:
    """A program that is not the product's, on the same database server."""
    told = {
        "DATABASE_URL": embedded.postgres_url(instance.place, database=database),
        "DJANGO_SETTINGS_MODULE": "bench.reference.settings",
    }
    url = f"http://{HOST}:{url_port}/"
    return Program("reference", command(words, told), is_ready=launch.answers(url))


def wait_until_scored() -> None:
    """Until nothing waits: every journal row folded, every delta in the rollups."""
    from apps.scorecards.compaction import deltas_wait
    from apps.telemetry.journal import waiting

    end = time.monotonic() + PATIENCE_SECONDS
    while waiting().waiting_batches or deltas_wait():
        if time.monotonic() > end:
            raise TimeoutError("events wait and nobody folds them")
        time.sleep(0.05)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
