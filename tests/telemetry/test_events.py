"""POST /api/v1/events: every way in, and what is answered."""

import gzip
import io
import json
from urllib.parse import quote

import pytest
import zstandard
from django.test import Client

from apps.telemetry.canonical import decode_journal, event_key, transaction_id
from apps.telemetry.models import IngestBatch, Quarantine, Source, SourceKey
from apps.telemetry.services.keys import issue_key, revoke_key
from apps.telemetry.views import events as view
from tests.telemetry.wire import BATCH, EVENTS, LINES, ONE, Sender, event, moment, rows

pytestmark = pytest.mark.slow


def journaled() -> list:
    batches = IngestBatch.objects.order_by("id")
    return [one for batch in batches for one in decode_journal(bytes(batch.body))]


def test_a_batch_is_journaled_before_it_is_acknowledged(sender):
    answer = sender.post([event(), event()])

    assert answer.status_code == 202
    assert answer.json() | {"batch": ""} == {"batch": "", "accepted": 2, "rejected": []}
    batch = IngestBatch.objects.get(id=answer.json()["batch"])
    assert (batch.events, batch.state, batch.source.code) == (2, 0, "ehr")
    assert answer.headers["Location"] == f"/api/v1/batches/{batch.id}"


def test_the_journal_holds_what_the_catalogue_knows_the_event_as(sender, network):
    sent = event(
        data__interface="charges",
        data__attempt=3,
        data__amount="1250.50",
        data__amount_kind="gross",
        data__payer="ACME",
        data__service_date="2026-03-02",
        data__contract_version="2.1",
        data__backfill=True,
        data__error={"standard": "HL7", "code": "AE", "location": "PID^3", "message": "J. Doe"},
    )
    sender.post([sent])

    [kept] = journaled()
    source = Source.objects.get(code="ehr")
    assert kept.event_key == event_key(source.pk, "urn:test:ehr", sent["id"])
    assert kept.transaction_id == transaction_id(network.workflow.pk, sent["subject"])
    assert (kept.workflow_id, kept.facility_id) == (network.workflow.pk, network.hospital.pk)
    assert (kept.stage_id, kept.rank) == (network.stages["posted"].pk, 4)
    assert (kept.outcome, kept.attempt, kept.amount_minor, kept.amount_kind) == (1, 3, 125050, 1)
    assert (kept.payer, kept.service_date, kept.contract_version) == ("ACME", "2026-03-02", "2.1")
    assert kept.backfill
    assert kept.error == ("HL7", "AE", "PID^3", "")


def test_business_keys_are_kept_as_tokens_and_masks_only(sender):
    sender.post([event(data__business_keys={"account": "8812345678"})])

    [kept] = journaled()
    [(kind, token, masked)] = kept.business_keys
    assert (kind, masked, len(token)) == ("account", "••••5678", 32)
    assert b"8812345678" not in bytes(IngestBatch.objects.get().body)


@pytest.mark.parametrize("media", [ONE, f"{ONE}; charset=utf-8", ONE.upper()])
def test_one_structured_event_is_accepted(sender, media):
    assert sender.post(event(), media).json()["accepted"] == 1


def test_lines_are_accepted_and_empty_ones_do_not_count(sender):
    text = "\n\n".join(json.dumps(event()) for _ in range(3)) + "\r\n"

    assert sender.post(text, LINES).json()["accepted"] == 3


def test_an_unreadable_line_does_not_hold_up_its_neighbours(sender):
    text = f"{json.dumps(event())}\nnot json\n{json.dumps(event())}"

    answer = sender.post(text, LINES).json()

    assert answer["accepted"] == 2
    assert [(one["index"], one["code"]) for one in answer["rejected"]] == [(1, "invalid_json")]


def test_binary_mode_takes_attributes_from_headers(sender):
    sent = event(subject="Grüße %")
    headers = {f"ce-{name}": quote(str(sent[name])) for name in sent if name != "data"}

    answer = sender.post(sent["data"], "application/json", **headers)

    assert answer.json()["accepted"] == 1
    assert journaled()[0].correlation_id == "Grüße %"


def test_binary_mode_takes_quotes_off(sender):
    sent = event()
    headers = {f"ce-{name}": f'"{sent[name]}"' for name in sent if name != "data"}

    assert sender.post(sent["data"], "application/json", **headers).json()["accepted"] == 1


def test_an_empty_batch_is_valid(sender):
    answer = sender.post([])

    assert (answer.status_code, answer.json()["accepted"]) == (202, 0)
    assert IngestBatch.objects.get().state == IngestBatch.State.FOLDED


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("zstd", zstandard.ZstdCompressor().compress)],
)
def test_compressed_bodies_are_inflated(sender, encoding, pack):
    body = pack(json.dumps([event()]).encode())

    assert sender.post(body, Content_Encoding=encoding).json()["accepted"] == 1


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [("gzip", gzip.compress), ("zstd", zstandard.ZstdCompressor().compress)],
)
def test_members_and_frames_may_follow_one_another(sender, encoding, pack):
    parts = [json.dumps(event()).encode() + b"\n" for _ in range(3)]

    answer = sender.post(b"".join(map(pack, parts)), LINES, Content_Encoding=encoding)
    assert answer.json()["accepted"] == 3

    trailing = sender.post(pack(parts[0]) + b"more", LINES, Content_Encoding=encoding)
    assert trailing.json()["code"] == "corrupt_body"
    assert sender.post(b"", LINES, Content_Encoding=encoding).json()["code"] == "corrupt_body"


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_members_are_bounded_in_number_and_in_sum(sender, settings, encoding):
    pack = {"gzip": gzip.compress, "zstd": zstandard.ZstdCompressor().compress}[encoding]
    settings.THROUGHLINE_MAX_INFLATED_BYTES = 100_000

    flood = sender.post(pack(b"") * 20_001, LINES, Content_Encoding=encoding)
    bomb = sender.post(pack(bytes(50_000)) * 3, LINES, Content_Encoding=encoding)

    assert flood.json()["code"] == "corrupt_body"
    assert bomb.json()["code"] == "too_large"


def test_extension_attributes_are_taken_and_forgotten(sender):
    sent = event(traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", count=5)

    assert sender.post([sent]).json()["accepted"] == 1
    assert b"0af7651916cd43dd" not in bytes(IngestBatch.objects.get().body)


def test_optional_attributes_and_fields_may_be_null(sender):
    sent = event(dataschema=None, datacontenttype=None, data__interface=None, data__amount=None)

    assert sender.refusals(sent) == []


@pytest.mark.parametrize(
    ("kind", "data"),
    [
        (
            "checkpoint",
            {"workflow": "charge", "facility": "HOSPITAL", "business_date": "2026-03-02",
             "side": "source", "system": "ehr", "count": 12, "amount": "99.10", "keys": ["a", "b"]},
        ),
        ("finance", {"facility": "HOSPITAL", "date": "2026-03-02", "measure": "net", "value": 1.5}),
        ("heartbeat", {"interface": "charges", "queue_depth": 4, "status": "up"}),
        (
            "contract",
            {"interface": "charges", "version": "2", "digest": "sha256:1",
             "effective_at": "2026-03-02T00:00:00Z"},
        ),
    ],
)  # fmt: skip
def test_events_about_no_stage_carry_their_figures(sender, kind, data):
    sent = event(type=f"throughline.{kind}.v1", data=data, subject=...)

    assert sender.refusals(sent) == []
    [kept] = journaled()
    assert kept.transaction_id == ""
    assert kept.data


def test_test_events_are_acknowledged_and_never_kept(sender):
    answer = sender.post([event(data__test=True), event(data__test=True, data__facility="NOPE")])

    assert answer.json()["accepted"] == 1
    assert [one["code"] for one in answer.json()["rejected"]] == ["unknown_facility"]
    assert IngestBatch.objects.get().events == 0
    assert not Quarantine.objects.exists()


def test_a_facility_answers_to_the_senders_alias_and_to_everybodys(sender, network):
    assert sender.refusals(event(data__facility="H01")) == []
    assert sender.refusals(event(data__facility="everybody-says")) == []
    assert {kept.facility_id for kept in journaled()} == {
        network.hospital.pk,
        network.southern_hospital.pk,
    }


def test_an_alias_of_another_system_is_unknown(network):
    other = Sender(issue_key(source="billing").bearer)

    assert other.refusals(event(data__facility="H01")) == ["unknown_facility"]


def test_a_mixed_batch_stores_the_good_and_quarantines_the_bad(sender, network):
    answer = sender.post(
        [event(), event(data__stage="nowhere", id="bad"), event(time=moment(days=500))]
    )

    assert answer.json()["accepted"] == 1
    refused = answer.json()["rejected"]
    assert [(one["index"], one["code"], one["pointer"]) for one in refused] == [
        (1, "unknown_stage", "/data/stage"),
        (2, "time_too_old", "/time"),
    ]
    assert refused[0]["id"] == "bad"
    kept = Quarantine.objects.get(code="unknown_stage")
    assert str(kept.batch_id) == answer.json()["batch"]
    assert (kept.event_id, kept.facility_id) == ("bad", network.hospital.pk)


def test_a_refused_event_sent_again_is_not_kept_twice(sender):
    sent = event(data__facility="NOPE")

    assert sender.refusals(sent) == sender.refusals(sent) == ["unknown_facility"]
    assert Quarantine.objects.count() == 1
    assert [batch.rejected for batch in IngestBatch.objects.all()] == [1, 1]


def test_a_message_never_repeats_what_an_unknown_field_held(sender):
    sent = event(data__patient="Jane Doe", data__workflow="charge")

    answer = sender.post([sent])

    assert answer.json()["rejected"][0]["pointer"] == "/data/patient"
    assert b"Jane" not in answer.content
    assert "Jane" not in str(rows("SELECT * FROM telemetry_quarantine"))


# -- The ladder: keys ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key", ["", "src_a", "src_aaaaaaaa_b", "usr_x_y", "x" * 5000, "\x00", "src__"]
)
def test_a_key_that_is_none_is_refused(network, key):
    answer = Sender(key).post([event()])

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    assert answer.json()["code"] == "invalid_key"
    assert not IngestBatch.objects.exists()


def test_a_revoked_key_is_refused_at_once_even_if_it_was_just_used(sender):
    assert sender.post([event()]).status_code == 202
    prefix = SourceKey.objects.get().prefix
    # In another process: this one still remembers the key as live.
    SourceKey.objects.filter(prefix=prefix).update(revoked_at=moment())

    assert sender.post([event()]).status_code == 401
    assert sender.post([event(data__facility="NOPE")]).status_code == 401
    assert IngestBatch.objects.count() == 1
    assert not Quarantine.objects.exists()


def test_an_expired_key_is_refused(network):
    assert (
        Sender(issue_key(source="ehr", expires_at=moment(days=1)).bearer).post([]).status_code
        == 401
    )


def test_a_source_that_is_switched_off_is_refused(sender):
    Source.objects.update(active=False)

    assert sender.post([event()]).status_code == 401


def test_two_keys_overlap_while_one_replaces_the_other(network):
    old, new = (issue_key(source="ehr") for _ in range(2))

    assert Sender(old.bearer).post([event()]).status_code == 202
    assert Sender(new.bearer).post([event()]).status_code == 202
    assert revoke_key(source=old.key.source.code, prefix=old.key.prefix)
    assert Sender(old.bearer).post([event()]).status_code == 401
    assert Sender(new.bearer).post([event()]).status_code == 202


def test_use_of_a_key_is_noted(sender):
    sender.post([event()])

    assert SourceKey.objects.get().last_used_at is not None


def test_a_key_for_a_region_speaks_for_everything_below_it(network):
    northern = Sender(issue_key(source="ehr", facilities=["NORTH"]).bearer)

    answer = northern.post([event(), event(data__facility="SUNNY")])

    assert answer.json()["accepted"] == 1
    assert [one["code"] for one in answer.json()["rejected"]] == ["facility_forbidden"]


def test_a_post_for_foreign_facilities_only_is_forbidden_and_stores_nothing(network):
    northern = Sender(issue_key(source="ehr", facilities=["NORTH"]).bearer)

    answer = northern.post([event(data__facility="SUNNY")])

    assert (answer.status_code, answer.json()["code"]) == (403, "facility_forbidden")
    assert not IngestBatch.objects.exists()
    assert not Quarantine.objects.exists()


# -- The ladder: requests ------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["get", "put", "delete", "patch"])
def test_other_methods_are_refused(sender, method):
    answer = getattr(Client(), method)(EVENTS)

    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.parametrize(
    "media", ["application/json", "text/plain", "application/cloudevents+xml", ""]
)
def test_other_media_types_are_refused(sender, media):
    answer = sender.post(json.dumps(event()), media)

    assert (answer.status_code, answer.json()["code"]) == (415, "unknown_media_type")


def test_other_encodings_are_refused(sender):
    answer = sender.post(b"x", Content_Encoding="br")

    assert (answer.status_code, answer.json()["code"]) == (415, "unknown_encoding")


def test_a_body_over_the_limit_is_refused(sender, settings):
    settings.THROUGHLINE_MAX_BODY_BYTES = 1000

    answer = sender.post(b" " * 1001)

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_too_many_events_at_once_are_refused(sender, monkeypatch):
    monkeypatch.setattr(view, "MAX_EVENTS", 2)

    assert sender.post([event() for _ in range(3)]).json()["code"] == "too_many_events"


def test_too_many_requests_are_told_when_to_come_back(sender, settings):
    settings.THROUGHLINE_REQUESTS_PER_SECOND = 1

    answers = [sender.post([]) for _ in range(4)]

    assert [answer.status_code for answer in answers].count(429) >= 1
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert answers[-1].headers["Content-Type"] == "application/problem+json"


def test_a_body_without_a_length_is_refused_where_the_front_did_not_measure_it(sender):
    answer = Client().generic(
        "POST", EVENTS, b"",
        **{"CONTENT_TYPE": BATCH, "HTTP_AUTHORIZATION": f"Bearer {sender.key}",
           "HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input": io.BytesIO(b"[]")},
    )  # fmt: skip

    assert (answer.status_code, answer.json()["code"]) == (411, "length_required")


def test_a_body_that_ends_early_is_refused(sender):
    answer = Client().generic(
        "POST", EVENTS, b"[]", content_type=BATCH,
        **{"HTTP_AUTHORIZATION": f"Bearer {sender.key}", "CONTENT_LENGTH": "50",
           "wsgi.input": io.BytesIO(b"[]")},
    )  # fmt: skip

    assert (answer.status_code, answer.json()["code"]) == (400, "corrupt_body")
