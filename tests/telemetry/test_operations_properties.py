"""However acts on many, people and the catalogue take turns, no event is lost or doubled."""

from collections import Counter
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.catalog.models import FacilityAlias
from apps.catalog.snapshot import forget_snapshot
from apps.telemetry.canonical import decode_journal
from apps.telemetry.models import IngestBatch, Quarantine, QuarantineOperation
from apps.telemetry.queries import Selection, preview
from apps.telemetry.services import operations, redrive_quarantine
from apps.telemetry.services.quarantine import AlreadyResolved, CannotReopen, discard, reopen
from tests.telemetry.wire import event

NAMES = ("H-1", "H-2", "H-3")
# What may happen next: each is one commit, as it would be in production.
MOVES = st.lists(
    st.sampled_from(
        ["send", "resend", "discard all", "send on all", "send on as", "undo", "slice", "slice",
         "redrive", "alias", "discard one", "reopen one", "switch"]
    ),
    min_size=6, max_size=24,
)  # fmt: skip


class World:
    """One source, its events, and everything that may be done about them."""

    def __init__(self, sender, ivo, network) -> None:
        self.sender, self.ivo, self.network = sender, ivo, network
        self.sent: list[dict] = []
        self.aliases = iter(NAMES)

    def play(self, move: str) -> None:
        getattr(self, move.replace(" ", "_"))()

    def send(self) -> None:
        name = NAMES[len(self.sent) % len(NAMES)]
        self.sent.append(event(data__facility=name))
        self.sender.post([self.sent[-1]])

    def resend(self) -> None:
        if self.sent:
            self.sender.post([self.sent[0]])

    def ask(self, plan: operations.Plan) -> None:
        chosen = Selection("unknown_facility")
        last = preview(chosen, facilities=(), everywhere=True).last_id
        with suppress(operations.NothingToDo):
            operations.begin(chosen, plan, scope=None, by=self.ivo, last=last)

    def discard_all(self) -> None:
        self.ask(operations.Plan("discard", "for the test"))

    def send_on_all(self) -> None:
        self.ask(operations.Plan("resubmit"))

    def send_on_as(self) -> None:
        self.ask(operations.Plan("resubmit", field="facility", value="HOSPITAL"))

    def undo(self) -> None:
        for one in QuarantineOperation.objects.order_by("-id")[:1]:
            with suppress(operations.TooLate):
                operations.take_back(one.pk, by=self.ivo)

    def slice(self) -> None:
        operations.advance()

    def redrive(self) -> None:
        redrive_quarantine()

    def alias(self) -> None:
        if name := next(self.aliases, None):
            FacilityAlias.objects.create(alias=name, facility=self.network.hospital)
            forget_snapshot()

    def discard_one(self) -> None:
        for item in Quarantine.objects.filter(state="open")[:1]:
            with suppress(AlreadyResolved):
                discard(item=item, reason="for the test", by=self.ivo)

    def reopen_one(self) -> None:
        for item in Quarantine.objects.filter(state="discarded")[:1]:
            with suppress(CannotReopen):
                reopen(item=item, by=self.ivo)

    def switch(self) -> None:
        source = Quarantine.objects.first()
        if source:
            source.source.active = not source.source.active
            source.source.save()

    def finish(self) -> None:
        """Whoever is interrupted is followed by somebody who goes on."""
        for _ in range(50):
            if not operations.advance():
                break


def journaled() -> Counter:
    return Counter(
        one.event_id
        for batch in IngestBatch.objects.filter(events__gt=0)
        for one in decode_journal(bytes(batch.body))
    )


@pytest.mark.slow
@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(moves=MOVES)
def test_no_event_is_lost_or_sent_on_twice(sender, ivo, network, monkeypatch, moves):
    from django.db import transaction

    monkeypatch.setattr(operations, "AT_ONCE", 2)
    with transaction.atomic():
        world = World(sender, ivo, network)
        for move in ["send", *moves]:
            world.play(move)
        world.finish()

        closed = Quarantine.objects.filter(state__in=["resubmitted", "redriven"])
        went = Counter(closed.values_list("event_id", flat=True))
        accepted = journaled() - went
        # What left the quarantine was journaled, once each; the rest came in by its sender's hand.
        assert went - journaled() == Counter()
        assert all(closed.values_list("went_to_batch", flat=True))
        # Nothing fell between: each event lies here, or went on, or was taken at the door.
        known = set(Quarantine.objects.values_list("event_id", flat=True)) | set(accepted)
        posted = {one["id"] for one in world.sent}
        refused_at_the_door = {"switch"} & set(moves)
        assert known <= posted
        assert posted <= known or refused_at_the_door
        # Open at most once.
        waiting = Counter(
            Quarantine.objects.filter(state="open").values_list("event_id", flat=True)
        )
        assert max(waiting.values(), default=0) <= 1
        # An operation is over, or waits for a source that is switched off: never for nothing.
        assert not QuarantineOperation.objects.filter(state__in=["waiting", "undoing"]).exists()
        transaction.set_rollback(True)
    forget_snapshot()
