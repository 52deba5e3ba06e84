"""Real PostgreSQL and Valkey for every test, started once per run below var/test."""

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
VAR = Path(os.environ.get("THROUGHLINE_VAR") or PROJECT / "var").absolute() / "test"
os.environ["THROUGHLINE_VAR"] = str(VAR)

from collections.abc import Iterator  # noqa: E402

import pytest  # noqa: E402

from config import embedded  # noqa: E402


@pytest.fixture(scope="session")
def services() -> Iterator[None]:
    """Left running between runs would be faster but would hide what a clean start breaks."""
    embedded.start()
    yield
    embedded.stop()


@pytest.fixture(scope="session")
def django_db_setup(services: None, django_db_setup: None) -> None:
    """The test database needs the server first."""
