"""Other people's CloudEvents, accepted or refused as their manifest says."""

import json
import re
from pathlib import Path

import pytest

from apps.telemetry.models import IngestBatch, Quarantine
from tests.telemetry.wire import BATCH, ONE

pytestmark = pytest.mark.slow

CORPORA = Path(__file__).parent.parent / "corpora"
FACTS = [json.loads(line) for line in (CORPORA / "facts.jsonl").read_text().splitlines()]
DOCUMENTS = [fact for fact in FACTS if fact["file"].endswith(".json")]
REQUESTS = [fact for fact in FACTS if fact["file"].endswith(".txt")]
XML = [fact for fact in FACTS if fact["file"].endswith(".xml")]
DEFECTS = {
    "fail_numeric_decimal.json": "invalid_attribute",
    "fail_numeric_long.json": "too_large_number",
    "v1/json_data_with_ext_invalid.json": "invalid_attribute",
}


def named(facts):
    return pytest.mark.parametrize("fact", facts, ids=lambda fact: fact["file"])


def expected_code(fact) -> str:
    """None of these types is ours; what is wrong with the envelope itself comes first."""
    for end, code in DEFECTS.items():
        if fact["file"].endswith(end):
            return code
    is_old = "0.3" in fact["facts"].get("specversion", [])
    return "unsupported_specversion" if is_old else "unknown_type"


def split_request(text: bytes) -> tuple[dict[str, str], bytes]:
    head, _, body = text.partition(b"\n\n")
    lines = (line.split(":", 1) for line in head.decode().splitlines())
    return {name.strip().lower(): value.strip() for name, value in lines}, body


def test_every_file_is_accounted_for():
    files = {path for path in CORPORA.rglob("*") if path.is_file()}
    ours = {CORPORA / "README.md", CORPORA / "facts.jsonl", *(CORPORA / "LICENSES").iterdir()}

    assert files - ours == {CORPORA / fact["file"] for fact in FACTS}


@named(DOCUMENTS)
def test_a_document_is_refused_event_by_event_and_never_called_invalid(sender, fact):
    media = BATCH if fact["facts"].get("batch") else ONE

    answer = sender.post((CORPORA / fact["file"]).read_bytes(), media)

    assert answer.status_code == 202
    told = answer.json()
    assert told["accepted"] == 0
    assert [one["id"] for one in told["rejected"]] == fact["facts"]["ids"]
    assert {one["code"] for one in told["rejected"]} <= {expected_code(fact)}
    assert Quarantine.objects.count() == len(set(fact["facts"]["ids"]))


@named(REQUESTS)
def test_a_binary_mode_request_is_of_unknown_type(sender, fact):
    headers, body = split_request((CORPORA / fact["file"]).read_bytes())

    answer = sender.post(body, headers.pop("content-type", ""), **headers)

    assert [one["code"] for one in answer.json()["rejected"]] == ["unknown_type"]


@named(XML)
def test_xml_is_another_format(sender, fact):
    answer = sender.post((CORPORA / fact["file"]).read_bytes(), "application/cloudevents+xml")

    assert (answer.status_code, answer.json()["code"]) == (415, "unknown_media_type")
    assert not IngestBatch.objects.exists()


def test_the_sample_requests_of_a_web_framework_are_understood(sender):
    """Structured, binary with quoted values, binary without a body, binary with XML."""
    text = (CORPORA / "cloudevents/ce-sdk-csharp/AspNetCoreSample.http").read_bytes()
    parts = re.split(rb"###[^\n]*\n+", text.replace(b"\r\n", b"\n"))
    requests = [part for part in parts if part.startswith(b"POST")]
    codes = []
    for request in requests:
        headers, body = split_request(request.partition(b"\n")[2].strip() + b"\n\n")
        answer = sender.post(body.strip(), headers.pop("content-type", ""), **headers)
        codes += [one["code"] for one in answer.json()["rejected"]]

    assert codes == ["unknown_type"] * 4
