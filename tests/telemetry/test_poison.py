"""What must never break an endpoint, a neighbour or a later page: each row of the poison table."""

import gzip
import json
import resource
import time

import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.telemetry.canonical import decode_journal
from apps.telemetry.models import IngestBatch
from tests.telemetry.wire import BATCH, LINES, ONE, event, moment, rows

pytestmark = pytest.mark.slow


def item(text: str) -> str:
    """A batch of a good event, a text as it is, and another good event."""
    return f"[{json.dumps(event())}, {text}, {json.dumps(event())}]"


# Seconds of work. What grows with the square of a body would take minutes.
FAR_TOO_LONG = 20.0


def deep(levels: int) -> str:
    return '{"a":' * levels + "1" + "}" * levels


# What an event is made into, and the code that refuses it. Neighbours must always be accepted.
POISON = {
    "NUL in a text": (event(subject="a\x00b"), "control_character"),
    "NUL in a field": (event(data__payer="\x00"), "control_character"),
    "a control character": (event(id="a\x1bb"), "control_character"),
    "a lone surrogate": (event(subject="a\ud800"), "control_character"),
    "a lone surrogate in a name": (event(**{"data": {"\udfff": 1}}), "control_character"),
    "a lone surrogate in a business key": (
        event(data__business_keys={"account": "\ud800"}), "control_character",
    ),
    "a lone surrogate in a record's number": (
        event(type="throughline.checkpoint.v1", data={"keys": ["\ud800a"]}), "control_character",
    ),
    "one in either, of another type": (
        event(type="other", data={"business_keys": {"account": "a\udfff"}, "keys": ["\ud800"]}),
        "control_character",
    ),
    "an attempt beyond the column": (event(data__attempt=2**31), "too_large_number"),
    "a number of many digits": (event(data__attempt=10**400), "too_large_number"),
    "an attempt of zero": (event(data__attempt=0), "invalid_data"),
    "an amount of 10^20": (event(data__amount=10**20), "invalid_amount"),
    "an amount of 10^13": (event(data__amount="10000000000000"), "invalid_amount"),
    "an amount with three decimals": (event(data__amount="1.005"), "invalid_amount"),
    "an amount that floats": (event(data__amount=0.1 + 0.2), "invalid_amount"),
    "an amount in words": (event(data__amount="a lot"), "invalid_amount"),
    "an amount NaN as text": (event(data__amount="NaN"), "invalid_amount"),
    "an amount Infinity as text": (event(data__amount="-Infinity"), "invalid_amount"),
    "an amount with an underscore": (event(data__amount="1_0"), "invalid_amount"),
    "an amount in Arabic digits": (event(data__amount="\u0661\u0662"), "invalid_amount"),
    "an amount after a space": (event(data__amount=" 1.0"), "invalid_amount"),
    "an amount before a line break": (event(data__amount="1.0\n"), "control_character"),
    "an empty amount": (event(data__amount=""), "invalid_amount"),
    "DEL in a subject": (event(subject="a\x7fb"), "control_character"),
    "a C1 control in a subject": (event(subject="a\x85b"), "control_character"),
    "a noncharacter in a subject": (event(subject="a\ufdd0b"), "control_character"),
    "the last noncharacter in an id": (event(id="a\U0010ffff"), "control_character"),
    "an amount true": (event(data__amount=True), "invalid_amount"),
    "another currency": (event(data__amount="1", data__currency="EUR"), "unsupported_currency"),
    "year 1": (event(time="0001-01-01T00:00:00+14:00"), "time_too_old"),
    "year 9999": (event(time="9999-12-31T23:59:59-12:00"), "time_in_future"),
    "five minutes and more ahead": (event(time=moment(hours=-2)), "time_in_future"),
    "a time before retention": (event(time=moment(days=401)), "time_too_old"),
    "a time without offset": (event(time="2026-11-21T10:00:00"), "time_missing_offset"),
    "a time to the minute": (event(time="2026-11-21T10:00Z"), "invalid_attribute"),
    "a time in hours of offset": (event(time="2026-11-21T10:00:00+05"), "invalid_attribute"),
    "a 13th month": (event(time="2026-13-21T10:00:00Z"), "invalid_attribute"),
    "a time that is a number": (event(time=5), "invalid_attribute"),
    "no time": (event(time=...), "missing_attribute"),
    "a service date of year 1": (event(data__service_date="0001-01-01"), "invalid_data"),
    "a text over its length": (event(data__payer="x" * 65), "invalid_data"),
    "an id over its length": (event(id="x" * 257), "invalid_attribute"),
    "an id that is a number": (event(id=5), "invalid_attribute"),
    "no id": (event(id=...), "missing_attribute"),
    "an empty id": (event(id=""), "missing_attribute"),
    "no subject": (event(subject=...), "missing_attribute"),
    "an empty subject": (event(subject=""), "invalid_attribute"),
    "no specversion": (event(specversion=...), "missing_attribute"),
    "another specversion": (event(specversion="0.3"), "unsupported_specversion"),
    "a specversion that is a number": (event(specversion=1.0), "unsupported_specversion"),
    "another type": (event(type="com.example.other"), "unknown_type"),
    "no data": (event(data=...), "missing_attribute"),
    "data that is a list": (event(data=[]), "invalid_data"),
    "data and data_base64": (event(data_base64="e30="), "invalid_attribute"),
    "data in XML": (event(datacontenttype="application/xml"), "invalid_data"),
    "no media type": (event(datacontenttype="xyz"), "invalid_attribute"),
    "a fraction as an extension": (event(ext=4.2), "invalid_attribute"),
    "a long as an extension": (event(ext=2**31), "too_large_number"),
    "an object as an extension": (event(ext={}), "invalid_attribute"),
    "an extension with an underscore": (event(a_b="x"), "invalid_attribute"),
    "an unknown field": (event(data__patient_name="x"), "invalid_data"),
    "an unknown outcome": (event(data__outcome="fine"), "invalid_data"),
    "an unknown workflow": (event(data__workflow="nothing"), "unknown_workflow"),
    "an unknown stage": (event(data__stage="nothing"), "unknown_stage"),
    "an unknown facility": (event(data__facility="nothing"), "unknown_facility"),
    "an unknown interface": (event(data__interface="nothing"), "unknown_interface"),
    "a social security number": (event(subject="123-45-6789"), "phi_suspected"),
    "one among the business keys": (
        event(data__business_keys={"account": "123-45-6789"}), "phi_suspected",
    ),
    "a name among the business keys": (
        event(data__business_keys={"patient_name": "Doe"}), "phi_suspected",
    ),
    "a business key that is no word": (event(data__business_keys={"A b": "1"}), "invalid_data"),
    "a business key without a number": (event(data__business_keys={"account": ""}), "invalid_data"),
    "null": (None, "not_an_object"),
    "a number": (5, "not_an_object"),
    "a list": ([], "not_an_object"),
    "an empty object": ({}, "missing_attribute"),
}  # fmt: skip


@pytest.mark.parametrize(("poison", "code"), POISON.values(), ids=POISON)
def test_one_bad_event_is_refused_alone(sender, poison, code):
    answer = sender.post(item(json.dumps(poison))).json()

    assert answer["accepted"] == 2
    assert [(one["index"], one["code"]) for one in answer["rejected"]] == [(1, code)]
    assert answer["rejected"][0]["message"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"a": NaN}', "invalid_json"),
        ('{"a": -Infinity}', "invalid_json"),
        ('{"a": 1e400}', "missing_attribute"),
        ('{"a": 1e99999999999999999999}', "too_large_number"),
        ('{"a": 1, "a": 2}', "duplicate_key"),
        ('{"id" : "1", "id":"2", "x":"+0200"}', "duplicate_key"),
        ('{"data": {"b": {"c": 1, "c": 1}}}', "duplicate_key"),
        ('{"a": "\x00"}', "invalid_json"),
        ('{"a": }', "invalid_json"),
        (deep(33), "too_deep"),
        (deep(1_100), "too_deep"),
        ("[" * 1_100 + "]" * 1_100, "too_deep"),
        ('{"a": "' + "\\u00e9" * 200 + '"}', "missing_attribute"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_text_that_is_not_quite_json_is_refused_alone(sender, text, code):
    answer = sender.post(item(text)).json()

    assert answer["accepted"] == 2
    assert [(one["index"], one["code"]) for one in answer["rejected"]] == [(1, code)]


@pytest.mark.parametrize("character", ["\x7f", "\x80", "\x9f", "\ufdd0", "\ufffe", "\U0001ffff"])
def test_a_forbidden_character_sent_as_it_is_is_refused_alone(sender, character):
    bad = event(subject=f"a{character}b")
    texts = [json.dumps(one, ensure_ascii=False) for one in (event(), bad, event(subject="café"))]

    for body, media in ((f"[{','.join(texts)}]", BATCH), ("\n".join(texts), LINES)):
        answer = sender.post(body.encode(), media).json()
        assert answer["accepted"] == 2
        assert answer["rejected"][0]["code"] == "control_character"
        assert answer["rejected"][0]["pointer"] == "/subject"


@pytest.mark.parametrize("amount", ['"12.50"', "12.5", '"-3"', '"+1.0"', '"1e2"', '".5"', "1E+1"])
def test_a_number_in_plain_digits_is_an_amount(sender, amount):
    text = json.dumps(event(data__amount="?")).replace('"?"', amount)

    assert sender.post(text, ONE).json()["rejected"] == []


def test_a_doubled_member_of_a_good_event_is_refused(sender):
    doubled = json.dumps(event()).replace('"outcome": "ok"', '"outcome": "failed", "outcome": "ok"')

    assert sender.post(item(doubled)).json()["rejected"][0]["code"] == "duplicate_key"
    assert sender.post(doubled, ONE).json()["rejected"][0]["pointer"] == "/data/outcome"
    assert sender.post(f"{doubled}\n{doubled}", LINES).json()["accepted"] == 0


def test_bytes_that_are_not_utf_8_are_refused_alone(sender):
    body = item('{"a": "?"}').encode().replace(b"?", b"\xff")

    answer = sender.post(body).json()

    assert (answer["accepted"], answer["rejected"][0]["code"]) == (2, "invalid_json")


@pytest.mark.parametrize(
    "body",
    ["", "   ", "NaN", "nonsense", "{", "[", "[{]", "[1", '"text"', "null", "5", deep(10**6),
     "[" * 10**6, b"\xff\xfe["],
    ids=lambda body: str(body[:10]),
)  # fmt: skip
@pytest.mark.parametrize("media", [BATCH, ONE])
def test_a_body_that_holds_no_events_is_refused_whole(sender, media, body):
    started = time.process_time()

    answer = sender.post(body, media)

    assert answer.status_code in (400, 413), answer.content
    assert answer.json()["code"]
    assert not IngestBatch.objects.exists()
    assert time.process_time() - started < FAR_TOO_LONG


@pytest.mark.parametrize("items", [30_000, 600_000, 1_200_000])
def test_an_array_of_very_many_items_is_given_up_soon(sender, items):
    started = time.process_time()

    answer = sender.post("[" + "1," * items + "1]")

    assert (answer.status_code, answer.json()["code"]) == (413, "too_many_events")
    assert time.process_time() - started < FAR_TOO_LONG


@pytest.mark.parametrize(
    ("encoding", "bomb"),
    [
        ("gzip", gzip.compress(bytes(2**28))),
        ("zstd", zstandard.ZstdCompressor(level=19).compress(bytes(2**28))),
    ],
)
def test_a_bomb_is_refused_without_going_off(sender, encoding, bomb):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    answer = sender.post(bomb, Content_Encoding=encoding)

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000  # KiB


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
@pytest.mark.parametrize("body", [b"", b"not packed at all"])
def test_a_body_that_is_not_what_its_encoding_says_is_refused(sender, encoding, body):
    answer = sender.post(body, Content_Encoding=encoding)

    assert (answer.status_code, answer.json()["code"]) == (400, "corrupt_body")


def test_a_zstd_body_that_ends_early_is_refused(sender):
    body = zstandard.ZstdCompressor().compress(json.dumps([event()] * 9).encode())[:-9]

    assert sender.post(body, Content_Encoding="zstd").json()["code"] == "corrupt_body"


def test_free_text_of_an_error_is_never_kept(sender):
    error = {"code": "AE\\x", "message": "Jane Doe, 123-45-6789, born <b>1970</b>\n"}

    assert sender.refusals(event(data__error=error), event(data__error=error, data__stage="x"))
    kept = str(bytes(rows("SELECT body FROM telemetry_ingestbatch")[0][0]))
    assert "Jane" not in kept + str(rows("SELECT view FROM telemetry_quarantine"))
    assert "AEx" in kept


# Half surrogate pairs, too: JSON can write them, and UTF-8 cannot.
texts = st.text(st.characters(exclude_categories=()))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
attributes = st.sampled_from([*event(), "data_base64", "ext", "traceparent"])
fields = st.sampled_from([*event()["data"], "amount", "error", "business_keys", "attempt", "keys"])
numbers = st.fixed_dictionaries(
    {},
    optional={
        "business_keys": st.dictionaries(st.sampled_from(["account", "claim", "A b"]), texts),
        "keys": st.lists(texts, max_size=4),
    },
)
events = st.builds(
    lambda changes, data, keys: {
        **event(),
        **changes,
        "data": {**event()["data"], **data, **keys},
    },
    st.dictionaries(attributes, json_values, max_size=2),
    st.dictionaries(fields, json_values, max_size=2),
    numbers,
)
fuzz = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


@fuzz
@given(batch=st.lists(events | json_values, max_size=6))
def test_every_event_of_any_batch_is_accepted_or_refused(sender, batch):
    answer = sender.post(json.dumps(batch))

    assert answer.status_code == 202, answer.content
    told = answer.json()
    assert told["accepted"] + len(told["rejected"]) == len(batch)


@fuzz
@given(body=st.binary(max_size=200), media=st.sampled_from([BATCH, ONE, LINES]))
def test_no_bytes_are_a_fault_of_ours(sender, body, media):
    assert sender.post(body, media).status_code in (202, 400)


@fuzz
@given(one=events)
def test_both_paths_understand_an_event_alike(sender, one):
    """An attribute that nobody reads sends an event down the careful path."""
    plain = sender.post([one])
    careful = sender.post([{**one, "nobodyreads": "this"}])

    refused = [
        [(refusal["code"], refusal["pointer"]) for refusal in answer.json()["rejected"]]
        for answer in (plain, careful)
    ]
    assert refused[0] == refused[1]
    if not refused[0]:
        first, second = (
            decode_journal(bytes(IngestBatch.objects.get(id=answer.json()["batch"]).body))
            for answer in (plain, careful)
        )
        assert first == second
