"""A small process manager: start in order, restart with back-off, stop cleanly.

Standard library only and one thread. docs/operations.md says why it is not one of the existing
ones. It knows nothing of Throughline; config/launch.py does.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import FrameType
from typing import IO

from config.console import Console, LogFile

POLL_SECONDS = 0.1
FIRST_PAUSE = 0.2
# Also how long the product stays away after an outage that is over.
LONGEST_PAUSE = 6.0
# A process that ran this long was well: its next fall starts again with the shortest pause.
WELL_AFTER = 10.0
KILL_SECONDS = 5.0
# While it comes up for the first time; later falls are unlimited.
MOST_FALLS = 3


class AlreadyRunning(Exception):
    """Another supervisor holds this directory."""


class StepFailed(Exception):
    """A process that had to end well, or to become ready, did not."""


class Stopped(Exception):
    """A signal asked us to stop."""


@dataclass(frozen=True)
class Program:
    """Something to keep running."""

    name: str
    spawn: Callable[[Path], subprocess.Popen[bytes]]
    is_ready: Callable[[], bool] = lambda: True
    stop_signal: signal.Signals = signal.SIGTERM
    grace: float = 15.0
    # Servers are stopped after everything that talks to them.
    is_server: bool = False
    quiet: bool = False


@dataclass
class Child:
    """A program with the process that runs it now, if any."""

    program: Program
    log: LogFile
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = FIRST_PAUSE
    resume_at: float = 0.0
    restarts: int = 0


def command(
    argv: Sequence[str], environment: Mapping[str, str]
) -> Callable[[Path], subprocess.Popen[bytes]]:
    """How to spawn an ordinary command, in a session of its own so that Ctrl-C reaches only us."""

    def spawn(log: Path) -> subprocess.Popen[bytes]:
        with log.open("ab") as output:
            return subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env={**os.environ, **environment},
            )

    return spawn


@dataclass(frozen=True)
class State:
    """What a supervisor leaves in its directory for `make stop` and for its successor."""

    pid: int
    facts: Mapping[str, str] = field(default_factory=dict)
    # Name -> pid and when it started, which tells a reused pid apart.
    children: Mapping[str, tuple[int, str]] = field(default_factory=dict)


@contextlib.contextmanager
def supervising(
    directory: Path, console: Console, facts: Mapping[str, str]
) -> Iterator[Supervisor]:
    """Hold the directory, clear up after a predecessor that was killed, stop all at the end."""
    with hold(lock_path(directory)):
        end_leftovers(read_state(directory), console)
        supervisor = Supervisor(directory, console, facts)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, supervisor.ask_to_stop)
        supervisor.write_state()
        try:
            yield supervisor
        finally:
            supervisor.stop()
            state_path(directory).unlink(missing_ok=True)


@dataclass
class Supervisor:
    """Everything that runs under one directory."""

    directory: Path
    console: Console
    facts: Mapping[str, str]
    children: list[Child] = field(default_factory=list)
    asked: str = ""

    def ask_to_stop(self, number: int, _: FrameType | None) -> None:
        """The signal handler: only a note, so that no process is lost half started."""
        self.asked = signal.Signals(number).name

    def start(self, program: Program, *, timeout: float = 60.0) -> None:
        """Start it and keep the others going until it is ready."""
        log = LogFile(self.directory / "log" / f"{program.name}.log", program.name, program.quiet)
        child = Child(program, log)
        self.children.append(child)
        self._spawn(child)
        end = time.monotonic() + timeout
        while not program.is_ready():
            if time.monotonic() > end or child.restarts > MOST_FALLS:
                raise StepFailed(f"{program.name} does not come up; see {log.path}")
            self.tick()

    def run(self, name: str, argv: Sequence[str], environment: Mapping[str, str]) -> None:
        """Run a step to its end on this console, the others kept going meanwhile."""
        step = subprocess.Popen(
            argv, stdin=subprocess.DEVNULL, env={**os.environ, **environment}, process_group=0
        )
        try:
            while step.poll() is None:
                self.tick()
        except Stopped:
            step.terminate()
            raise
        if step.returncode:
            raise StepFailed(f"{name} failed (exit status {step.returncode})")

    def watch(self) -> None:
        """Keep everything running until a signal ends it."""
        while True:
            self.tick()

    def tick(self) -> None:
        if self.asked:
            raise Stopped(self.asked)
        for child in self.children:
            self._look_after(child)
            child.log.follow(self.console)
        time.sleep(POLL_SECONDS)

    def _look_after(self, child: Child) -> None:
        now = time.monotonic()
        if child.process is None:
            if now >= child.resume_at:
                self._spawn(child)
        elif child.process.poll() is not None:
            self._fell(child, child.process, now)

    def _spawn(self, child: Child) -> None:
        child.process = child.program.spawn(child.log.path)
        child.started = time.monotonic()
        self.write_state()

    def _fell(self, child: Child, process: subprocess.Popen[bytes], now: float) -> None:
        """Clear what it left behind and plan its return."""
        if now - child.started > WELL_AFTER:
            child.pause = FIRST_PAUSE
        how = ending(process.returncode)
        kill_group(process.pid)
        child.process, child.resume_at = None, now + child.pause
        child.restarts += 1
        self.console.say(
            f"{child.program.name} {how}; starting it again in {child.pause:.1f} s", level="warning"
        )
        child.pause = min(child.pause * 2, LONGEST_PAUSE)

    def stop(self) -> None:
        """First all that work, then the servers they work with, each within its grace."""
        for is_server in (False, True):
            group = [child for child in self.children if child.program.is_server is is_server]
            for child in group:
                if child.process:
                    child.process.send_signal(child.program.stop_signal)
            for child in group:
                if child.process:
                    self._wait_for(child, child.process)

    def _wait_for(self, child: Child, process: subprocess.Popen[bytes]) -> None:
        try:
            process.wait(child.program.grace)
        except subprocess.TimeoutExpired:
            self.console.say(f"{child.program.name} did not stop in time; killed", level="warning")
            process.kill()
            process.wait(KILL_SECONDS)
        kill_group(process.pid)
        child.log.follow(self.console)
        child.process = None

    def write_state(self) -> None:
        running = {c.program.name: c.process.pid for c in self.children if c.process}
        state = State(
            pid=os.getpid(),
            facts=self.facts,
            children={name: (pid, started_at(pid)) for name, pid in running.items()},
        )
        unfinished = state_path(self.directory).with_suffix(".unfinished")
        unfinished.write_text(json.dumps(asdict(state), indent=2))
        unfinished.rename(state_path(self.directory))


def lock_path(directory: Path) -> Path:
    return directory / "supervisor.lock"


def state_path(directory: Path) -> Path:
    return directory / "supervisor.json"


def read_state(directory: Path) -> State | None:
    try:
        return State(**json.loads(state_path(directory).read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def hold(path: Path) -> IO[str]:
    """A lock the kernel drops with our process, so no stale pid file can be in the way."""
    file = path.open("a")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise AlreadyRunning(str(path.parent)) from None
    return file


def is_held(directory: Path) -> bool:
    try:
        hold(lock_path(directory)).close()
    except AlreadyRunning:
        return True
    except FileNotFoundError:
        return False
    return False


def end_leftovers(state: State | None, console: Console) -> None:
    """What a killed supervisor left running would work beside us; the servers included.

    By SIGKILL: every part recovers from it, and one that is stuck answers to nothing else.
    """
    for name, (pid, started) in (state.children if state else {}).items():
        if started and started == started_at(pid):
            console.say(f"ending {name} (pid {pid}), left by a run that was killed")
            kill_group(pid)
            await_group_end(pid)


def started_at(pid: int) -> str:
    """When a process started, in whatever unit the system has: tells a reused pid apart."""
    stat = Path(f"/proc/{pid}/stat")
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return stat.read_text().rsplit(")", 1)[1].split()[19]
    if sys.platform == "linux":
        return ""
    ps = ["/bin/ps", "-o", "lstart=", "-p", str(pid)]
    return subprocess.run(ps, capture_output=True, text=True, check=False).stdout.strip()


def ending(code: int) -> str:
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with status {code}"


def kill_group(pid: int) -> None:
    """Each program leads its own process group; its pool must not outlive it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def await_group_end(group: int) -> None:
    """Until the last of a killed group is gone: while it dies it still holds its port.

    Told from /proc; elsewhere the start that follows may have to be repeated.
    """
    end = time.monotonic() + KILL_SECONDS
    while is_any_alive(group) and time.monotonic() < end:
        time.sleep(POLL_SECONDS / 10)


def is_any_alive(group: int) -> bool:
    """Whether a process of the group runs. Zombies do not count: nobody may ever reap them."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            state, _, its_group, *_ = stat.read_text().rsplit(")", 1)[1].split()
            if int(its_group) == group and state not in {"Z", "X"}:
                return True
    return False
