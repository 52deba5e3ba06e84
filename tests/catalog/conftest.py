import pytest

from tests.catalog import network as net


@pytest.fixture
def network(db: None) -> net.Network:
    return net.build()
