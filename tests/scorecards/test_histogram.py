"""The latency histogram merges and retracts exactly and keeps its error bound."""

import math
import random
from fractions import Fraction

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.scorecards.histogram import (
    BUCKETS,
    DIGITS,
    WIDTH,
    bucket_of,
    decode,
    quantile,
    rank,
    tail_quantiles,
)

PACK = """
SELECT sum(unit)::text FROM unnest(%s::bigint[]) AS ms
  JOIN scorecards_histogramunit ON position = scorecards_histogram_position(ms)
"""

BY_RANK = """
SELECT percentile_disc(%s::float8[]) WITHIN GROUP (ORDER BY ms) FROM unnest(%s::bigint[]) AS ms
"""


def pack(latencies):
    """The packed histogram of some milliseconds, by the database."""
    with connection.cursor() as cursor:
        cursor.execute(PACK, [latencies])
        return cursor.fetchone()[0]


def exact(latencies, fraction):
    """The quantile of the values themselves by nearest rank (percentile_disc)."""
    return sorted(latencies)[rank(fraction, len(latencies)) - 1]


@pytest.mark.parametrize(("median", "sigma"), [(350, 0.8), (41_000, 1.2), (5_400_000, 0.6)])
def test_percentiles_of_realistic_latencies_are_within_two_percent_on_average(db, median, sigma):
    order = random.Random(11)
    errors = []
    for _ in range(12):
        latencies = [
            max(1, round(order.lognormvariate(math.log(median), sigma))) for _ in range(4_000)
        ]
        counts = decode(pack(latencies))
        for fraction in (0.5, 0.95, 0.99):
            truth = exact(latencies, fraction)
            errors.append(abs(quantile(counts, fraction) - truth) / truth)

    assert sum(errors) / len(errors) <= 0.02


# Nothing is written, so sharing the connection between examples is safe.
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=60))
def test_both_readers_of_a_histogram_agree(db, latencies):
    packed = pack(latencies)
    counts, fractions = decode(packed), (0.99, 0.95, 0.5)

    found = tail_quantiles(packed, len(latencies), fractions)

    assert found == pytest.approx([quantile(counts, fraction) for fraction in fractions])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=60))
def test_decoding_finds_every_latency_in_its_bucket(db, latencies):
    counts = decode(pack(latencies))

    assert sum(counts) == len(latencies)
    for ms in latencies:
        position = min(BUCKETS - 1, math.floor(math.log(max(1, ms)) / WIDTH))
        assert counts[position] >= 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 10**11), min_size=1, max_size=60), st.floats(0.01, 0.999))
def test_a_quantile_lies_in_the_bucket_of_the_exact_one(db, latencies, fraction):
    found, truth = quantile(decode(pack(latencies)), fraction), exact(latencies, fraction)
    low, high = bucket_of(found)

    assert low <= truth < high
    assert abs(found - max(1, truth)) < (math.e**WIDTH - 1) * max(1, truth)


def test_a_quantile_of_one_value_is_off_by_half_a_bucket_at_most():
    for ms in (1, 7, 350, 86_400_000):
        counts = [0] * BUCKETS
        counts[math.floor(math.log(ms) / WIDTH)] = 1
        assert abs(quantile(counts, 0.95) / ms - 1) <= math.e ** (WIDTH / 2) - 1


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=60))
def test_the_rank_is_that_of_the_database(db, latencies):
    fractions = [0.5, 0.95, 0.99]
    with connection.cursor() as cursor:
        cursor.execute(BY_RANK, [fractions, latencies])
        assert cursor.fetchone()[0] == [exact(latencies, fraction) for fraction in fractions]


def test_merging_adds_and_retracting_takes_away(db):
    merged = int(pack([10, 500])) + int(pack([500, 9_000]))

    assert decode(str(merged - int(pack([500])))) == decode(pack([10, 500, 9_000]))


def test_an_empty_histogram_has_no_percentile():
    assert quantile(decode("0"), 0.5) is None


def test_a_histogram_below_zero_is_refused():
    with pytest.raises(ValueError, match="fewer than zero"):
        decode("-1")


def test_buckets_hold_a_million_million_values():
    assert decode(str(10**DIGITS - 1)) == [10**DIGITS - 1]
    assert Fraction(10) ** DIGITS > 10**11


@pytest.mark.parametrize(
    ("microseconds", "milliseconds"),
    [(0, 0), (499, 0), (500, 0), (999, 0), (1_000, 1), (519_929_500, 519_929), (-1_500, 0)],
)
def test_a_latency_is_cut_to_whole_milliseconds(db, microseconds: int, milliseconds: int):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT scorecards_latency_ms(now(), now() + %s * interval '1 microsecond')",
            [microseconds],
        )
        assert cursor.fetchone() == (milliseconds,)


def test_half_milliseconds_are_cut_wherever_they_fall(db):
    with connection.cursor() as cursor:
        cursor.execute("""
            SELECT count(*) FROM generate_series(1, 200000) AS n
             WHERE scorecards_latency_ms(now(), now() + (n * 1000 + 500) * interval '1 microsecond')
                   <> n
        """)
        assert cursor.fetchone() == (0,)
