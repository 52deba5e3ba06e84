"""Every state, every trigger: where it leads, or that it is a conflict and changes nothing."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils.timezone import now

from apps.triage import escalating, services, sweep
from apps.triage.models import Case, CaseEvent, Dismissal, Pend, Status
from apps.triage.services import Conflict, Resolution, Until, Waits
from apps.triage.transitions import ANY_OPEN, TABLE, Illegal, Trigger, may, move

OPEN, IN_PROGRESS, PENDING, REPLAYING = "open", "in_progress", "pending", "replaying"
VERIFYING, RESOLVED, DISMISSED, MERGED = "verifying", "resolved", "dismissed", "merged"

# The whole machine, by hand: trigger, then where each state leads. What is missing is a conflict.
EXPECTED = {
    "take": {OPEN: "in_progress"},
    "release": {IN_PROGRESS: "open/ongoing"},
    "lapse": {IN_PROGRESS: "open/ongoing"},
    "assign": {one: one for one in (OPEN, IN_PROGRESS, PENDING, REPLAYING, VERIFYING)},
    "escalate": dict.fromkeys((OPEN, IN_PROGRESS, PENDING), "open/escalating"),
    "pend": dict.fromkeys((OPEN, IN_PROGRESS, PENDING), "pending"),
    "return": {PENDING: "open/returned"},
    "replay": dict.fromkeys((OPEN, IN_PROGRESS, PENDING), "replaying"),
    "replay_arrived": {REPLAYING: "verifying"},
    "replay_failed": {REPLAYING: "open/ongoing"},
    "resolve": dict.fromkeys((OPEN, IN_PROGRESS, PENDING), "resolved"),
    "resolve_unproven": dict.fromkeys((OPEN, IN_PROGRESS, PENDING), "verifying"),
    "not_confirmed": {VERIFYING: "open/unconfirmed"},
    "trouble_over": dict.fromkeys((OPEN, IN_PROGRESS, PENDING, REPLAYING, VERIFYING), "resolved"),
    "trouble_back": dict.fromkeys((RESOLVED, DISMISSED), "open/regressed"),
    "cause_escalates": {DISMISSED: "open/escalating"},
    "dismiss": dict.fromkeys((OPEN, IN_PROGRESS, PENDING, REPLAYING, VERIFYING), "dismissed"),
    "reopen": dict.fromkeys((RESOLVED, DISMISSED), "open/ongoing"),
    "merge": dict.fromkeys((OPEN, IN_PROGRESS, PENDING, REPLAYING, VERIFYING), "merged"),
    "unmerge": {MERGED: "open/ongoing"},
}


def test_the_table_knows_every_trigger_and_leads_where_it_should():
    assert set(TABLE) == set(Trigger) == set(EXPECTED)
    assert sum(len(row) for row in EXPECTED.values()) == sum(len(m.sources) for m in TABLE.values())


@pytest.mark.parametrize("trigger", Trigger)
@pytest.mark.parametrize("status", Status)
def test_each_state_and_trigger(trigger, status):
    case = Case(status=status, substatus="")
    expected = EXPECTED[trigger].get(status)
    assert may(case, trigger) == (expected is not None)
    if expected is None:
        with pytest.raises(Illegal):
            move(case, trigger, now())
        assert case.status == status
        return
    move(case, trigger, now())
    assert "/".join(filter(None, (case.status, case.substatus))) == expected
    assert (case.resolved_at is None) == case.is_open


# Who would do it, and how, for every trigger that is a person's.
def _merge(case, desk, **ask):
    other = desk.case(rank=4, transaction_id=case.transaction_id)
    return services.merge(case.pk, into=other.pk, reason="the same", **ask)


ACTS = {
    "take": lambda c, d, **ask: services.take(c.pk, **ask),
    "release": lambda c, d, **ask: services.release(c.pk, **ask),
    "assign": lambda c, d, **ask: services.assign(c.pk, to=d.bob, **ask),
    "escalate": lambda c, d, **ask: services.escalate(c.pk, reason="hard", **ask),
    "pend": lambda c, d, **ask: services.pend(
        c.pk, wait=(Waits.PAYER, Until.THREE_DAYS), reason="wrote to them", **ask
    ),
    "return": lambda c, d, **ask: services.bring_back(c.pk, **ask),
    "resolve": lambda c, d, **ask: services.resolve(
        c.pk, resolution=Resolution.BY_HAND, comment="typed it in", **ask
    ),
    "resolve_unproven": lambda c, d, **ask: services.resolve(
        c.pk, resolution=Resolution.CORRECTED, comment="corrected", **ask
    ),
    "dismiss": lambda c, d, **ask: services.dismiss(
        c.pk, scope=Dismissal.THIS_CASE, reason="noise", **ask
    ),
    "reopen": lambda c, d, **ask: services.reopen(c.pk, reason="not so", **ask),
    "merge": _merge,
    "unmerge": lambda c, d, **ask: services.unmerge(c.pk, reason="another", **ask),
}


@pytest.mark.parametrize("trigger", ACTS)
@pytest.mark.parametrize("status", Status)
def test_people_act_as_the_table_says_and_each_act_is_one_row_of_history(desk, trigger, status):
    case = desk.case(status)
    expected = EXPECTED[trigger].get(status)
    ask = {"by": desk.sue, "version": case.version, "op_id": uuid4()}
    if expected is None:
        with pytest.raises(Conflict):
            ACTS[trigger](case, desk, **ask)
        case.refresh_from_db()
        assert (case.status, case.version) == (status, 1)
        return
    case = ACTS[trigger](case, desk, **ask)
    if trigger == "assign" and status == IN_PROGRESS:
        expected = "open"  # Given to somebody else, who has not begun.
    assert case.status == expected.partition("/")[0]
    [event] = CaseEvent.objects.filter(case=case)
    assert (event.before, event.after, event.actor) == (status, case.status, desk.sue)
    assert (event.op_id, event.version, case.version) == (ask["op_id"], case.version, 2)
    assert Pend.objects.filter(case=case).exists() == (case.status == PENDING)
    assert (case.leased_by is None) == (case.status != IN_PROGRESS)


@pytest.mark.parametrize("status", Status)
def test_time_moves_only_what_the_table_lets_it(desk, status, monkeypatch):
    case = desk.case(status)
    later = now() + timedelta(days=2)
    monkeypatch.setattr(sweep, "now", lambda: later)
    sweep.sweep_cases()
    case.refresh_from_db()
    expected = {IN_PROGRESS: "lapse", PENDING: "return", VERIFYING: "not_confirmed"}.get(status)
    wanted = EXPECTED[expected][status] if expected else status.value
    assert case.status == wanted.partition("/")[0]
    assert case.substatus == wanted.partition("/")[2] or not expected
    assert CaseEvent.objects.filter(case=case).count() == bool(expected)
    sweep.sweep_cases()
    assert CaseEvent.objects.filter(case=case).count() == bool(expected)


@pytest.mark.parametrize("status", Status)
def test_a_cause_that_escalates_wakes_only_who_waits_for_it(desk, status, monkeypatch):
    case = desk.case(status, **({"dismissal": "until_escalating"} if status == DISMISSED else {}))
    Pend.objects.update(until_escalating=True)
    watched = status in (DISMISSED, PENDING)
    assert len(escalating.weeks(now())) == watched
    monkeypatch.setattr(escalating.Week, "escalates", True)
    escalating.sweep_escalations()
    case.refresh_from_db()
    came_back = {DISMISSED: "open/escalating", PENDING: "open/returned"}
    wanted = came_back.get(status, status.value)
    assert case.status == wanted.partition("/")[0]
    assert not watched or case.substatus == wanted.partition("/")[2]


def test_nothing_open_is_closed_and_nothing_closed_is_open():
    assert {one for one in Status if Case(status=one).is_open} == ANY_OPEN
