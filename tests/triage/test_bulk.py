"""An act on many cases touches what was shown, once, and can be taken back."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.utils.timezone import now
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.accounts.models import AuditEvent, User
from apps.core.db import execute, fetch_value
from apps.triage import policy
from apps.triage.filters import Asked
from apps.triage.models import BulkItem, BulkOperation, Case, CaseEvent, Pend, Status, Verb
from apps.triage.reader import reader
from apps.triage.services import NotAllowed, Refused, bulk, bulk_run, note
from apps.triage.services.bulk import Confirmed, Selection
from tests.triage.desk import Desk

State, ItemState = BulkOperation.State, BulkItem.State
WHY = {"reason": "The payer was down."}
SAID: dict[Verb, dict[str, Any]] = {
    Verb.PEND: {"waits_for": "payer", "until": "tomorrow"} | WHY,
    Verb.BRING_BACK: {},
    Verb.RESOLVE: {"resolution": "by_hand"} | WHY,
    Verb.DISMISS: {"scope": "this_case"} | WHY,
    Verb.REOPEN: WHY,
    Verb.ESCALATE: WHY,
    Verb.DEESCALATE: WHY,
    Verb.NOTE: WHY,
}


def of(*cases: Case) -> Selection:
    return Selection(ids=[one.pk for one in cases])


def everything(**asked: str) -> Selection:
    return Selection(asked=Asked.of(asked))


def previewed(by: User, verb: Verb, selection: Selection) -> BulkOperation:
    return bulk.preview(reader(by, now()), verb, selection)


def begin(by: User, verb: Verb, selection: Selection, **params: Any) -> BulkOperation:
    operation = previewed(by, verb, selection)
    bulk.aim(operation.pk, params or SAID[verb], by)
    operation.refresh_from_db()
    said = Confirmed(operation.preview_hash, str(operation.total))
    return bulk.run(operation.pk, said, by)


def finish(operation: BulkOperation) -> BulkOperation:
    bulk_run.advance_bulk()
    operation.refresh_from_db()
    return operation


def state_of(operation: BulkOperation) -> dict[UUID, tuple[str, str]]:
    return {one.case_id: (one.state, one.skip_reason) for one in operation.items.all()}


def many(desk: Desk, count: int) -> list[Case]:
    return [desk.case() for _ in range(count)]


def rows(cases: Sequence[Case]) -> list[str]:
    """Every column of cases, and what they wait for, but for version and the sweep's own."""
    sql = """
    SELECT COALESCE(jsonb_agg(to_jsonb(c) - 'version' - 'wake_at'
           || jsonb_build_object('pend', to_jsonb(p)) ORDER BY c.id), '[]')::text
      FROM triage_case c LEFT JOIN triage_pend p ON p.case_id = c.id
     WHERE c.id = ANY(%(ids)s::uuid[])
    """
    return [fetch_value(sql, {"ids": [one.pk for one in cases]})]


def test_a_lead_assigns_what_was_selected(desk: Desk):
    cases, other = many(desk, 3), desk.case()
    done = finish(begin(desk.sue, Verb.ASSIGN, of(*cases), to=desk.bob.pk))
    assert (done.state, done.completed) == (State.COMPLETED, 3)
    given = Case.objects.filter(assignee=desk.bob, is_assigned_by_hand=True)
    assert {one.pk for one in given} == {one.pk for one in cases}
    other.refresh_from_db()
    assert other.version == 1


def test_each_case_has_the_row_of_history_that_a_single_act_writes(desk: Desk):
    case = desk.case()
    done = finish(begin(desk.sue, Verb.RESOLVE, of(case)))
    event = CaseEvent.objects.filter(case=case).latest("id")
    assert (event.kind, event.actor, event.op_id) == ("resolved", desk.sue, done.pk)
    assert (event.before, event.after, event.reason) == ("open", "resolved", WHY["reason"])
    assert event.undo is not None


def test_what_arrives_after_the_preview_is_not_touched(desk: Desk):
    before = many(desk, 2)
    operation = previewed(desk.sue, Verb.ESCALATE, everything())
    later = many(desk, 50)
    bulk.aim(operation.pk, WHY, desk.sue)
    bulk.run(operation.pk, Confirmed(operation.preview_hash), desk.sue)
    assert finish(operation).completed == 2
    assert {one.pk for one in before} == set(state_of(operation))
    assert not Case.objects.filter(pk__in=[one.pk for one in later]).exclude(version=1).exists()


def test_a_query_is_evaluated_with_the_filters_of_the_queue_but_for_what_was_left_out(desk: Desk):
    dear, cheap, spared = (desk.case(amount_minor=minor) for minor in (900_000, 500, 800_000))
    selection = Selection(asked=Asked.of({"dollars": "over-1000"}), excluded=[spared.pk])
    operation = previewed(desk.sue, Verb.NOTE, selection)
    assert set(state_of(operation)) == {dear.pk}
    assert operation.amount_minor == 900_000
    assert operation.selection == {"query": "dollars=over-1000", "excluded": [str(spared.pk)]}
    assert cheap.version == 1


def test_nobody_freezes_a_case_of_another_facility(desk: Desk):
    mine, theirs = desk.case(), desk.case(facility=desk.network.facilities[1])
    operation = previewed(desk.sue, Verb.NOTE, of(mine, theirs))
    assert set(state_of(operation)) == {mine.pk}
    with pytest.raises(Refused):
        previewed(desk.sue, Verb.NOTE, of(theirs))
    assert not bulk.visible_to(desk.zoe).filter(pk=operation.pk).exists()


def test_the_preview_says_what_will_be_skipped_and_why(desk: Desk):
    going, over = desk.case(amount_minor=100), desk.case(Status.RESOLVED)
    foreign = desk.case(kind=desk.kinds["billing"])
    near = desk.case(money_due_at=now() + timedelta(hours=3), kind=desk.kinds["technical"])
    mine = desk.case(kind=desk.kinds["technical"])
    operation = previewed(desk.sue, Verb.PEND, of(going, over, near))
    reasons = {one: reason for one, (_, reason) in state_of(operation).items()}
    assert reasons == {going.pk: "", over.pk: "over", near.pk: "money"}
    assert operation.counts == {"eligible": [1, 100], "over": [1, 0], "money": [1, 0]}
    technical = previewed(desk.ivo, Verb.NOTE, of(foreign, mine))
    assert state_of(technical)[foreign.pk] == ("skipped", "not_yours")


def test_a_dollar_of_two_cases_of_a_transaction_is_counted_once_as_in_the_headline(desk: Desk):
    first = desk.case(amount_minor=7_000)
    other = desk.case(
        transaction_id=first.transaction_id, rank=3, amount_minor=7_000, counts_money=False
    )
    assert previewed(desk.sue, Verb.NOTE, of(first, other)).amount_minor == 7_000


def test_who_would_be_given_what_they_have_or_may_not_see_is_asked_again(desk: Desk):
    has, other = desk.case(assignee=desk.bob, is_assigned_by_hand=True), desk.case()
    operation = previewed(desk.sue, Verb.ASSIGN, of(has, other))
    shown = operation.preview_hash
    assert bulk.aim(operation.pk, {"to": desk.bob.pk}, desk.sue)
    with pytest.raises(Refused, match="not what you were shown"):
        bulk.run(operation.pk, Confirmed(shown), desk.sue)
    assert state_of(operation)[has.pk] == ("skipped", "has_it")
    assert bulk.aim(operation.pk, {"to": desk.zoe.pk}, desk.sue)
    assert {one for one, _ in state_of(operation).values()} == {"skipped"}
    assert bulk.aim(operation.pk, {"to": desk.ana.pk}, desk.sue)
    operation.refresh_from_db()
    assert operation.total == 2


def test_many_cases_or_dollars_are_confirmed_by_their_number(desk: Desk):
    operation = previewed(desk.sue, Verb.ESCALATE, of(desk.case(amount_minor=5_000_100)))
    bulk.aim(operation.pk, WHY, desk.sue)
    with pytest.raises(Refused, match="Type 1"):
        bulk.run(operation.pk, Confirmed(operation.preview_hash, "2"), desk.sue)
    begun = bulk.run(operation.pk, Confirmed(operation.preview_hash, " 1 "), desk.sue)
    assert begun.state == State.CREATED
    assert bulk.needs_number(101, 0) and not bulk.needs_number(100, 5_000_000)


def test_only_what_was_ticked_may_be_done_instead_of_everything(desk: Desk):
    ticked, other = many(desk, 2)
    selection = Selection(asked=Asked.of({}), ticked=[ticked.pk])
    operation = previewed(desk.sue, Verb.ESCALATE, selection)
    bulk.aim(operation.pk, WHY, desk.sue)
    bulk.run(operation.pk, Confirmed(operation.preview_hash, only_ticked=True), desk.sue)
    assert finish(operation).completed == 1
    assert state_of(operation)[other.pk] == ("cancelled", "left_out")


def test_a_preview_holds_a_quarter_of_an_hour_and_begins_once(desk: Desk):
    operation = previewed(desk.sue, Verb.ESCALATE, of(desk.case()))
    bulk.aim(operation.pk, WHY, desk.sue)
    said = Confirmed(operation.preview_hash)
    BulkOperation.objects.update(as_of=now() - timedelta(minutes=16))
    with pytest.raises(Refused, match="older than 15 minutes"):
        bulk.run(operation.pk, said, desk.sue)
    BulkOperation.objects.update(as_of=now())
    bulk.run(operation.pk, said, desk.sue)
    assert finish(operation).completed == 1
    assert bulk.run(operation.pk, said, desk.sue).state == State.COMPLETED
    assert AuditEvent.objects.filter(act="bulk.begun").count() == 1
    with pytest.raises(BulkOperation.DoesNotExist):
        bulk.run(operation.pk, said, desk.ivo)


def test_what_changed_since_the_preview_is_skipped_and_says_by_whom(desk: Desk):
    changed, same = many(desk, 2)
    operation = begin(desk.sue, Verb.ESCALATE, of(changed, same))
    Case.objects.filter(pk=changed.pk).update(version=2)
    note(changed.pk, text="Called them.", by=desk.ana, version=None, op_id=None)
    assert finish(operation).state == State.PARTIALLY_COMPLETED
    item = operation.items.get(case=changed)
    assert (item.state, item.skip_reason, item.error) == ("skipped", "changed", "changed by Ana")


def test_a_rule_that_refuses_one_case_refuses_it_among_many(desk: Desk):
    late = desk.case(resolve_by=now() + timedelta(days=1))
    operation = begin(desk.sue, Verb.PEND, of(late))
    Case.objects.filter(pk=late.pk).update(money_due_at=now() + timedelta(hours=1))
    assert finish(operation).state == State.FAILED
    assert "money deadline" in operation.items.get().error


def test_only_a_lead_does_it_also_when_the_worker_comes_to_it(desk: Desk):
    case = desk.case()
    with pytest.raises(NotAllowed):
        previewed(desk.ana, Verb.NOTE, of(case))
    operation = begin(desk.sue, Verb.ESCALATE, of(case))
    desk.sue.groups.clear()
    assert finish(operation).completed == 0
    assert state_of(operation)[case.pk] == ("skipped", "not_yours")


def test_it_is_held_goes_on_and_is_cancelled_with_the_rest_untouched(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(bulk_run, "AT_ONCE", 2)
    operation = begin(desk.sue, Verb.ESCALATE, of(*many(desk, 7)))
    bulk_run.advance_bulk(seconds=-1)
    bulk.suspend(operation.pk, desk.sue)
    assert finish(operation).completed == 2
    bulk.resume(operation.pk, desk.sue)
    bulk_run.advance_bulk(seconds=-1)
    bulk.cancel(operation.pk, desk.sue)
    assert finish(operation).completed == 4
    assert operation.items.filter(state=ItemState.CANCELLED).count() == 3
    with pytest.raises(Refused):
        bulk.resume(operation.pk, desk.sue)
    bulk.undo(operation.pk, desk.sue)
    assert finish(operation).restored == 4


def test_a_worker_that_dies_midway_does_no_item_twice(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(bulk_run, "AT_ONCE", 3)
    operation = begin(desk.sue, Verb.ESCALATE, of(*many(desk, 8)))
    bulk_run.advance_bulk(seconds=-1)
    with monkeypatch.context() as broken:
        broken.setattr(bulk_run, "_count", _die)
        with pytest.raises(SystemExit):
            bulk_run.advance_bulk()
    assert finish(operation).completed == 8
    assert CaseEvent.objects.filter(op_id=operation.pk).count() == 8


def _die(*_: object) -> None:
    raise SystemExit


def test_one_case_that_breaks_leaves_the_others_alone(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    cases = many(desk, 5)
    operation = begin(desk.sue, Verb.ESCALATE, of(*cases))
    judge = bulk_run.judge

    def breaks(act: Any, deed: Any) -> None:
        judge(act, deed)
        if act.case.pk == cases[2].pk:
            execute("SELECT 1 / 0")

    monkeypatch.setattr(bulk_run, "judge", breaks)
    done = finish(operation)
    assert (done.state, done.completed, done.failed) == (State.PARTIALLY_COMPLETED, 4, 1)
    assert operation.items.get(state=ItemState.FAILED).case_id == cases[2].pk


def test_undo_restores_what_is_still_as_it_was_left_and_says_what_is_not(desk: Desk):
    same, changed = many(desk, 2)
    operation = finish(begin(desk.sue, Verb.DISMISS, of(same, changed)))
    Case.objects.filter(pk=changed.pk).update(version=9)
    bulk.undo(operation.pk, desk.sue)
    done = finish(operation)
    assert (done.state, done.restored, done.kept) == (State.UNDONE, 1, 1)
    same.refresh_from_db()
    assert same.status == Status.OPEN
    assert operation.items.get(case=changed).error == "changed by Sue"


def test_undo_ends_half_an_hour_after_it_was_done_and_notes_have_none(desk: Desk):
    operation = finish(begin(desk.sue, Verb.DISMISS, of(desk.case())))
    BulkOperation.objects.update(undo_until=now())
    with pytest.raises(Refused):
        bulk.undo(operation.pk, desk.sue)
    noted = finish(begin(desk.sue, Verb.NOTE, of(desk.case())))
    assert noted.undo_until is None
    with pytest.raises(Refused):
        bulk.undo(noted.pk, desk.sue)


def test_what_telemetry_saw_end_stays_so_whatever_is_undone(desk: Desk):
    case = desk.case()
    operation = finish(begin(desk.sue, Verb.DISMISS, of(case)))
    Case.objects.filter(pk=case.pk).update(succeeded_at=now())
    bulk.undo(operation.pk, desk.sue)
    assert finish(operation).kept == 1


REVERSIBLE = [one for one in Verb if one not in (Verb.REOPEN, Verb.NOTE)]
STATES = [Status.OPEN, Status.IN_PROGRESS, Status.PENDING, Status.VERIFYING]


@pytest.mark.slow
@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    verb=st.sampled_from(REVERSIBLE),
    cases=st.lists(
        st.tuples(st.sampled_from(STATES), st.integers(0, 3), st.integers(0, 3)),
        min_size=1, max_size=4,
    ),
    to=st.sampled_from(["ana", "bob", "sue", ""]),
    waits_for=st.sampled_from(["payer", "later"]),
)  # fmt: skip
def test_undo_gives_every_column_back_as_it_was(
    desk: Desk, verb: Verb, cases: list[tuple[Status, int, int]], to: str, waits_for: str
):
    made = [desk.case(status, escalation=level, transfers=n) for status, level, n in cases]
    _pauses(made)
    before = rows(made)
    params = SAID.get(verb) or {"to": desk.people[to].pk if to else None}
    if verb == Verb.TRANSFER:
        params = {"team": desk.team("desk").pk, "to": None} | WHY
    if verb == Verb.PEND:
        params = params | {"waits_for": waits_for}
    operation = previewed(desk.sue, verb, of(*made))
    bulk.aim(operation.pk, params, desk.sue)
    operation.refresh_from_db()
    if not operation.total:
        return
    bulk.run(operation.pk, Confirmed(operation.preview_hash), desk.sue)
    if finish(operation).completed:
        assert rows(made) != before or verb == Verb.BRING_BACK
        bulk.undo(operation.pk, desk.sue)
        assert finish(operation).restored == operation.completed
    assert rows(made) == before


def _pauses(made: Sequence[Case]) -> None:
    """What waits, waits for somebody outside."""
    waiting = [one.pk for one in made if one.status == Status.PENDING]
    Pend.objects.filter(case__in=waiting).update(reason="payer", pauses=True)
    paused = {"paused_at": now() - timedelta(minutes=40), "paused_seconds": 60}
    Case.objects.filter(pk__in=waiting).update(**paused)
    execute("UPDATE triage_case SET resolve_by = NULL")
    policy.apply([one.pk for one in made])
