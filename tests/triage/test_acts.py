"""What people may do to a case, what is refused and why, and what stays of it."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils.timezone import now

from apps.triage import services, sweep
from apps.triage.models import Case, CaseEvent, Dismissal, Mention, Pend, Skip, Status, Ticket
from apps.triage.services import (
    Conflict,
    NotAllowed,
    Refused,
    Resolution,
    Until,
    Wait,
    Waits,
    acting,
    working,
)

HOUR = timedelta(hours=1)


def ask(by, case=None, **said):
    return {"by": by, "version": case and case.version, "op_id": uuid4(), **said}


def story(case):
    return list(CaseEvent.objects.filter(case=case).order_by("id").values_list("kind", flat=True))


def put_aside(case, by, reason="wrote to them", **said):
    said = {"waits_for": Waits.PAYER, "until": now() + 24 * HOUR, **said}
    return services.pend(case.pk, wait=Wait(**said), reason=reason, **ask(by, case))


# -- one lock, one version, one form -------------------------------------------------------------


def test_whoever_saw_an_older_version_is_told_who_was_faster_and_what_they_did(desk):
    seen = desk.case()
    services.take(seen.pk, **ask(desk.ana, seen))
    with pytest.raises(Conflict) as caught:
        services.take(seen.pk, **ask(desk.bob, seen))
    assert caught.value.event.actor == desk.ana
    assert caught.value.event.get_kind_display() == "took it"
    assert caught.value.case.version == 2


def test_a_form_sent_twice_happens_once(desk):
    case = desk.case()
    form = ask(desk.ana, case)
    first, again = services.take(case.pk, **form), services.take(case.pk, **form)
    assert (first.version, again.version, story(case)) == (2, 2, ["taken"])


def test_a_form_that_somebody_else_sent_is_not_taken_for_ones_own(desk):
    case = desk.case()
    form = ask(desk.ana, case)
    services.take(case.pk, **form)
    with pytest.raises(Conflict):
        services.take(case.pk, **form | {"by": desk.bob})
    with pytest.raises(Conflict):
        services.release(case.pk, **form)


def test_what_lies_elsewhere_is_not_there(desk):
    south = desk.case(facility=desk.network.facilities[1])
    for who in (desk.ana, desk.eve, desk.fay):
        with pytest.raises(Case.DoesNotExist):
            services.take(south.pk, **ask(who))
    with pytest.raises(Case.DoesNotExist):
        services.take(uuid4(), **ask(desk.ana))


@pytest.mark.parametrize(
    ("kind", "able"),
    [
        ("billing", {"ana", "bob", "sue"}),
        ("technical", {"ana", "bob", "sue", "eli", "ivo"}),
        ("money", {"ana", "bob", "sue", "fay"}),
        (None, {"ana", "bob", "sue", "eli", "ivo"}),
    ],
)
def test_each_role_works_its_kinds_and_the_auditor_and_the_executive_none(desk, kind, able):
    did = set()
    for who in ("ana", "bob", "sue", "eli", "ivo", "fay", "cal", "eve"):
        case = desk.case(kind=desk.kinds.get(kind))
        try:
            services.take(case.pk, **ask(desk.people[who], case))
        except (NotAllowed, Case.DoesNotExist):
            assert story(case) == []
        else:
            did.add(who)
    assert did == able


# -- leases --------------------------------------------------------------------------------------


def test_what_somebody_works_is_theirs_alone_but_for_a_lead_and_for_notes(desk):
    case = services.take(desk.case().pk, **ask(desk.ana))
    assert (case.status, case.assignee, case.leased_by) == ("in_progress", desk.ana, desk.ana)
    assert case.responded_at is not None
    with pytest.raises(Refused, match="Ana is working on it until"):
        services.resolve(
            case.pk, resolution=Resolution.BY_HAND, comment="done", **ask(desk.bob, case)
        )
    services.note(case.pk, text="Called them.", **ask(desk.bob))
    services.assign(case.pk, to=desk.bob, **ask(desk.sue, case))
    case.refresh_from_db()
    assert (case.status, case.assignee, case.leased_by) == ("open", desk.bob, None)


def test_nobody_holds_more_than_three(desk):
    held = [services.take(desk.case().pk, **ask(desk.ana)) for _ in range(3)]
    with pytest.raises(Refused, match="3 cases already"):
        services.take(desk.case().pk, **ask(desk.ana))
    services.release(held[0].pk, **ask(desk.ana, held[0]))
    services.take(desk.case().pk, **ask(desk.ana))


def test_acting_renews_the_lease_and_twenty_quiet_minutes_end_it(desk, monkeypatch):
    case = services.take(desk.case().pk, **ask(desk.ana))
    start = now()
    monkeypatch.setattr(acting, "now", lambda: start + timedelta(minutes=15))
    services.note(case.pk, text="Still at it.", **ask(desk.ana))
    monkeypatch.setattr(sweep, "now", lambda: start + timedelta(minutes=30))
    sweep.sweep_cases()
    assert Case.objects.get().status == "in_progress"
    monkeypatch.setattr(sweep, "now", lambda: start + timedelta(minutes=36))
    sweep.sweep_cases()
    case.refresh_from_db()
    assert (case.status, case.substatus, case.assignee, case.leased_by) == (
        "open", "ongoing", None, None,
    )  # fmt: skip
    assert story(case) == ["taken", "noted", "lapsed"]


@pytest.mark.parametrize("ends", ["release", "lapse"])
def test_given_back_it_belongs_to_whom_it_belonged(desk, ends, monkeypatch):
    case = services.take(desk.case(assignee=desk.bob).pk, **ask(desk.ana))
    if ends == "release":
        services.release(case.pk, **ask(desk.ana, case))
    else:
        monkeypatch.setattr(sweep, "now", lambda: now() + HOUR)
        sweep.sweep_cases()
    case.refresh_from_db()
    assert case.assignee == desk.bob


def test_what_was_given_to_somebody_by_hand_is_not_taken_from_them(desk):
    case = desk.case(assignee=desk.bob, is_assigned_by_hand=True)
    with pytest.raises(NotAllowed, match="given to Bob"):
        services.take(case.pk, **ask(desk.ana, case))


# -- next ----------------------------------------------------------------------------------------


def test_next_is_what_costs_most_of_what_is_ones_own_to_work(desk):
    south = desk.network.facilities[1]
    desk.case(score=900, facility=south)
    desk.case(score=800, assignee=desk.bob)
    desk.case(score=700, escalation=working.CALLED)
    desk.case(Status.PENDING, score=600)
    best, second = desk.case(score=500), desk.case(score=400)
    assert services.next_best(by=desk.ana).pk == best.pk
    assert services.next_best(by=desk.ana).pk == second.pk
    assert services.next_best(by=desk.ana) is None
    assert services.next_best(by=desk.sue).score == 700


def test_next_stays_inside_ones_kinds_and_teams(desk):
    desk.case(score=9)
    technical = desk.case(score=1, kind=desk.kinds["technical"])
    assert services.next_best(by=desk.eli).pk == technical.pk
    assert services.next_best(by=desk.cal) is None
    team = desk.team("wires")
    team.members.add(desk.bob)
    desk.case(score=5, team=desk.team("desk"))
    mine = desk.case(score=2, team=team)
    Case.objects.filter(score=9).delete()
    assert services.next_best(by=desk.bob).pk == mine.pk


def test_next_pressed_twice_by_one_form_takes_one(desk):
    desk.case(), desk.case()
    form = uuid4()
    first = services.next_best(by=desk.ana, op_id=form)
    assert services.next_best(by=desk.ana, op_id=form).pk == first.pk


def test_skipping_takes_a_reason_and_the_third_time_calls_a_lead(desk):
    case = desk.case()
    with pytest.raises(Refused, match="Say why"):
        services.skip(case.pk, reason=" ", **ask(desk.ana))
    for who in (desk.ana, desk.bob, desk.ana):
        assert Case.objects.get().escalation == 0
        Skip.objects.filter(person=who).update(at=now() - working.SKIPPED_FOR - HOUR)
        taken = services.next_best(by=who)
        services.skip(taken.pk, reason="no access to the portal", **ask(who, taken))
        assert services.next_best(by=who) is None
    case.refresh_from_db()
    assert (case.status, case.escalation, Skip.objects.count()) == ("open", working.CALLED, 3)


# -- handing over --------------------------------------------------------------------------------


def test_only_a_lead_gives_work_to_others_who_must_be_able_to_do_it(desk):
    case = desk.case()
    with pytest.raises(NotAllowed, match="Only a lead"):
        services.assign(case.pk, to=desk.bob, **ask(desk.ana, case))
    for nobody in (desk.zoe, desk.cal, desk.eli):
        with pytest.raises(Refused, match="may not work this case"):
            services.assign(case.pk, to=nobody, **ask(desk.sue, case))
    case = services.assign(case.pk, to=desk.bob, **ask(desk.sue, case))
    assert (case.assignee, case.is_assigned_by_hand) == (desk.bob, True)
    with pytest.raises(Refused, match="has it already"):
        services.assign(case.pk, to=desk.bob, **ask(desk.sue, case))


def test_an_integration_lead_assigns_technical_kinds_only(desk):
    technical, billing = desk.case(kind=desk.kinds["technical"]), desk.case()
    services.assign(technical.pk, to=desk.eli, **ask(desk.ivo))
    with pytest.raises(NotAllowed):
        services.assign(billing.pk, to=desk.eli, **ask(desk.ivo))


def test_a_case_may_be_handed_over_twice_and_then_a_lead_decides(desk):
    case = services.take(desk.case().pk, **ask(desk.ana))
    case = services.transfer(case.pk, to=desk.bob, reason="knows them", **ask(desk.ana, case))
    assert (case.status, case.assignee, case.transfers) == ("open", desk.bob, 1)
    case = services.transfer(
        case.pk, team=desk.team("wires"), reason="not billing", **ask(desk.bob, case)
    )
    assert (case.assignee, case.team, case.transfers) == (None, desk.team("wires"), 2)
    with pytest.raises(NotAllowed, match="changed hands 2 times"):
        services.transfer(case.pk, to=desk.ana, reason="no", **ask(desk.bob, case))
    services.transfer(case.pk, to=desk.ana, reason="yours", **ask(desk.sue, case))


def test_escalated_work_is_a_leads_until_they_give_it_back(desk):
    case = services.take(desk.case().pk, **ask(desk.ana))
    case = services.escalate(case.pk, reason="the payer stalls", **ask(desk.ana, case))
    assert (case.status, case.assignee, case.escalation) == ("open", None, working.CALLED)
    with pytest.raises(NotAllowed):
        services.take(case.pk, **ask(desk.ana, case))
    with pytest.raises(NotAllowed):
        services.deescalate(case.pk, reason="mine", **ask(desk.ana, case))
    case = services.deescalate(case.pk, reason="call them again", **ask(desk.sue, case))
    assert (case.escalation, case.substatus) == (0, "ongoing")


# -- notes and links -----------------------------------------------------------------------------


def test_a_note_names_only_who_can_read_it_and_changes_nothing_else(desk):
    case = desk.case()
    with pytest.raises(Refused, match="Zoe may not see"):
        services.note(case.pk, text="look", mentions=[desk.zoe, desk.bob], **ask(desk.ana))
    case = services.note(case.pk, text="look", mentions=[desk.bob], **ask(desk.ana))
    assert (case.version, Mention.objects.get().person) == (1, desk.bob)
    with pytest.raises(NotAllowed):
        services.note(case.pk, text="I was here", **ask(desk.cal))


@pytest.mark.parametrize(
    ("url", "is_fine"),
    [
        ("https://tickets.example.org/browse/INT-42?focus=1#top", True),
        ("http://tickets.example.org/1", False),
        ("javascript:alert(1)", False),
        ("https://user:word@tickets.example.org/", False),
        ("https://tickets.example.org/<script>", False),
        ("https://tickets.example.org/%0aX", False),
        ("https://localhost/", False),
        ("https://tickets.example.org/" + "a" * 300, False),
    ],
)
def test_a_link_is_a_plain_https_address(desk, url, is_fine):
    case = desk.case()
    if is_fine:
        services.link(case.pk, url=url, label="", **ask(desk.ana))
        assert Ticket.objects.get().label == "tickets.example.org"
    else:
        with pytest.raises(Refused, match="plain https"):
            services.link(case.pk, url=url, label="", **ask(desk.ana))


# -- waiting -------------------------------------------------------------------------------------


def test_a_case_waits_for_a_reason_for_a_month_at_most_and_never_past_its_money(desk):
    case = desk.case()
    for said, why in (
        ({"reason": ""}, "Say why"),
        ({"until": now() - HOUR}, "has passed"),
        ({"until": now() + timedelta(days=31)}, "At most 30 days"),
        ({"until_amount_minor": 100}, "worth that much"),
    ):
        Case.objects.update(amount_minor=100)
        with pytest.raises(Refused, match=why):
            put_aside(case, desk.ana, **said)
    Case.objects.update(money_due_at=now() + 20 * HOUR)
    with pytest.raises(Refused, match="money deadline"):
        put_aside(case, desk.sue)


def test_what_is_past_due_only_a_lead_puts_aside(desk):
    case = desk.case()
    Case.objects.update(resolve_by=now() - HOUR)
    with pytest.raises(NotAllowed, match="past due"):
        put_aside(case, desk.ana)
    assert put_aside(case, desk.sue).status == "pending"


def test_it_comes_back_on_the_day_to_whom_put_it_aside(desk, monkeypatch):
    mine, pools = put_aside(desk.case(), desk.ana), desk.case()
    put_aside(pools, desk.ana, comes_back_to_me=False)
    monkeypatch.setattr(sweep, "now", lambda: now() + 25 * HOUR)
    sweep.sweep_cases()
    mine.refresh_from_db(), pools.refresh_from_db()
    assert (mine.status, mine.substatus, mine.assignee) == ("open", "returned", desk.ana)
    assert (pools.assignee, Pend.objects.count()) == (None, 0)
    assert CaseEvent.objects.filter(case=mine).last().reason == "time"


def test_the_money_deadline_brings_it_back_a_day_before(desk, monkeypatch):
    case = put_aside(desk.case(), desk.ana, until=now() + 90 * HOUR)
    Case.objects.update(money_due_at=now() + 72 * HOUR)
    monkeypatch.setattr(sweep, "now", lambda: now() + 47 * HOUR)
    sweep.sweep_cases()
    assert Case.objects.get().status == "pending"
    monkeypatch.setattr(sweep, "now", lambda: now() + 49 * HOUR)
    sweep.sweep_cases()
    case.refresh_from_db()
    assert (case.status, CaseEvent.objects.last().reason) == ("open", "money")


@pytest.mark.parametrize(
    ("choice", "local"),
    [
        # A Thursday noon in New York; weekdays from 8 to 17.
        (Until.EVENING, "2026-03-12 17:00"),
        (Until.TOMORROW, "2026-03-13 08:00"),
        (Until.THREE_DAYS, "2026-03-17 08:00"),
        (Until.FIVE_DAYS, "2026-03-19 08:00"),
        (Until.TEN_DAYS, "2026-03-26 08:00"),
    ],
)
def test_days_are_open_days_of_the_facility(desk, choice, local):
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    from apps.triage.services.waiting import moment_of

    at = datetime(2026, 3, 12, 16, tzinfo=UTC)
    found = moment_of(choice, desk.case(), at).astimezone(ZoneInfo("America/New_York"))
    assert f"{found:%Y-%m-%d %H:%M}" == local


# -- the end, and the way back -------------------------------------------------------------------


def test_resolving_takes_a_comment_and_waits_where_telemetry_can_tell(desk):
    case = desk.case()
    with pytest.raises(Refused, match="Say why"):
        services.resolve(case.pk, resolution=Resolution.MAPPED, comment="", **ask(desk.ana))
    case = services.resolve(
        case.pk, resolution=Resolution.MAPPED, comment="added it", **ask(desk.ana)
    )
    assert (case.status, case.resolution, case.resolved_at) == ("verifying", "mapped", None)
    # The integration target of the network is two hours.
    assert case.verify_until - case.fixed_at == 2 * HOUR
    assert CaseEvent.objects.get().facts["stage"] == "Step 2"


@pytest.mark.parametrize(
    ("resolution", "rank"),
    [(Resolution.BY_HAND, 2), (Resolution.MAPPED, 5), (Resolution.MAPPED, 6)],
)
def test_where_telemetry_would_never_tell_a_persons_word_counts(desk, resolution, rank):
    """Step 5 ends its transaction rejected, and no clock covers step 6."""
    case = services.resolve(
        desk.case(rank=rank).pk, resolution=resolution, comment="done", **ask(desk.ana)
    )
    assert (case.status, case.resolved_by) == ("resolved", "user")
    assert case.late_until - case.fixed_at == timedelta(minutes=5)


def test_much_money_is_dismissed_by_a_lead_and_for_good_by_whom_may(desk):
    dear = desk.case(amount_minor=1_000_000)
    with pytest.raises(NotAllowed, match=r"\$10,000"):
        services.dismiss(dear.pk, scope=Dismissal.THIS_CASE, reason="no", **ask(desk.ana))
    services.dismiss(dear.pk, scope=Dismissal.THIS_CASE, reason="no", **ask(desk.sue))
    with pytest.raises(NotAllowed, match="for good"):
        services.dismiss(desk.case().pk, scope=Dismissal.FOREVER, reason="x", **ask(desk.ana))


def test_what_was_dismissed_for_good_is_looked_at_again_after_90_days(desk, monkeypatch):
    case = services.dismiss(
        desk.case().pk, scope=Dismissal.FOREVER, reason="known", **ask(desk.sue)
    )
    assert case.review_at - case.resolved_at == timedelta(days=90)
    monkeypatch.setattr(sweep, "now", lambda: now() + timedelta(days=91))
    sweep.sweep_cases()
    case.refresh_from_db()
    assert (case.status, case.dismissal, CaseEvent.objects.last().reason) == ("open", "", "review")


def test_only_a_lead_reopens_and_not_what_telemetry_shows_to_be_over(desk):
    case = desk.case(Status.RESOLVED)
    with pytest.raises(NotAllowed):
        services.reopen(case.pk, reason="no", **ask(desk.ana))
    over = desk.case(Status.RESOLVED, resolved_by="success_event", succeeded_at=now())
    with pytest.raises(Refused, match="Telemetry shows"):
        services.reopen(over.pk, reason="no", **ask(desk.sue))
    services.reopen(case.pk, reason="not so", **ask(desk.sue))


def test_merging_takes_an_open_case_of_the_same_thing_and_no_circle(desk):
    one, stranger = desk.case(), desk.case()
    with pytest.raises(Refused, match="same transaction or account"):
        services.merge(one.pk, into=stranger.pk, reason="same", **ask(desk.ana))
    with pytest.raises(Refused, match="same transaction or account"):
        services.merge(one.pk, into=one.pk, reason="same", **ask(desk.ana))
    other = desk.case(rank=3, transaction_id=one.transaction_id)
    services.merge(one.pk, into=other.pk, reason="same", **ask(desk.ana))
    with pytest.raises(Refused, match="not open"):
        services.merge(other.pk, into=one.pk, reason="same", **ask(desk.ana))
    third = desk.case(rank=4, transaction_id=one.transaction_id)
    with pytest.raises(Refused, match="merged into this one"):
        services.merge(other.pk, into=third.pk, reason="same", **ask(desk.ana))


@pytest.mark.parametrize("how", ["resolved", "dismissed", "healed"])
def test_what_was_merged_goes_where_the_other_goes(desk, how):
    other = desk.case(rank=3)
    one = desk.case(transaction_id=other.transaction_id)
    services.merge(one.pk, into=other.pk, reason="same", **ask(desk.ana))
    if how == "resolved":
        services.resolve(
            other.pk, resolution=Resolution.BY_HAND, comment="done", **ask(desk.ana, other)
        )
    else:
        services.dismiss(other.pk, scope=Dismissal.THIS_CASE, reason="x", **ask(desk.ana, other))
    if how == "healed":
        Case.objects.filter(pk=one.pk).update(succeeded_at=now())
    sweep.sweep_cases()
    one.refresh_from_db()
    expected = {"resolved": ("resolved", "user"), "dismissed": ("open", ""),
                "healed": ("resolved", "success_event")}  # fmt: skip
    assert (one.status, one.resolved_by) == expected[how]
    assert one.merged_into is None


# -- undo ----------------------------------------------------------------------------------------


UNDOABLE = {
    "take": lambda c, who: services.take(c.pk, **ask(who, c)),
    "escalate": lambda c, who: services.escalate(c.pk, reason="x", **ask(who, c)),
    "assign": lambda c, who: services.assign(c.pk, to=who, **ask(who, c)),
    "pend": lambda c, who: put_aside(c, who),
    "resolve": lambda c, who: services.resolve(
        c.pk, resolution=Resolution.BY_HAND, comment="x", **ask(who, c)
    ),
    "verify": lambda c, who: services.resolve(
        c.pk, resolution=Resolution.MAPPED, comment="x", **ask(who, c)
    ),
    "dismiss": lambda c, who: services.dismiss(
        c.pk, scope=Dismissal.THIS_CASE, reason="x", **ask(who, c)
    ),
}


@pytest.mark.parametrize("act", UNDOABLE)
@pytest.mark.parametrize("status", [Status.OPEN, Status.IN_PROGRESS, Status.PENDING])
def test_undo_gives_back_every_column_and_what_it_waited_for(desk, act, status):
    def kept():
        skipped = {"version", "leased_until"}  # Undoing is an act: it renews the lease.
        row = Case.objects.values().get(pk=case.pk)
        return {k: v for k, v in row.items() if k not in skipped}, list(Pend.objects.values())

    case = desk.case(status)
    before = kept()
    try:
        case = UNDOABLE[act](case, desk.ana)
    except Conflict:
        return  # Not from this state.
    services.undo(case.pk, **ask(desk.ana, case))
    assert kept() == before


def test_undo_is_for_ones_own_last_act_of_the_last_quarter_of_an_hour(desk, monkeypatch):
    case = services.take(desk.case().pk, **ask(desk.ana))
    with pytest.raises(Refused, match="not yours"):
        services.undo(case.pk, **ask(desk.sue, case))
    services.note(case.pk, text="A note does not stand in the way.", **ask(desk.bob))
    monkeypatch.setattr(acting, "now", lambda: now() + timedelta(minutes=16))
    with pytest.raises(Refused, match="too long ago"):
        services.undo(case.pk, **ask(desk.ana, case))
    monkeypatch.undo()
    case = services.undo(case.pk, **ask(desk.ana, case))
    with pytest.raises(Refused, match="not yours"):
        services.undo(case.pk, **ask(desk.ana, case))
