"""The supervisor keeps programs running, stops all of them, and never runs twice in one place."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import psutil
import pytest

from config.console import Console
from config.supervisor import State, end_leftovers, is_held, read_state, started_at

pytestmark = pytest.mark.slow
PROJECT = Path(__file__).resolve().parents[2]
T = TypeVar("T")
# Two programs: one that runs for ever, and one that ignores a polite stop.
SCRIPT = """
import sys
from pathlib import Path
from typing import TypeVar
from config.console import Console
from config.supervisor import AlreadyRunning, Program, Stopped, command, supervising

FOREVER = [sys.executable, "-c", "import time; time.sleep(600)"]
DEAF = [sys.executable, "-c", "import signal, time;"
        " signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        " print('deaf', flush=True); time.sleep(600)"]
directory = Path(sys.argv[1])
(directory / "log").mkdir(exist_ok=True)
try:
    with supervising(directory, Console(), {"url": "here"}) as supervisor:
        supervisor.start(Program("forever", command(FOREVER, {})))
        supervisor.start(Program("deaf", command(DEAF, {}), grace=0.5))
        supervisor.watch()
except AlreadyRunning:
    sys.exit(7)
except Stopped:
    pass
"""


@pytest.fixture
def supervise(tmp_path: Path) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        words = [sys.executable, "-c", SCRIPT, str(tmp_path)]
        with (tmp_path / "console.txt").open("ab") as console:
            started.append(subprocess.Popen(words, cwd=PROJECT, stdout=console, stderr=console))
        return started[-1]

    yield start
    for process in started:
        process.terminate()
        process.wait(60)


def eventually(find: Callable[[], T | None]) -> T:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if found := find():
            return found
        time.sleep(0.05)
    raise AssertionError(f"did not happen: {find}")


def child(directory: Path, name: str) -> int | None:
    state = read_state(directory)
    pid, started = (state.children if state else {}).get(name, (0, ""))
    return pid if started else None


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False


def test_a_killed_program_comes_back(tmp_path: Path, supervise):
    supervise()
    first = eventually(lambda: child(tmp_path, "forever"))
    os.kill(first, signal.SIGKILL)
    second = eventually(lambda: (pid := child(tmp_path, "forever")) != first and pid)
    assert is_alive(second)
    assert "forever was ended by SIGKILL" in (tmp_path / "console.txt").read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_everything_even_what_does_not_listen(tmp_path: Path, supervise, number):
    supervisor = supervise()
    eventually(lambda: child(tmp_path, "deaf"))
    eventually(lambda: "deaf" in (tmp_path / "log/deaf.log").read_text())
    pids = [child(tmp_path, "forever"), child(tmp_path, "deaf")]

    supervisor.send_signal(number)
    assert supervisor.wait(60) == 0
    assert not any(is_alive(pid) for pid in pids)
    assert read_state(tmp_path) is None
    assert not is_held(tmp_path)


def test_a_second_start_in_the_same_place_is_refused(tmp_path: Path, supervise):
    supervise()
    eventually(lambda: child(tmp_path, "deaf"))
    assert supervise().wait(20) == 7
    assert is_alive(child(tmp_path, "forever"))


def test_what_a_killed_supervisor_left_is_ended_by_the_next(tmp_path: Path, supervise):
    killed = supervise()
    eventually(lambda: child(tmp_path, "deaf"))
    orphans = [child(tmp_path, "forever"), child(tmp_path, "deaf")]
    killed.kill()
    killed.wait()
    assert all(is_alive(pid) for pid in orphans)

    supervise()
    eventually(lambda: child(tmp_path, "deaf") not in (None, orphans[1]))
    assert not any(is_alive(pid) for pid in orphans)


def test_a_leftover_is_gone_with_all_it_started_before_the_next_start_goes_on():
    words = ["/bin/sh", "-c", "sleep 600 & sleep 600 & echo started; wait"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, process_group=0) as left:
        assert left.stdout.readline()
        members = [left.pid, *(child.pid for child in psutil.Process(left.pid).children())]

        end_leftovers(State(0, children={"web": (left.pid, started_at(left.pid))}), Console())

        assert len(members) == 3
        assert not any(is_alive(pid) for pid in members)
