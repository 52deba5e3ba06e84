"""manage.py ingest: files of events through the same door."""

import gzip
import io
import json
import sys

import pytest
import zstandard
from django.core.management import CommandError, call_command

from apps.pipeline.services import fold_waiting
from apps.telemetry.models import Event, IngestBatch, Source
from tests.telemetry.wire import event


def run(*arguments) -> str:
    out = io.StringIO()
    call_command("ingest", *map(str, arguments), stdout=out, stderr=io.StringIO())
    return out.getvalue()


def lines(count: int) -> bytes:
    return "".join(json.dumps(event()) + "\n" for _ in range(count)).encode()


@pytest.fixture
def file(tmp_path):
    def write(name: str, content) -> str:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return str(path)

    return write


def test_one_event_a_batch_and_lines_are_ingested(network, file):
    out = run(
        file("one.json", event()),
        file("pretty.json", json.dumps(event(), indent=2).encode()),
        file("batch.json", [event(), event()]),
        file("lines.ndjson", lines(3)),
    )

    assert "7 events in 4 file(s): 7 accepted, 0 in quarantine." in out
    assert Source.objects.get().code == "files"


@pytest.mark.parametrize(
    ("name", "pack"),
    [("a.ndjson.gz", gzip.compress), ("a.zst", zstandard.ZstdCompressor().compress)],
)
def test_packed_files_are_unpacked(network, file, name, pack):
    assert "5 accepted" in run(file(name, pack(lines(5))))


def test_standard_input_is_read(network, monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BufferedReader(io.BytesIO(lines(2)))))

    assert "2 accepted" in run("-")


def test_a_saved_binary_mode_request_is_ingested(network, file):
    sent = event()
    head = "".join(f"ce-{name}: {sent[name]}\n" for name in sent if name != "data")
    text = f"{head}content-type: application/json\n\n{json.dumps(sent['data'])}"

    assert "1 accepted" in run(file("a.headers-and-body.txt", text.encode()))


def test_long_files_become_batches_of_a_thousand(network, file):
    run(file("lines.ndjson", lines(2_500)), "--source", "ehr")

    assert sorted(IngestBatch.objects.values_list("events", flat=True)) == [500, 1000, 1000]
    assert IngestBatch.objects.first().source.system == network.ehr


def test_half_a_surrogate_pair_stops_no_file(network, file):
    bad = event(data__business_keys={"account": "\ud800"})

    out = run(file("batch.json", [event(), bad, event(type="other", data={"keys": ["\ud800"]})]))

    assert "1 accepted, 2 in quarantine" in out
    assert "2  control_character" in out


def test_bad_lines_are_counted_by_reason(network, file):
    out = run(
        file("lines.ndjson", lines(2) + b"nonsense\n" + json.dumps(event(data__stage="x")).encode())
    )

    assert "4 events in 1 file(s): 2 accepted, 2 in quarantine." in out
    assert "1  invalid_json" in out
    assert "1  unknown_stage" in out


def test_a_run_can_go_on_where_another_stopped(network, file):
    path = file("lines.ndjson", lines(1_500))

    assert "501 accepted" in run("--from", 1_000, path)
    assert "2 accepted" in run("--from", 2, file("batch.json", [event() for _ in range(3)]))


def test_a_file_that_cannot_be_read_does_not_stop_the_others(network, file, tmp_path):
    good = file("good.ndjson", lines(1))
    cut = file("cut.ndjson.gz", gzip.compress(lines(9))[:-20])

    with pytest.raises(CommandError, match="4 file"):
        run(tmp_path / "absent", tmp_path, cut, file("broken.json", b"{"), good)
    assert IngestBatch.objects.get().events == 1


def test_an_interrupted_run_says_how_to_go_on(network, file, monkeypatch):
    path = file("lines.ndjson", lines(1_200))
    done = []

    def accept_once(*args, **kwargs):
        if done:
            raise KeyboardInterrupt
        done.append(1)
        return original(*args, **kwargs)

    from apps.telemetry.management.commands import ingest

    original = ingest.accept
    monkeypatch.setattr(ingest, "accept", accept_once)

    with pytest.raises(CommandError, match=r"ingest --from 1001 .*lines\.ndjson"):
        run(path)


def test_a_source_that_is_switched_off_takes_no_files(network, file):
    Source.objects.create(code="files", name="Files", active=False)

    with pytest.raises(CommandError, match="switched off"):
        run(file("one.json", event()))


@pytest.mark.usefixtures("transactional_db")
def test_ingesting_a_file_again_stores_nothing_twice(network, file):
    path = file("lines.ndjson", lines(20))

    for _ in range(2):
        run(path)
        fold_waiting()

    assert Event.objects.count() == 20
    assert sum(batch.duplicates for batch in IngestBatch.objects.all()) == 20
