"""Real PostgreSQL and Valkey for every test, started once a run below $THROUGHLINE_VAR/test.

The environment is made here, the settings module with it: named in pyproject.toml it would be read
before this file, with the machine's own configuration.
"""

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
VAR = Path(os.environ.get("THROUGHLINE_VAR") or PROJECT / "var").absolute()
# Side by side, each process has a database of its own on the servers of the first, whose
# environment it inherits.
IS_FIRST = "PYTEST_XDIST_WORKER" not in os.environ
if IS_FIRST:
    VAR /= "test"

for name in [name for name in os.environ if name.startswith("THROUGHLINE_")]:
    if name != "THROUGHLINE_SERVER_ACCOUNT":
        del os.environ[name]
os.environ |= {
    "DJANGO_SETTINGS_MODULE": "config.settings",
    "THROUGHLINE_VAR": str(VAR),
    "THROUGHLINE_SECRET_KEY": "only-for-tests-" + "t" * 40,
    "THROUGHLINE_TOKEN_KEY": "00" * 32,
    "THROUGHLINE_HTTPS": "0",
    "THROUGHLINE_MFA_ROLES": "none",
}

import django  # noqa: E402
import pytest  # noqa: E402
from hypothesis import settings as hypothesis_settings  # noqa: E402

from config import embedded  # noqa: E402

# The same examples in every run, so a red test is red for everybody.
hypothesis_settings.register_profile("fixed", derandomize=True, deadline=None, database=None)
hypothesis_settings.load_profile("fixed")

# Before the conftests further down, which import models.
django.setup()

from apps.catalog.snapshot import forget_snapshot  # noqa: E402
from apps.telemetry.services.words import forget_noted_words  # noqa: E402


def pytest_configure() -> None:
    """Trade what tests do not measure (slow password hashes, hashed static names) for speed."""
    from django.conf import settings

    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES["staticfiles"]["BACKEND"] = (
        "django.contrib.staticfiles.storage.StaticFilesStorage"
    )
    settings.STATIC_ROOT.mkdir(parents=True, exist_ok=True)


def commits(item: pytest.Item) -> bool:
    """Whether a test writes for good, instead of in a transaction that is rolled back."""
    database = item.get_closest_marker("django_db")
    return "transactional_db" in getattr(item, "fixturenames", ()) or bool(
        database and database.kwargs.get("transaction")
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What commits, tries a hundred examples or simulates days is slow, without being marked."""
    for item in items:
        simulates = "tests/demo/" in item.nodeid
        tries = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        if simulates or tries or commits(item):
            item.add_marker(pytest.mark.slow)
    if not IS_FIRST:
        long_files_first(items)


def long_files_first(items: list[pytest.Item]) -> None:
    """Side by side, the end is set by what begins late: minutes first, seconds, then the many."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}

    def begins(item: pytest.Item) -> tuple[bool, bool]:
        return "tests/browser/" not in item.nodeid, item.path not in slow

    items.sort(key=begins)


def pytest_collection_finish() -> None:
    """What was collected stays until the end: the garbage collector need not look at it again."""
    gc.collect()
    gc.freeze()


def pytest_sessionstart(session: pytest.Session) -> None:
    if IS_FIRST and session.config.getoption("numprocesses", None):
        start_servers()


def pytest_sessionfinish() -> None:
    if IS_FIRST:
        embedded.stop()


def start_servers() -> None:
    """PostgreSQL and Valkey, unless DATABASE_URL and REDIS_URL name others."""
    if not (os.environ.get("DATABASE_URL") and os.environ.get("REDIS_URL")):
        embedded.start()


@pytest.fixture(scope="session")
def services() -> embedded.Place:
    """The servers, started when the first test asks for them."""
    if IS_FIRST:
        start_servers()
    return embedded.place()


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    services: embedded.Place, django_db_modify_db_settings_parallel_suffix: None
) -> None:
    """pytest-django asks for this before it creates the test database: servers come first."""


# Tables that no model describes.
WITHOUT_MODELS = {
    "accounts_cache",
    "telemetry_eventkey",
    "telemetry_sourceclock",
    "telemetry_usedsignature",
    "telemetry_senderword",
    "scorecards_rollupdelta",
    "scorecards_quarterdelta",
}


@pytest.fixture(autouse=True)
def leave_nothing(request: pytest.FixtureRequest, django_db_blocker: Any) -> Iterator[None]:
    """A committing test also leaves rows in tables that Django does not manage; empty those too."""
    yield
    if not commits(request.node):
        return
    from django.apps import apps
    from django.db import connection

    owners = (apps.get_app_config(label) for label in ("telemetry", "scorecards"))
    models = (model for owner in owners for model in owner.get_models())
    tables = {model._meta.db_table for model in models if not model._meta.managed}
    names = ", ".join(sorted(tables | WITHOUT_MODELS))
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {names} CASCADE")
        # The audit trail refuses this to everybody but the owner of its triggers.
        cursor.execute("ALTER TABLE accounts_auditevent DISABLE TRIGGER USER")
        cursor.execute("TRUNCATE accounts_auditevent")
        cursor.execute("ALTER TABLE accounts_auditevent ENABLE TRIGGER USER")


@pytest.fixture(autouse=True)
def look_at_the_catalogue_again() -> None:
    """A process keeps its copy for a second, and words of senders for good; a test must not see
    those of the last one."""
    forget_snapshot()
    forget_noted_words()


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """A server thread of a finished test may still hold a session, which would keep the test
    database from being dropped: end what is left first."""
    yield
    from django.db import connection

    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
