"""GET /api/v1/batches/{id}."""

import pytest
from django.test import Client

from apps.pipeline.services import fold_waiting
from apps.telemetry.models import SourceKey
from apps.telemetry.services.keys import issue_key, revoke_key
from tests.telemetry.wire import event


def get(key: str, batch: str):
    return Client().get(f"/api/v1/batches/{batch}", headers={"Authorization": f"Bearer {key}"})


@pytest.fixture
def batch(sender) -> str:
    return sender.post([event(), event(data__test=True), event(data__facility="NOPE")]).json()[
        "batch"
    ]


def test_a_waiting_batch_says_what_was_accepted(sender, batch):
    told = get(sender.key, batch).json()

    assert told.pop("received_at")
    assert told == {
        "id": batch, "state": "waiting", "accepted": 2, "rejected": 1,
        "stored": None, "duplicates": None, "conflicts": None, "folded_at": None,
    }  # fmt: skip


@pytest.mark.usefixtures("transactional_db")
def test_a_folded_batch_says_what_was_stored_known_and_in_conflict(sender):
    first = event()
    sender.post([first])
    changed = {**first, "data": {**first["data"], "outcome": "failed"}}
    batch = sender.post([event(), first, changed]).json()["batch"]
    fold_waiting()

    told = get(sender.key, batch).json()

    assert told["state"] == "folded"
    assert (told["stored"], told["duplicates"], told["conflicts"]) == (1, 1, 1)
    assert told["folded_at"] >= told["received_at"]


def test_another_source_finds_nothing(network, batch):
    assert get(issue_key(source="billing").bearer, batch).status_code == 404


def test_another_key_of_the_source_may_ask(network, batch):
    assert get(issue_key(source="ehr").bearer, batch).status_code == 200


def test_a_dead_key_is_refused(sender, batch):
    revoke_key(source="ehr", prefix=SourceKey.objects.get().prefix)

    assert get(sender.key, batch).status_code == 401


@pytest.mark.parametrize("id", ["01980000-0000-7000-8000-000000000000", "nonsense"])
def test_an_unknown_id_is_not_found(sender, id):
    answer = get(sender.key, id)

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_who_sees_every_facility_sees_every_batch(ivo, with_token, batch):
    assert with_token(ivo).get(f"/api/v1/batches/{batch}").status_code == 200


def test_who_sees_some_facilities_sees_no_batch(bea, eve, sam, with_token, batch):
    for person, status in ((bea, 404), (sam, 404), (eve, 403)):
        for id in (batch, "01980000-0000-7000-8000-000000000000"):
            assert with_token(person).get(f"/api/v1/batches/{id}").status_code == status


def test_nobody_gets_in_without_a_key(batch):
    answer = Client().get(f"/api/v1/batches/{batch}")

    assert (answer.status_code, answer.headers["Content-Type"]) == (401, "application/problem+json")
    assert Client().post(f"/api/v1/batches/{batch}").status_code == 405
