"""A sender that repeats itself, or goes mad, fills no table and loses nothing silently."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection
from django.utils.timezone import now
from pytest_django.asserts import assertContains, assertNotContains

from apps.telemetry.models import Quarantine, QuarantineDay
from apps.telemetry.services import quarantine
from apps.telemetry.services.keys import issue_key
from apps.telemetry.services.retention import forget_quarantine
from tests.telemetry.wire import LINES, Sender, event, rows

LIST = "/quarantine/"


def seen() -> list[tuple[str, int]]:
    return list(Quarantine.objects.order_by("id").values_list("code", "seen"))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (json.dumps(event(id=...)), "missing_attribute"),
        ("nonsense", "invalid_json"),
        ("5", "not_an_object"),
        (json.dumps(event(data__stage="nowhere")), "unknown_stage"),
        ('{"a": 1, "a": 2}', "duplicate_key"),
    ],
    ids=["no id", "no JSON", "no object", "unknown", "doubled"],
)
def test_the_same_refused_event_again_is_counted_on_its_row(sender, text, code):
    first = sender.post(f"{text}\n{text}", LINES).json()
    second = sender.post(text, LINES).json()

    assert [one["code"] for one in first["rejected"] + second["rejected"]] == [code] * 3
    assert seen() == [(code, 3)]
    item = Quarantine.objects.get()
    assert item.last_seen_at >= item.received_at
    assert str(item.batch_id) == first["batch"]


def test_other_content_another_reason_and_another_source_are_not_the_same(sender):
    for other in (event(id=...), event(id=..., subject="x"), event(id=..., specversion="0.3")):
        sender.post([other])
    Sender(issue_key(source="lab").bearer).post(["5"])
    sender.post(["5"])

    assert [times for _, times in seen()] == [1] * 5


def test_what_was_closed_is_kept_anew_when_it_comes_again(sender, ivo):
    sender.post([event(id=..., subject="x")])
    body = [event(id=..., subject="y")]
    sender.post(body)
    quarantine.discard(item=Quarantine.objects.latest("id"), reason="a test", by=ivo)

    sender.post(body)

    assert Quarantine.objects.filter(state="open", seen=1).count() == 2


def test_the_digest_tells_nothing_without_the_key(sender, settings):
    body = [event(data__business_keys={"patient_name": "Doe"})]
    sender.post(body)
    settings.TOKEN_KEY = b"another key"
    sender.post(body)

    first, second = Quarantine.objects.values_list("digest", flat=True)
    assert bytes(first) != bytes(second)
    assert "Doe" not in str(rows("SELECT * FROM telemetry_quarantine"))


@pytest.mark.parametrize("together", [True, False])
def test_beyond_a_days_rows_refused_events_are_listed_and_counted(sender, settings, together):
    settings.THROUGHLINE_QUARANTINE_ROWS_A_DAY = 5
    sender.post([event(data__stage="first")])
    flood = [event(id=..., subject=f"x{n}") for n in range(8)]

    if together:
        rejected = sender.post(flood).json()["rejected"]
    else:
        rejected = [one for item in flood for one in sender.post([item]).json()["rejected"]]

    assert len(rejected) == 8
    assert len(seen()) == 5
    [day] = QuarantineDay.objects.all()
    assert (day.kept, day.overflow) == (5, 4)
    sender.post([flood[0], event(data__stage="first")])
    assert ("missing_attribute", 2) in seen()


def test_each_source_has_days_of_its_own(sender, settings):
    settings.THROUGHLINE_QUARANTINE_ROWS_A_DAY = 1
    other = Sender(issue_key(source="lab").bearer)
    QuarantineDay.objects.create(source_id=1, day=now().date() - timedelta(1), kept=1, overflow=0)

    for one in (sender, other):
        one.post([event(id=...)])

    assert len(seen()) == 2


def test_the_page_says_how_often_and_how_many_more(signed_in, ivo, bea, sender, settings):
    settings.THROUGHLINE_QUARANTINE_ROWS_A_DAY = 1
    body = [event(data__stage="nowhere")]
    sender.post(body)
    sender.post(body)
    sender.post([event(data__stage="nowhere") for _ in range(3)])

    page = signed_in(ivo).get(LIST)

    assertContains(page, "seen 2 times")
    assertContains(page, "3 more refused events of ehr")
    assertContains(signed_in(ivo).get(f"{LIST}{Quarantine.objects.get().pk}/"), "2 times, last")
    assertNotContains(signed_in(bea).get(LIST), "more refused")


@pytest.mark.django_db(transaction=True)
def test_requests_that_repeat_the_same_events_at_once_neither_double_nor_deadlock(sender):
    events = [event(id=..., subject=f"x{n}") for n in range(50)]
    bodies = [events, events[::-1]] * 4

    def post(body) -> int:
        try:
            return sender.post(body).status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        assert set(threads.map(post, bodies)) == {202}
    assert [times for _, times in seen()] == [8] * 50


def test_the_quarantine_forgets_what_was_closed_and_what_is_too_old(sender, ivo, settings):
    settings.THROUGHLINE_QUARANTINE_RETENTION_DAYS = 30
    settings.THROUGHLINE_EVENT_RETENTION_DAYS = 400
    ages = {"old and closed": 31, "closed": 29, "old and open": 401, "open": 399}
    for name in ages:
        sender.post([event(id=..., subject=name)])
    for item, (name, days) in zip(Quarantine.objects.order_by("id"), ages.items(), strict=True):
        age(item, days=days, closed="closed" in name)
    QuarantineDay.objects.create(source_id=9, day=now().date() - timedelta(31), kept=1, overflow=1)

    assert forget_quarantine() == 2
    assert forget_quarantine() == 0

    left = [item.view["event"]["subject"] for item in Quarantine.objects.order_by("received_at")]
    assert left == ["open", "closed"]
    assert QuarantineDay.objects.count() == 1


def age(item: Quarantine, *, days: int, closed: bool) -> None:
    """Make an item as old as this, its id too; `closed` that long ago."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE telemetry_quarantine
               SET id = uuidv7(make_interval(days => -%(days)s)),
                   received_at = now() - make_interval(days => %(days)s),
                   state = CASE WHEN %(closed)s THEN 'discarded' ELSE 'open' END,
                   resolved_at = CASE WHEN %(closed)s THEN now() - make_interval(days => %(days)s)
                                 END
             WHERE id = %(id)s
            """,
            {"id": item.id, "days": days, "closed": closed},
        )


def test_maintenance_forgets_too(sender, ivo, settings):
    from apps.pipeline.services import maintain

    sender.post([event(id=...)])
    age(Quarantine.objects.get(), days=settings.THROUGHLINE_QUARANTINE_RETENTION_DAYS, closed=True)

    maintain()

    assert not Quarantine.objects.exists()


def test_a_conflict_that_comes_again_is_counted_on_its_row(sender):
    from apps.pipeline.services import fold_waiting

    first = event()
    sender.post([first])
    for _ in range(3):
        sender.post([first | {"subject": "other"}])
        fold_waiting()

    assert seen() == [("conflict", 3)]
