from collections.abc import Callable
from typing import Any

import pytest

from apps.catalog.models import ErrorSignal, ExceptionKind
from apps.core.kept import forget_everything
from apps.triage.services import acting
from tests.pipeline.conftest import empty_path  # noqa: F401  the same ground under each example
from tests.pipeline.network import START, Network, build
from tests.triage.desk import Desk, open_desk


@pytest.fixture
def network(transactional_db: None) -> Network:
    return build()


@pytest.fixture
def desk(db: None) -> Desk:
    """People at work in the small network; nothing is committed."""
    return open_desk(build())


@pytest.fixture
def known(network: Network) -> Callable[..., Any]:
    """Say what a code means, as a lead would."""

    def say(text: str, error_class: str, *, kind: str = "TST-01") -> None:
        standard, code, location = text.split()
        one, _ = ExceptionKind.objects.get_or_create(code=kind, defaults={"position": 1})
        ErrorSignal.objects.create(
            kind=one, standard=standard, code=code, location=location, error_class=error_class
        )

    return say


class Clock:
    """The moment at which people act, as a test sets it."""

    moment = START


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    told = Clock()
    monkeypatch.setattr(acting, "now", lambda: told.moment)
    return told


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    """What is rolled back may leave a state behind that the next test reaches, too."""
    forget_everything()
