"""Acts on many refused events: what they touch, what they leave, and how they are taken back."""

from datetime import timedelta

import pytest
from django.utils.timezone import now
from pytest_django.asserts import assertContains

from apps.accounts.models import User
from apps.catalog.models import FacilityAlias
from apps.catalog.snapshot import forget_snapshot
from apps.telemetry.models import IngestBatch, Quarantine, QuarantineOperation, Source
from apps.telemetry.queries import Selection, preview
from apps.telemetry.services import advance_operations
from apps.telemetry.services.keys import issue_key
from apps.telemetry.services.operations import (
    NothingToDo,
    Plan,
    TooLate,
    begin,
    take_back,
)
from tests.telemetry.wire import Sender, event

pytestmark = pytest.mark.slow

BULK = "/quarantine/all/?code=unknown_facility"
EVERYWHERE = {"facilities": (), "everywhere": True}


def refused(sender, count=3, **changes):
    sender.post([event(**{"data__facility": "H-99", **changes}) for _ in range(count)])


def states() -> list[str]:
    return sorted(Quarantine.objects.values_list("state", flat=True))


def ask(by: User, act: str, code: str = "unknown_facility", scope=None, **said):
    shown = preview(Selection(code), **EVERYWHERE)
    return begin(Selection(code), Plan(act, **said), scope=scope, by=by, last=shown.last_id)


def test_giving_up_is_worked_off_and_can_be_taken_back(ivo, sender):
    refused(sender)
    asked = ask(ivo, "discard", reason="A test system")

    assert states() == ["open"] * 3
    advance_operations()
    assert states() == ["discarded"] * 3
    assert set(Quarantine.objects.values_list("reason", "resolved_by")) == {
        ("A test system", ivo.pk)
    }

    take_back(asked, by=ivo)
    advance_operations()
    assert states() == ["open"] * 3
    operation = QuarantineOperation.objects.get()
    assert (operation.state, operation.changed, operation.restored) == ("undone", 3, 3)


def test_what_comes_after_the_preview_is_left_alone(ivo, sender):
    refused(sender, 2)
    shown = preview(Selection("unknown_facility"), **EVERYWHERE)
    refused(sender, 1)

    begin(Selection("unknown_facility"), Plan("discard", "why"), scope=None, by=ivo,
          last=shown.last_id)  # fmt: skip
    advance_operations()

    assert states() == ["discarded", "discarded", "open"]


def test_all_of_one_name_are_sent_on_with_another(ivo, sender):
    refused(sender)
    ask(ivo, "resubmit", field="facility", value="HOSPITAL")

    advance_operations()

    assert states() == ["resubmitted"] * 3
    assert IngestBatch.objects.filter(events=3).count() == 1
    item = Quarantine.objects.first()
    assert item.went_to_batch and item.went_to_transaction


def test_what_is_still_refused_stays_open_with_its_reason_of_now(ivo, sender):
    refused(sender, 1)
    refused(sender, 1, data__amount="12.50", data__currency="EUR")
    ask(ivo, "resubmit", field="facility", value="HOSPITAL")

    advance_operations()

    assert states() == ["open", "resubmitted"]
    assert Quarantine.objects.get(state="open").code == "unsupported_currency"
    operation = QuarantineOperation.objects.get()
    assert (operation.state, operation.changed, operation.refused) == ("done", 1, 1)


def test_events_of_a_source_that_is_switched_off_stay(ivo, sender):
    refused(sender)
    Source.objects.update(active=False)
    ask(ivo, "resubmit", field="facility", value="HOSPITAL")

    advance_operations()

    assert states() == ["open"] * 3
    assert not IngestBatch.objects.filter(events__gt=0).exists()


def test_only_events_of_ones_own_facilities_are_touched(bea, sender, network):
    north = [network.north.pk, network.hospital.pk, network.department.pk]
    sender.post([event(data__stage="nowhere"), event(data__stage="no", data__facility="SUNNY")])

    ask(bea, "discard", code="unknown_stage", scope=north, reason="no such stage")
    advance_operations()

    left = Quarantine.objects.get(state="open")
    assert left.facility == network.southern_hospital


def test_an_event_that_came_again_is_not_there_twice_after_undoing(ivo, sender):
    again = event(data__facility="H-99")
    sender.post([again])
    asked = ask(ivo, "discard", reason="by mistake")
    advance_operations()
    sender.post([again])

    take_back(asked, by=ivo)
    advance_operations()

    assert states() == ["discarded", "open"]


def test_what_was_sent_on_cannot_be_taken_back(ivo, sender):
    refused(sender)
    asked = ask(ivo, "resubmit", field="facility", value="HOSPITAL")
    advance_operations()

    with pytest.raises(TooLate):
        take_back(asked, by=ivo)


def test_undoing_has_its_time(ivo, sender):
    refused(sender)
    asked = ask(ivo, "discard", reason="by mistake")
    advance_operations()
    QuarantineOperation.objects.update(finished_at=now() - timedelta(hours=1))

    with pytest.raises(TooLate):
        take_back(asked, by=ivo)


def test_what_has_not_gone_yet_can_be_stopped(ivo, sender):
    refused(sender)
    asked = ask(ivo, "resubmit", field="facility", value="HOSPITAL")

    take_back(asked, by=ivo)
    advance_operations()

    assert states() == ["open"] * 3
    assert QuarantineOperation.objects.get().state == "stopped"


def test_nothing_selected_is_nothing_to_do(ivo, sender):
    with pytest.raises(NothingToDo):
        ask(ivo, "discard", reason="nothing there")


def test_an_alias_and_an_act_at_once_send_an_event_on_once(ivo, sender, network):
    from apps.telemetry.services import redrive_quarantine

    refused(sender)
    ask(ivo, "resubmit")
    FacilityAlias.objects.create(system=None, alias="H-99", facility=network.hospital)
    forget_snapshot()

    redrive_quarantine()
    advance_operations()

    assert states() == ["redriven"] * 3
    assert sum(IngestBatch.objects.values_list("events", flat=True)) == 3


# -- Pages ---------------------------------------------------------------------------------------


def test_the_preview_says_whose_and_where(signed_in, ivo, sender):
    refused(sender)

    page = signed_in(ivo).get(BULK)

    assertContains(page, "3 events: unknown facility")
    assertContains(page, "Not known")


def test_asking_for_it_leads_to_its_progress_and_its_undoing(signed_in, ivo, sender):
    refused(sender)
    client = signed_in(ivo)
    last = client.get(BULK).context["form"]["last"].value()

    begun = client.post(BULK, {"act": "discard", "last": last, "reason": "A test system"})
    page = client.get(begun.url)
    assertContains(page, "every 1s")
    assert "HX-Trigger" not in page.headers

    advance_operations()
    ended = client.get(begun.url, headers={"HX-Request": "true"})
    assertContains(ended, "Undo")
    assert "refresh" in ended.headers["HX-Trigger"]
    client.post(f"{begun.url}undo/")
    advance_operations()
    assertContains(client.get(begun.url), "Undone")
    assertContains(client.get("/quarantine/operations/"), "Give up: unknown facility")


@pytest.mark.parametrize(
    ("said", "complaint"),
    [
        ({"act": "discard"}, "Say why they are given up."),
        ({"act": "discard", "reason": "no"}, "at least 5 characters"),
        ({"act": "resubmit", "field": "facility"}, "Name a field and its value, or neither."),
    ],
)
def test_a_mistake_is_explained_beside_the_field(signed_in, ivo, sender, said, complaint):
    refused(sender)
    client = signed_in(ivo)
    last = client.get(BULK).context["form"]["last"].value()

    assertContains(client.post(BULK, {"last": last, **said}), complaint)
    assert not QuarantineOperation.objects.exists()


def test_many_events_take_their_number(signed_in, ivo, sender, monkeypatch):
    monkeypatch.setattr("apps.telemetry.forms.quarantine.TYPED_ABOVE", 2)
    refused(sender)
    client = signed_in(ivo)
    said = {"act": "discard", "reason": "A test system",
            "last": client.get(BULK).context["form"]["last"].value()}  # fmt: skip

    assertContains(client.post(BULK, said), "Type 3, the number of events")
    assert client.post(BULK, said | {"typed": "3"}).status_code == 302


def test_a_selection_without_a_reason_leads_back(signed_in, ivo):
    assert signed_in(ivo).get("/quarantine/all/").url == "/quarantine/"


def test_an_act_on_elsewhere_does_not_exist(signed_in, bea, ivo, sender):
    refused(Sender(issue_key(source="all").bearer))
    asked = ask(ivo, "discard", reason="network-wide")

    assert signed_in(bea).get(f"/quarantine/operations/{asked}/").status_code == 404
    assert signed_in(bea).post(f"/quarantine/operations/{asked}/undo/").status_code == 404
