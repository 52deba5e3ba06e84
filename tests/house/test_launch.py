"""`make run`, without its virtual environment part, from the first start to the last stop."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from config.supervisor import read_state

pytestmark = pytest.mark.slow
PROJECT = Path(__file__).resolve().parents[2]
SECONDS = 180


@pytest.fixture
def var() -> Iterator[Path]:
    directory = Path(tempfile.mkdtemp(prefix="throughline-run-"))
    directory.chmod(0o755)
    yield directory
    launch(directory, "stop").wait(SECONDS)
    shutil.rmtree(directory)


@pytest.fixture
def port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        chosen: int = probe.getsockname()[1]
        return chosen


def launch(var: Path, *words: str) -> subprocess.Popen[str]:
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("THROUGHLINE_", "DJANGO_"))}
    with (var / "console.txt").open("a") as console:
        return subprocess.Popen(
            [sys.executable, "-m", "config.launch", *words],
            cwd=PROJECT,
            env={**plain, "THROUGHLINE_VAR": str(var)},
            stdout=console,
            stderr=console,
            text=True,
        )


def console(var: Path) -> str:
    return (var / "console.txt").read_text()


def eventually(holds: Callable[[], object], var: Path) -> None:
    end = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < end, console(var)
        time.sleep(0.1)


def readiness(port: int) -> dict[str, object]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=10) as answer:
            figures: dict[str, object] = json.load(answer)
            return figures
    except OSError:
        return {}


def pid_of(var: Path, name: str) -> int:
    state = read_state(var)
    return state.children[name][0] if state and name in state.children else 0


def test_from_the_first_start_to_the_last_stop(var: Path, port: int):
    first = launch(var, "run", "--port", str(port))
    eventually(lambda: "Ctrl-C" in console(var), var)
    eventually(lambda: readiness(port).get("status") == "ok", var)
    assert f"THROUGHLINE_VAR={var} .venv/bin/python manage.py createsuperuser" in console(var)

    second = launch(var, "run", "--port", str(port))
    assert second.wait(SECONDS) == 1
    assert "already runs" in console(var)

    for name in ("postgres", "redis", "web", "worker"):
        before = pid_of(var, name)
        os.kill(before, signal.SIGKILL)
        eventually(lambda name=name, before=before: pid_of(var, name) != before, var)
        eventually(lambda: readiness(port).get("status") == "ok", var)

    assert launch(var, "stop").wait(SECONDS) == 0
    assert first.wait(SECONDS) == 0
    assert read_state(var) is None

    third = launch(var, "run", "--port", str(port))
    eventually(lambda: console(var).count("Ctrl-C") == 2, var)
    third.send_signal(signal.SIGINT)
    assert third.wait(SECONDS) == 0


def test_a_port_that_is_taken_is_named(var: Path, port: int):
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        assert launch(var, "run", "--port", str(port)).wait(SECONDS) == 1
    assert f"Port {port} is taken" in console(var)


def test_a_port_that_is_none_is_no_traceback(var: Path):
    assert launch(var, "run", "--port", "80000").wait(SECONDS) == 1
    assert "between 1 and 65535" in console(var)
    assert "Traceback" not in console(var)


def test_a_file_in_place_of_the_directory_is_named(var: Path, port: int):
    (var / "taken").touch()
    with (var / "console.txt").open("a") as told:
        run = subprocess.run(
            [sys.executable, "-m", "config.launch", "run", "--port", str(port)],
            cwd=PROJECT,
            env={**os.environ, "THROUGHLINE_VAR": str(var / "taken")},
            stdout=told,
            stderr=told,
            check=False,
        )
    assert run.returncode == 1
    assert "make run VAR=" in console(var)
    assert "Traceback" not in console(var)


def test_a_place_where_no_directory_can_be_made_is_named(var: Path, port: int):
    command = [sys.executable, "-m", "config.launch", "run", "--port", str(port)]
    told = {**os.environ, "THROUGHLINE_VAR": "/proc/nope"}

    run = subprocess.run(command, cwd=PROJECT, env=told, capture_output=True, text=True)

    assert run.returncode == 1
    assert "No directory can be made at /proc/nope" in run.stdout + run.stderr
    assert "Traceback" not in run.stdout + run.stderr


@pytest.mark.parametrize(
    ("said", "meant"),
    [("/a dir/x", "/a dir/x"), ("my dir", f"{PROJECT}/my dir"), ("/tmp/x", "/tmp/x")],  # noqa: S108
)
def test_make_hands_on_a_directory_with_a_space(said: str, meant: str):
    probe = 'probe:\n\t@echo "$$THROUGHLINE_VAR"\n'

    told = subprocess.run(
        ["make", "--no-print-directory", "-f", "Makefile", "-f", "-", "probe", f"VAR={said}"],
        cwd=PROJECT, input=probe, capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert told.stdout.strip() == meant


def test_stopping_what_does_not_run_is_no_error(var: Path):
    assert launch(var, "stop").wait(SECONDS) == 0
    assert "nothing runs" in console(var)
