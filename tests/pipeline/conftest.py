"""The folding tests commit: temporary tables, locks and other connections are part of the claim."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

# With all that people did with cases, which refers to them.
EMPTY = """
TRUNCATE telemetry_ingestbatch, telemetry_quarantine, telemetry_eventkey, telemetry_event,
    telemetry_signal, telemetry_businesskey, telemetry_transaction, scorecards_rollupdelta,
    scorecards_quarterdelta, scorecards_rollup, scorecards_backlog, scorecards_backlogsnapshot,
    triage_group, triage_case, triage_turn, triage_policyround
    CASCADE
"""


def empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute(EMPTY)


@pytest.fixture
def network(transactional_db: None) -> Any:
    """A small catalogue and an empty data path."""
    # Models can be imported once Django is set up, which is after conftest files are read.
    from tests.pipeline.network import build

    return build()


@pytest.fixture
def empty_path() -> Callable[[], None]:
    """Forget all telemetry between two histories of one test."""
    return empty
