"""What `make run` and `make stop` do, once the virtual environment is there.

python -m config.launch run [--port 8000] [--host 127.0.0.1] [--demo]
python -m config.launch stop
"""

from __future__ import annotations

import argparse
import errno
import os
import shlex
import signal
import socket
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from config import embedded
from config.console import Console
from config.embedded.lifecycle import explained, stop_server
from config.embedded.place import PROJECT, prepare
from config.embedded.servers import create_database
from config.limits import connections
from config.secrets import SIGN_INS, ensure_secrets
from config.supervisor import (
    AlreadyRunning,
    Program,
    StepFailed,
    Stopped,
    Supervisor,
    command,
    end_leftovers,
    is_held,
    read_state,
    supervising,
)

STOP_SECONDS = 100.0
LOOPBACK = {"127.0.0.1", "::1", "localhost"}
# For glibc, in the servers too: few arenas, and what was freed goes back to the system instead of
# being kept for the next large batch.
FRUGAL = {
    "MALLOC_ARENA_MAX": "2",
    "MALLOC_TRIM_THRESHOLD_": str(2**18),
    "MALLOC_MMAP_THRESHOLD_": str(2**20),
}
BACKFILL = ["--days", "3", "--scale", "0.1"]


@dataclass(frozen=True)
class Choices:
    """What the person asked for on the command line."""

    host: str
    port: int
    demo: bool

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


def main() -> int:
    choices = parse()
    console = Console()
    os.environ.update({**FRUGAL, **os.environ})
    try:
        if choices is None:
            return stop(embedded.var_directory(), console)
        return run(choices, console)
    except (embedded.EmbeddedError, StepFailed) as error:
        console.say(str(error), level="error")
        return 1


def parse() -> Choices | None:
    parser = argparse.ArgumentParser(prog="python -m config.launch")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("stop")
    running = verbs.add_parser("run")
    running.add_argument("--host", default="127.0.0.1")
    running.add_argument("--port", type=int, default=8000)
    running.add_argument("--demo", action="store_true")
    given = parser.parse_args()
    return Choices(given.host, given.port, given.demo) if given.verb == "run" else None


# -- run ---------------------------------------------------------------------------------------


def run(choices: Choices, console: Console) -> int:
    where = embedded.place()
    with explained(where):
        prepare_directories(where)
        try:
            with supervising(where.var, console, {"url": choices.url}) as supervisor:
                bring_up(supervisor, where, choices)
                supervisor.watch()
        except AlreadyRunning:
            return refuse(where, console)
        except Stopped as stopped:
            console.say(f"stopped ({stopped})")
    return 0


def prepare_directories(where: embedded.Place) -> None:
    try:
        where.var.mkdir(parents=True, exist_ok=True)
    except (FileNotFoundError, FileExistsError):  # As in /proc, or where a file is.
        raise embedded.EmbeddedError(
            f"No directory can be made at {where.var}. Choose another: make run VAR=/some/dir"
        ) from None
    if uses_embedded():
        prepare(where)
    where.logs.mkdir(parents=True, exist_ok=True)
    ensure_secrets(where.var)


def refuse(where: embedded.Place, console: Console) -> int:
    state = read_state(where.var)
    console.say(
        f"Throughline already runs in {where.var} ({state.facts['url'] if state else 'starting'}). "
        "`make stop` ends it; `make run PORT=... VAR=...` starts another beside it.",
        level="error",
    )
    return 1


def bring_up(supervisor: Supervisor, where: embedded.Place, choices: Choices) -> None:
    began = time.monotonic()
    check_port(choices)
    supervisor.console.say(f"starting in {where.var}")
    start_servers(supervisor, where)
    base = environment(choices)
    supervisor.run("preparing the database", python("-m", "config.prepare"), base)
    for program in programs(choices, base):
        supervisor.start(program)
    supervisor.console.say(f"up after {time.monotonic() - began:.1f} s", level="good")
    if choices.demo:
        supervisor.console.say(f"Throughline is at {choices.url}", level="good")
        start_demo(supervisor, where, base)
    greet(supervisor.console, where, choices)


def check_port(choices: Choices) -> None:
    if not 0 < choices.port < 2**16:
        raise embedded.EmbeddedError("A port lies between 1 and 65535: make run PORT=8123")
    family = socket.AF_INET6 if ":" in choices.host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((choices.host, choices.port))
        except OSError as error:
            raise embedded.EmbeddedError(port_message(choices, error)) from None


def port_message(choices: Choices, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {choices.port} is taken by another program. Try: make run PORT=8123"
    if error.errno == errno.EACCES:
        return f"Port {choices.port} needs privileges. Choose one above 1023: make run PORT=8123"
    return f"Cannot listen on {choices.host}:{choices.port}: {error.strerror}."


def uses_embedded() -> bool:
    return not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL"))


def start_servers(supervisor: Supervisor, where: embedded.Place) -> None:
    """Those that no URL replaces, as our own children: a run started otherwise is taken over."""
    replaced = {"postgres": "DATABASE_URL", "redis": "REDIS_URL"}
    for server in embedded.SERVERS:
        if os.environ.get(replaced[server.name]):
            continue
        stop_server(server, where)
        supervisor.start(server_program(server, where), timeout=300)
        if server.name == "postgres":
            create_database(where)


def server_program(server: embedded.Server, where: embedded.Place) -> Program:
    return Program(
        name=server.name,
        spawn=lambda log: server.command(where).popen(log=log),
        is_ready=lambda: server.answers(where),
        stop_signal=server.stop_signal,
        grace=60.0,
        is_server=True,
        quiet=True,
    )


def environment(choices: Choices) -> dict[str, str]:
    """What every process of this instance is told; a shell's own THROUGHLINE_* settings win."""
    told = {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "THROUGHLINE_DEMO": "1" if choices.demo else "0",
        "PYTHONUNBUFFERED": "1",
        # Celery then finishes its tasks at the first SIGTERM, within the soft shutdown time.
        "REMAP_SIGTERM": "SIGQUIT",
    }
    if choices.demo:
        # A network of a tenth: what fails many there fails ten in a quarter of an hour.
        told["THROUGHLINE_STORM_CASES"] = "10"
    if choices.host in LOOPBACK:
        told["THROUGHLINE_HTTPS"] = "0"
    return {
        **told,
        **{k: v for k, v in os.environ.items() if k in told and k != "THROUGHLINE_DEMO"},
    }


def python(*words: str) -> list[str]:
    return [sys.executable, *words]


def programs(choices: Choices, base: dict[str, str]) -> list[Program]:
    def program(name: str, *words: str, **more: Any) -> Program:
        told = {**base, "THROUGHLINE_PROCESS": name}
        return Program(name, command(python(*words), told), **more)

    return [
        program("web", *web_words(choices), is_ready=answers(f"{choices.url}/healthz")),
        program("worker", "-m", "config.worker", grace=20.0),
        program("beat", "-m", "config.beat"),
        program("sweep", "manage.py", "sweep"),
    ]


def web_words(choices: Choices) -> list[str]:
    """Few processes, with few threads of our own: each thread keeps a database connection."""
    return [
        *("-m", "granian", "--interface", "rsgi", "config.web:application"),
        *("--http", "1", "--no-ws", "--host", choices.host, "--port", str(choices.port)),
        *("--workers", os.environ.get("THROUGHLINE_WEB_PROCESSES", "1")),
        *("--backpressure", str(connections())),
        *("--respawn-failed-workers", "--no-access-log", "--log-level", "warning"),
        *("--log-config", str(PROJECT / "config/granian.json"), "--workers-kill-timeout", "10"),
    ]


def answers(url: str) -> Callable[[], bool]:
    def ask() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=1) as response:  # noqa: S310  our own http
                return bool(response.status == 200)
        except OSError:
            return False

    return ask


def start_demo(supervisor: Supervisor, where: embedded.Place, base: dict[str, str]) -> None:
    """A short history once, then traffic for as long as we run."""
    simulate = python("manage.py", "simulate", "--url", supervisor.facts["url"])
    filled = where.var / "demo-history"
    if not filled.exists():
        supervisor.console.say("open it now; three days of history are being written meanwhile")
        try:
            supervisor.run("writing the demo's history", [*simulate, *BACKFILL], base)
            filled.touch()
        except StepFailed as error:
            # The product itself is up: a demo that cannot speak to it must not end it.
            supervisor.console.say(str(error), level="error")
    told = {**base, "THROUGHLINE_PROCESS": "demo"}
    supervisor.start(Program("demo", command([*simulate, "--live"], told)))


def greet(console: Console, where: embedded.Place, choices: Choices) -> None:
    console.say(f"Throughline is at {choices.url}", level="good")
    people = where.var / SIGN_INS
    if choices.demo and people.exists():
        console.say("Sign in as one of:\n" + people.read_text().rstrip())
    elif not choices.demo:
        account = f"{elsewhere(where, 'THROUGHLINE_VAR')}.venv/bin/python manage.py createsuperuser"
        console.say(f"Make the first account with: {account}")
    stopping = f"{elsewhere(where, 'VAR')}make stop"
    console.say(f"Ctrl-C or `{stopping}` ends it; logs are in {where.logs}")


def elsewhere(where: embedded.Place, name: str) -> str:
    """What must stand before a command so that it means this instance."""
    return "" if where.var == PROJECT / "var" else f"{name}={shlex.quote(str(where.var))} "


# -- stop --------------------------------------------------------------------------------------


def stop(var: Path, console: Console) -> int:
    """End the run of this directory and wait until it has ended."""
    state = read_state(var)
    if not is_held(var) or state is None:
        end_leftovers(state, console)
        embedded.stop()
        console.say(f"nothing runs in {var}")
        return 0
    os.kill(state.pid, signal.SIGTERM)
    end = time.monotonic() + STOP_SECONDS
    while is_held(var):
        if time.monotonic() > end:
            raise StepFailed(
                f"the run in {var} (pid {state.pid}) did not stop in {STOP_SECONDS:.0f} s"
            )
        time.sleep(0.1)
    console.say("stopped")
    return 0


if __name__ == "__main__":
    os.chdir(PROJECT)
    sys.exit(main())
