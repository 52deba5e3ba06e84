import pytest
from django.contrib.auth.models import Group
from django.test import Client

from apps.accounts.models import User
from apps.accounts.services import ensure_roles, grant_facility
from tests.catalog import network as net


@pytest.fixture
def network(db: None) -> net.Network:
    return net.build()


def person(username: str, role: str, facility=None) -> User:
    """A member of the cast."""
    ensure_roles()
    user = User.objects.create_user(username)
    user.groups.add(Group.objects.get(name=role))
    if facility:
        grant_facility(to=user, facility=facility)
    return user


@pytest.fixture
def bea(network) -> User:
    """Revenue-cycle analyst in the north."""
    return person("bea", "revenue_cycle_analyst", network.north)


@pytest.fixture
def ivo(network) -> User:
    """Integration lead, everywhere."""
    user = person("ivo", "integration_lead", network.org)
    user.is_staff = True
    user.save()
    return user


@pytest.fixture
def sam(network) -> User:
    """A stranger: a role, and no facility."""
    return person("sam", "revenue_cycle_analyst")


@pytest.fixture
def as_bea(bea) -> Client:
    client = Client()
    client.force_login(bea)
    return client


@pytest.fixture
def as_sam(sam) -> Client:
    client = Client()
    client.force_login(sam)
    return client
