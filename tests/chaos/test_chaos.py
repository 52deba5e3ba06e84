"""One minute of `make chaos`: the real processes, every kind of fault, an outage of each server."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.faults import KINDS
from tests.conftest import PROJECT

# Generous: what is asserted is that nothing is lost and nothing stays broken, not how fast.
PATIENCE_SECONDS = 900
ARGUMENTS = {
    "--seconds": 45,
    "--faults": len(KINDS),
    "--rate": 150,
    "--seed": 2026,
    "--redis-absent": 6,
    "--postgres-absent": 4,
    "--recovery": 120,
    "--lag": 60,
}


@pytest.mark.chaos
@pytest.mark.slow
def test_a_minute_of_faults_loses_nothing_and_doubles_nothing(tmp_path: Path):
    report = tmp_path / "report.json"
    words = [str(word) for pair in ARGUMENTS.items() for word in pair]
    run = subprocess.run(
        [sys.executable, "-m", "tests.chaos", *words, "--json", str(report)],
        cwd=PROJECT,
        env={**os.environ},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )

    assert report.exists(), run.stdout + run.stderr
    found = json.loads(report.read_text())
    assert found["wrong"] == []
    assert run.returncode == 0
    assert found["faults_by_kind"].keys() == KINDS.keys()
    assert found["acknowledged"] == found["events"] > 1_000
    assert found["without_redis"]["not_accepted"].keys() <= {"no connection"}
    assert found["without_postgres"]["not_accepted"]["503"]["count"] > 0
