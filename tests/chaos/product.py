"""The product under test: started as `make run` starts it, in a directory and on a port of its own.

The engine stands where an init system would: it starts the supervisor again when that was killed.
Everything else comes back by the product's own doing.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

import psutil

from config import embedded
from config.embedded.place import PROJECT
from config.supervisor import is_held, read_state

PROGRAMS = ("postgres", "redis", "web", "worker", "beat", "sweep")
# In the environment of every process of the instance, and of nothing else.
MARK = "THROUGHLINE_CHAOS"
START_SECONDS = 180.0
STOP_SECONDS = 90.0
POLL_SECONDS = 0.02


class NotUp(Exception):
    """The product did not come up or did not end."""


@dataclass
class Product:
    """One instance and the supervisor that runs it now."""

    var: Path
    port: int
    environment: Mapping[str, str] = field(default_factory=dict)
    supervisor: subprocess.Popen[bytes] | None = None
    starts: int = 0

    @property
    def output(self) -> Path:
        """What the supervisor says, over all its lives."""
        return self.var / "log" / "run.log"

    def start(self) -> None:
        """Start the supervisor and return at once."""
        self.output.parent.mkdir(parents=True, exist_ok=True)
        with self.output.open("ab") as output:
            self.supervisor = subprocess.Popen(
                [sys.executable, "-m", "config.launch", "run", "--port", str(self.port)],
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={**os.environ, **self.environment},
            )
        self.starts += 1

    def start_if_ended(self) -> None:
        """As an init system does with a service that failed."""
        if self.supervisor is None or self.supervisor.poll() is not None:
            self.start()

    def wait_until_up(self) -> None:
        end = time.monotonic() + START_SECONDS
        while not self._is_up():
            if self.supervisor is None or self.supervisor.poll() is not None:
                raise NotUp(f"the supervisor ended; see {self.output}")
            if time.monotonic() > end:
                raise NotUp(f"not up after {START_SECONDS:.0f} s; see {self.output}")
            time.sleep(0.1)

    def _is_up(self) -> bool:
        """By the state of this supervisor: that of a killed one, and its children, may linger."""
        state = read_state(self.var)
        is_current = bool(state and self.supervisor and state.pid == self.supervisor.pid)
        return is_current and self.main("sweep") is not None and answers(self.port)

    def main(self, name: str) -> psutil.Process | None:
        """The process the supervisor runs under this name, if it lives."""
        state = read_state(self.var)
        pid, _ = state.children.get(name, (0, "")) if state else (0, "")
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid) if pid else None
            if process and process.status() != psutil.STATUS_ZOMBIE:
                return process
        return None

    def children(self, name: str) -> list[psutil.Process]:
        """The processes below a program, alive."""
        main = self.main(name)
        with contextlib.suppress(psutil.NoSuchProcess):
            return main.children() if main else []
        return []

    def processes(self) -> list[psutil.Process]:
        """Every process of this instance, orphans too."""
        return [one for one in psutil.process_iter() if self._is_ours(one)]

    def _is_ours(self, process: psutil.Process) -> bool:
        """Ours by the environment; the servers overwrite theirs, but live in their data."""
        if process.pid == os.getpid():
            return False
        with contextlib.suppress(psutil.Error):
            if process.environ().get(MARK) == str(self.var):
                return True
        with contextlib.suppress(psutil.Error):
            return Path(process.cwd()).is_relative_to(embedded.place(self.var).home)
        return False

    def stop(self) -> int:
        """End it as `make stop` does; the exit status of the supervisor."""
        if self.supervisor is None:
            raise NotUp("never started")
        self.supervisor.send_signal(signal.SIGTERM)
        return self.supervisor.wait(STOP_SECONDS)

    def end_by_force(self) -> None:
        """Whatever happened: leave nothing running. The supervisor first, or it would restart."""
        if self.supervisor and self.supervisor.poll() is None:
            self.supervisor.kill()
            self.supervisor.wait()
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()

    def run(self, *words: str) -> str:
        """Run one of the product's own commands; what it prints."""
        result = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=PROJECT,
            env={**os.environ, **self.environment},
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return result.stdout.strip()


def answers(port: int) -> bool:
    try:
        with urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def clear(var: Path) -> None:
    """Begin with nothing; a directory that is in use, or is not one of ours, is left alone."""
    if is_held(var):
        raise NotUp(f"another run uses {var}")
    if var.exists() and not (var / "chaos").exists():
        raise NotUp(f"{var} was not made by a chaos run")
    where = embedded.place(var)
    embedded.stop(where)
    for directory in {where.home, where.sockets, where.var}:
        shutil.rmtree(directory, ignore_errors=True)
    var.mkdir(parents=True)
    (var / "chaos").touch()
