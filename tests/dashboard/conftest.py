"""The cast around the pages: who sees the north, who sees everything, who sees nothing."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client


@pytest.fixture(autouse=True)
def forget_answers() -> None:
    from apps.core.kept import forget_everything

    forget_everything()


@pytest.fixture
def network(db: None) -> Any:
    from tests.pipeline.network import build

    return build()


@pytest.fixture
def person(network: Any) -> Callable[..., Any]:
    """A person of a role who was granted facilities."""
    from tests.dashboard.cast import make_person

    return make_person


@pytest.fixture
def bea(network: Any, person: Any) -> Any:
    """Sees the north."""
    return person("bea", "revenue_cycle_analyst", network.facilities[0])


@pytest.fixture
def ivo(network: Any, person: Any) -> Any:
    """Sees the whole network."""
    return person("ivo", "integration_lead", network.facilities[0].parent)


@pytest.fixture
def sam(network: Any, person: Any) -> Any:
    """The stranger: has a role, and no facility."""
    return person("sam", "revenue_cycle_analyst")


def signed_in(user: Any) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def as_bea(bea: Any) -> Client:
    return signed_in(bea)


@pytest.fixture
def as_ivo(ivo: Any) -> Client:
    return signed_in(ivo)


@pytest.fixture
def as_sam(sam: Any) -> Client:
    return signed_in(sam)


@pytest.fixture
def budget(monkeypatch: pytest.MonkeyPatch, django_assert_num_queries: Any) -> Any:
    """Counts queries without the look at the catalogue's version, which is due once a second."""
    monkeypatch.setattr("apps.catalog.snapshot.CHECK_EVERY_SECONDS", 3_600)
    return django_assert_num_queries


@pytest.fixture
def happened(network: Any) -> Callable[..., None]:
    """Events of the small network, counted: each is what a test says of it."""
    from tests.dashboard.cast import fold

    return lambda *said: fold(network, *said)
