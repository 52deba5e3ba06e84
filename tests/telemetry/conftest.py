"""The cast of ingest: a sender with a key for everything, and people around the quarantine."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client


@pytest.fixture(autouse=True)
def no_memory_of_other_tests() -> None:
    """Processes remember keys and traffic for a moment; a test must not see the last one's."""
    from apps.telemetry.services import accept, keys, limits

    keys.forget_known_keys()
    accept._noted.clear()
    limits._buckets.clear()


@pytest.fixture
def network(db: None) -> Any:
    from tests.catalog.network import build

    return build()


@pytest.fixture
def sender(network: Any) -> Any:
    """Speaks for every facility."""
    from apps.telemetry.services.keys import issue_key
    from tests.telemetry.wire import Sender

    return Sender(issue_key(source="ehr").bearer)


@pytest.fixture
def person(network: Any) -> Callable[..., Any]:
    """A person of a role who was granted facilities."""
    from django.contrib.auth.models import Group

    from apps.accounts.models import User
    from apps.accounts.services.grants import ensure_roles, grant_facility

    ensure_roles()

    def make(name: str, role: str, *places: Any) -> User:
        user = User.objects.create(username=name)
        user.groups.add(Group.objects.get(name=role))
        for place in places:
            grant_facility(to=user, facility=place)
        return user

    return make


@pytest.fixture
def bea(network: Any, person: Any) -> Any:
    """Works the quarantine of the north."""
    return person("bea", "revenue_cycle_analyst", network.north)


@pytest.fixture
def ivo(network: Any, person: Any) -> Any:
    """Works the quarantine everywhere."""
    return person("ivo", "integration_engineer", network.org)


@pytest.fixture
def eve(network: Any, person: Any) -> Any:
    """May see scorecards everywhere, and no quarantine."""
    return person("eve", "executive", network.org)


@pytest.fixture
def sam(network: Any, person: Any) -> Any:
    """The stranger: has a role, and no facility."""
    return person("sam", "revenue_cycle_analyst")


@pytest.fixture
def signed_in() -> Callable[[Any], Client]:
    from tests.accounts.signing_in import prove

    def sign_in(user: Any) -> Client:
        client = Client()
        client.force_login(user)
        return prove(client)

    return sign_in


@pytest.fixture
def with_token() -> Callable[[Any], Client]:
    """A client that sends a person's token."""
    from apps.accounts.services.tokens import issue_token

    def client(user: Any) -> Client:
        return Client(headers={"Authorization": f"Bearer {issue_token(user=user)}"})

    return client
