"""The journal's text: what goes in comes out, and an event's digest is what it says."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.telemetry.canonical import CanonicalEvent, decode_journal, digest_of, encode_journal

# What accepted text may hold: anything but control characters and half surrogate pairs.
TEXT = st.text(st.characters(blacklist_categories=("Cc", "Cs")), min_size=1, max_size=20)
HEX = st.uuids().map(lambda id: id.hex)
MAYBE = st.none() | TEXT


def some(strategy):
    return st.none() | strategy


EVENTS = st.builds(
    CanonicalEvent,
    kind=st.just(1),
    event_key=HEX,
    transaction_id=HEX,
    occurred_at=st.integers(0, 2**52),
    workflow_id=st.integers(1, 99),
    facility_id=st.integers(1, 99),
    interface_id=some(st.integers(1, 99)),
    stage_id=st.integers(1, 99),
    rank=st.integers(1, 30),
    outcome=st.integers(1, 6),
    attempt=st.integers(1, 9),
    amount_minor=some(st.integers(-(10**14), 10**14)),
    amount_kind=some(st.integers(1, 3)),
    event_id=TEXT,
    ce_source=TEXT,
    correlation_id=TEXT,
    error=some(st.tuples(TEXT, TEXT, TEXT, st.just(""))),
    payer=MAYBE,
    service_date=some(st.dates().map(str)),
    business_keys=some(st.lists(st.tuples(TEXT, HEX, TEXT), min_size=1, max_size=3)),
    contract_version=MAYBE,
    backfill=st.booleans(),
    data=some(st.dictionaries(TEXT, st.integers() | TEXT, min_size=1)),
)
EVENT = {
    "kind": 1, "event_key": "0a" * 16, "transaction_id": "0b" * 16, "occurred_at": 1, "rank": 1,
    "workflow_id": 1, "facility_id": 1, "interface_id": None, "stage_id": 1, "outcome": 1,
    "attempt": 1, "amount_minor": None, "amount_kind": None, "event_id": "1", "ce_source": "/a",
    "correlation_id": "c", "error": None, "payer": None, "service_date": None,
    "business_keys": [("account", "0c" * 16, "••••5678")], "contract_version": None,
    "backfill": False, "data": None,
}  # fmt: skip


@given(st.lists(EVENTS, max_size=5, unique_by=lambda event: event.event_key))
def test_a_journal_body_gives_its_events_back(events):
    assert decode_journal(encode_journal(events)) == events


@pytest.mark.parametrize(
    "field",
    [
        {"transaction_id": "0d" * 16}, {"occurred_at": 2}, {"facility_id": 2}, {"outcome": 3},
        {"amount_minor": 100}, {"payer": "A"}, {"business_keys": None}, {"data": {"count": 1}},
        {"business_keys": [("claim", "0c" * 16, "••••5678")]},
    ],
)  # fmt: skip
def test_the_digest_changes_with_whatever_an_event_says(field):
    assert digest_of(CanonicalEvent(**EVENT)) != digest_of(CanonicalEvent(**{**EVENT, **field}))


@pytest.mark.parametrize(
    "field", [{"business_keys": [("account", "0e" * 16, "••••5678")]}, {"event_key": "0f" * 16}]
)
def test_the_digest_outlives_a_change_of_the_token_key(field):
    assert digest_of(CanonicalEvent(**EVENT)) == digest_of(CanonicalEvent(**{**EVENT, **field}))


def test_record_numbers_count_by_their_number_only():
    sent, resent, other = (
        msgspec.structs.replace(CanonicalEvent(**EVENT), data={"side": "a", "keys": keys})
        for keys in (["0a", "0b"], ["1a", "1b"], ["0a"])
    )
    assert digest_of(sent) == digest_of(resent) != digest_of(other)
