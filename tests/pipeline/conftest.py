"""The folding tests commit: temporary tables, locks and other connections are part of the claim."""

from collections.abc import Callable

import pytest
from django.db import connection

from tests.pipeline import network as net

EMPTY = """
TRUNCATE telemetry_ingestbatch, telemetry_quarantine, telemetry_eventkey, telemetry_event,
    telemetry_signal, telemetry_businesskey, telemetry_transaction, scorecards_rollupdelta,
    scorecards_rollup, scorecards_backlog, scorecards_backlogsnapshot, telemetry_sourcekey,
    telemetry_source
"""


def empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute(EMPTY)


@pytest.fixture
def network(transactional_db: None) -> net.Network:
    """A small catalogue and an empty data path."""
    empty()
    return net.build()


@pytest.fixture
def empty_path() -> Callable[[], None]:
    """Forget all telemetry between two histories of one test."""
    return empty
