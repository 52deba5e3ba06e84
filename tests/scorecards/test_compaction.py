"""When deltas reach the rollups; that they add up in any steps is test_fold_properties' part."""

import psycopg
import pytest
from django.db import connection

from apps.core.db import execute, fetch_value
from apps.scorecards import compaction
from apps.scorecards.models import Rollup

pytestmark = pytest.mark.django_db

WAITING = """
SELECT ARRAY[(SELECT count(*) FROM scorecards_rollupdelta),
             (SELECT count(*) FROM scorecards_quarterdelta)]
"""


@pytest.fixture(autouse=True)
def one_delta(db):
    execute("""INSERT INTO scorecards_rollupdelta (bucket, workflow_id, facility_id, events, open)
               VALUES ('2026-03-10T15:42Z', 1, 1, 5, 2)""")


def last(*, minutes: float, blocks: float) -> None:
    """Each step was last taken so many seconds ago."""
    execute(
        """UPDATE scorecards_revision
              SET minutes_at = clock_timestamp() - make_interval(secs => %(minutes)s),
                  blocks_at = clock_timestamp() - make_interval(secs => %(blocks)s)""",
        {"minutes": minutes, "blocks": blocks},
    )


def grains() -> set[int]:
    return set(Rollup.objects.values_list("grain", flat=True))


def test_what_was_compacted_a_moment_ago_is_left_for_a_second():
    last(minutes=0.2, blocks=60)
    compaction.compact_due()
    assert fetch_value(WAITING) == [1, 0]


def test_a_clock_that_was_put_back_holds_nothing_up():
    last(minutes=-3600, blocks=-3600)
    compaction.compact_due()
    assert fetch_value(WAITING)[0] == 0


def test_without_its_row_of_times_everything_is_due():
    execute("DELETE FROM scorecards_revision")
    compaction.compact_due()
    assert fetch_value(WAITING)[0] == 0


def test_minutes_take_up_the_deltas_and_hand_them_on():
    last(minutes=1, blocks=2)
    compaction.compact_due()
    assert (fetch_value(WAITING), grains()) == ([0, 1], {1})
    assert compaction.deltas_wait()


def test_five_seconds_later_every_larger_grain_has_them():
    last(minutes=1, blocks=2)
    compaction.compact_due()
    last(minutes=1, blocks=5)
    compaction.compact_due()
    assert not compaction.deltas_wait()
    # A facility that is not in the catalogue has no local day, and adds to none of the network.
    assert grains() == set(Rollup.Grain) - {Rollup.Grain.DAY}
    assert set(Rollup.objects.values_list("events", flat=True)) == {5}


def test_whoever_finds_the_turn_taken_leaves_it():
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(hashtext('scorecards.compact'))")
        assert compaction.compact() is False
    assert fetch_value(WAITING) == [1, 0]
