"""The clocks of cases: when they run out, when they stand, and what they show on the way."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction
from django.utils.timezone import now
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.catalog import sla
from apps.catalog.models import CalendarHoliday, ErrorSignal, ExceptionKind, Playbook, Team
from apps.catalog.services import refresh_spans
from apps.catalog.sla import Hours
from apps.core.db import fetch_value
from apps.pipeline import services
from apps.triage import clocks
from apps.triage.models import Case, CaseEvent, ClockMark, PolicyRound
from tests.pipeline.network import LONG_AGO, START
from tests.pipeline.test_fold_properties import RELAXED
from tests.triage.test_fold import MINUTE, failed, fine, fold, story

HOUR = timedelta(hours=1)
SECOND = timedelta(seconds=1)


@pytest.fixture
def playbook(network):
    """Words for what `failed` says went wrong."""

    def write(due, measure="business", severity=2, code="503"):
        kind, _ = ExceptionKind.objects.get_or_create(code="TST-01", defaults={"position": 1})
        ErrorSignal.objects.get_or_create(
            kind=kind, standard="http", code=code, location="*", error_class="transport"
        )
        owner, _ = Team.objects.get_or_create(code="billing", defaults={"name": "Billing"})
        told = {"title": "T", "happened": "H", "matters": "M", "steps": "S", "why": "test"}
        return Playbook.objects.create(
            kind=kind, owner=owner, replay="safe", severity=severity, due_measure=measure,
            due_seconds=due.total_seconds(), effective_from=LONG_AGO, **told
        )  # fmt: skip

    return write


def newyork(text):
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo("America/New_York"))


def only():
    return Case.objects.get()


# -- starting ------------------------------------------------------------------------------------


def test_a_case_is_born_with_the_severity_and_the_time_of_its_playbook(network, playbook):
    playbook(4 * HOUR)
    fold(network, failed(0))
    case = only()
    assert (case.severity, case.target_seconds, case.due_measure) == (2, 4 * 3600, "business")
    assert case.clock_from == case.opened_at
    # It opened at seven in the morning, an hour before anybody is there.
    assert case.resolve_by == newyork("2026-03-06T12:00")
    assert case.respond_by == newyork("2026-03-06T08:48")


def test_elapsed_time_runs_at_night_and_through_the_change_of_the_clocks(network, playbook):
    playbook(60 * HOUR, "elapsed")
    fold(network, failed(0))
    assert only().resolve_by == START + 60 * HOUR == newyork("2026-03-08T20:00")


def test_what_nobody_has_explained_has_a_business_day(network):
    fold(network, failed(0))
    case = only()
    assert (case.severity, case.resolve_by) == (3, newyork("2026-03-06T17:00"))


def test_open_hours_are_those_of_the_place(network, playbook):
    playbook(4 * HOUR)
    fold(network, failed(0, facility=1))
    assert only().resolve_by == datetime(2026, 3, 6, 12, tzinfo=ZoneInfo("America/Phoenix"))


def test_an_earlier_beginning_that_is_learned_late_moves_the_clocks(network, playbook):
    playbook(4 * HOUR, "elapsed")
    fold(network, failed(50))
    fold(network, failed(20))
    case = only()
    assert (case.clock_from, case.resolve_by) == (
        START + 20 * MINUTE,
        START + 20 * MINUTE + 4 * HOUR,
    )


def test_once_somebody_has_responded_the_clocks_stay(network, playbook):
    playbook(4 * HOUR, "elapsed")
    fold(network, failed(50))
    Case.objects.update(responded_at=now())
    fold(network, failed(20))
    case = only()
    assert (case.opened_at, case.clock_from) == (START + 20 * MINUTE, START + 50 * MINUTE)


def test_the_time_of_another_facility_is_taken_once_it_is_known(network, playbook):
    playbook(4 * HOUR)
    fold(network, failed(50))
    fold(network, fine(0, rank=1, facility=1))
    assert only().resolve_by == datetime(2026, 3, 6, 12, tzinfo=ZoneInfo("America/Phoenix"))


def test_a_new_policy_counts_from_the_beginning_and_keeps_the_pauses(network, playbook):
    held = playbook(4 * HOUR)
    fold(network, failed(0))
    case = only()
    clocks.pause([case.pk], newyork("2026-03-06T09:00"))
    clocks.resume([case.pk], newyork("2026-03-06T10:00"))
    with transaction.atomic():
        moment = fetch_value("SELECT now()")
        Playbook.objects.filter(pk=held.pk).update(effective_to=moment)
        held.pk, held.severity, held.due_seconds, held.effective_from = None, 1, 7200, moment
        held.save()
    clocks.start([case.pk])
    case = only()
    assert (case.severity, case.resolve_by) == (1, newyork("2026-03-06T11:00"))


def test_what_a_person_set_holds_whatever_the_playbook_says(network, playbook):
    playbook(4 * HOUR)
    fold(network, failed(0))
    Case.objects.update(is_priority_by_hand=True, severity=1, target_seconds=3600)
    clocks.start([only().pk])
    fold(network, failed(5))
    case = only()
    assert (case.severity, case.resolve_by) == (1, newyork("2026-03-06T09:00"))


# -- pauses --------------------------------------------------------------------------------------


def paused(case, since, until):
    clocks.pause([case.pk], newyork(since))
    clocks.resume([case.pk], newyork(until))
    case.refresh_from_db()


def test_a_pause_over_the_weekend_is_as_long_as_the_office_was_open(network, playbook):
    playbook(9 * HOUR)
    fold(network, failed(0))
    case = only()
    paused(case, "2026-03-06T16:00", "2026-03-09T09:00")
    assert (case.paused_seconds, case.resolve_by) == (7200, newyork("2026-03-09T10:00"))


def test_elapsed_time_is_paused_by_elapsed_time(network, playbook):
    playbook(40 * HOUR, "elapsed")
    fold(network, failed(0))
    case = only()
    paused(case, "2026-03-06T16:00", "2026-03-07T16:00")
    assert case.resolve_by == START + 64 * HOUR


def test_the_first_response_is_never_paused(network, playbook):
    playbook(9 * HOUR)
    fold(network, failed(0))
    before = only().respond_by
    paused(only(), "2026-03-06T08:00", "2026-03-06T12:00")
    assert only().respond_by == before


def test_a_second_pause_keeps_the_beginning_of_the_first_and_resuming_twice_adds_nothing(
    network, playbook
):
    playbook(9 * HOUR)
    fold(network, failed(0))
    case = only()
    clocks.pause([case.pk], newyork("2026-03-06T09:00"))
    paused(case, "2026-03-06T10:00", "2026-03-06T11:00")
    clocks.resume([case.pk], newyork("2026-03-06T15:00"))
    assert only().paused_seconds == 7200


def test_a_pause_after_the_time_ran_out_gives_none_back(network, playbook):
    playbook(1 * HOUR)
    fold(network, failed(0))
    case = only()
    paused(case, "2026-03-06T10:00", "2026-03-06T11:00")
    assert (case.paused_seconds, case.resolve_by) == (0, newyork("2026-03-06T09:00"))


def test_what_is_over_is_not_paused(network, playbook):
    fold(network, failed(0), fine(9))
    clocks.pause([only().pk], now())
    assert only().paused_at is None


# -- beginning again -----------------------------------------------------------------------------


def test_what_comes_back_has_half_the_time_from_when_it_came_back(network, playbook):
    playbook(4 * HOUR, "elapsed")
    fold(network, failed(0))
    Case.objects.update(responded_at=now(), escalation=2)
    fold(network, fine(10))
    fold(network, failed(600))
    case = only()
    assert (case.clock_from, case.resolve_by) == (START + 10 * HOUR, START + 12 * HOUR)
    assert (case.clock_run, case.responded_at, case.escalation) == (1, None, 0)


def test_a_reopening_by_a_person_begins_again_with_the_whole_time(network, playbook):
    playbook(4 * HOUR, "elapsed")
    fold(network, failed(0))
    clocks.restart([only().pk], START + 5 * HOUR)
    case = only()
    assert (case.resolve_by, case.clock_run) == (START + 9 * HOUR, 1)


# -- marks and escalation ------------------------------------------------------------------------


def ago(hours):
    """Minutes of `failed`, for what began so many hours before now."""
    return (now() - START).total_seconds() / 60 - hours * 60


def look():
    """The sweep, half a minute after what came late."""
    Case.objects.filter(wake_at__lt=now() + 30.1 * SECOND).update(wake_at=now())
    return services.sweep_clocks()


def marks():
    return set(ClockMark.objects.values_list("clock", "mark"))


def test_each_mark_is_written_once_while_the_case_is_open(network, playbook):
    playbook(10 * HOUR, "elapsed")
    fold(network, failed(ago(6)))
    assert look() == 1
    assert marks() == {(1, 50), (1, 80), (1, 100), (2, 50)}
    assert services.sweep_clocks() == 0
    look()
    assert story(only()) == ["opened", "breached", "warned", "escalated"]
    assert list(CaseEvent.objects.values_list("reason", flat=True))[1:] == [
        "The time to respond is over.",
        "50 % of the time to resolve has passed.",
        "A quarter of the time has passed and nobody has it: to the supervisor.",
    ]


def test_what_comes_late_is_not_late_before_the_rest_of_the_story_is_heard(network, playbook):
    playbook(HOUR, "elapsed", severity=1)
    fold(network, failed(ago(6)))
    assert services.sweep_clocks() == 0
    fold(network, fine(ago(6) + 2))
    look()
    assert (marks(), only().escalation) == (set(), 0)


def test_a_mark_says_when_the_time_had_passed_and_the_next_look_is_at_the_next(network, playbook):
    playbook(10 * HOUR, "elapsed")
    fold(network, failed(ago(6)))
    look()
    case = only()
    assert ClockMark.objects.get(clock=2).at == case.opened_at + 5 * HOUR
    assert now() < case.wake_at <= case.opened_at + 8 * HOUR


def test_who_responded_in_time_is_not_warned_of_the_response(network, playbook):
    playbook(10 * HOUR, "elapsed")
    fold(network, failed(ago(3)))
    Case.objects.update(responded_at=now() - 2.5 * HOUR)
    look()
    assert marks() == set()


def test_a_paused_clock_reaches_no_mark(network, playbook):
    playbook(10 * HOUR, "elapsed")
    fold(network, failed(ago(6)))
    case = only()
    Case.objects.update(responded_at=case.opened_at)
    clocks.pause([case.pk], case.opened_at + HOUR)
    look()
    assert marks() == set()

    clocks.resume([case.pk], now() - HOUR)
    look()
    assert marks() == set()
    assert only().wake_at is not None


def test_a_sweep_that_comes_late_still_says_what_passed_before_the_end(network, playbook):
    playbook(2 * HOUR, "elapsed")
    fold(network, failed(ago(6)))
    fold(network, fine(ago(1)))
    look()
    assert (2, 100) in marks()
    assert only().escalation == 0
    ended = story(only())
    assert ended == ["opened", "resolved", "breached", "breached"]


def test_what_ended_in_time_was_never_late(network, playbook):
    playbook(10 * HOUR, "elapsed")
    fold(network, failed(ago(20)))
    fold(network, fine(ago(20) + 20))
    look()
    assert marks() == set()


def test_what_is_critical_is_shown_to_the_supervisor_at_once_and_to_the_lead_when_overdue(
    network, playbook
):
    playbook(10 * HOUR, "elapsed", severity=1)
    fold(network, failed(ago(0.01)))
    look()
    assert only().escalation == 1
    Case.objects.update(clock_from=now() - 11 * HOUR, wake_at=now())
    look()
    assert only().escalation == 2


def test_a_new_run_is_warned_of_anew(network, playbook):
    playbook(2 * HOUR, "elapsed")
    fold(network, failed(ago(9)))
    look()
    clocks.restart([only().pk], now() - 3 * HOUR)
    look()
    breaches = ClockMark.objects.filter(clock=2, mark=100)
    assert list(breaches.values_list("run", flat=True).order_by("run")) == [0, 1]


# -- against a walk minute by minute -------------------------------------------------------------

# Days around both changes of the clocks, with a holiday each; a lunch break every day.
DAYS = [(date(2026, 3, 6), date(2026, 3, 9)), (date(2026, 10, 30), date(2026, 11, 2))]
ZONE = ZoneInfo("America/New_York")


def walk(start, allowed, pauses, is_open):
    """The moment so many minutes have passed that were open and not paused."""
    moment = start
    while allowed:
        if is_open(moment) and not any(since <= moment < until for since, until in pauses):
            allowed -= 1
        moment += MINUTE
    return moment


def office(holiday):
    def is_open(moment):
        local = moment.astimezone(ZONE)
        minutes = local.hour * 60 + local.minute
        at_work = 480 <= minutes < 720 or 750 <= minutes < 1020
        return local.weekday() < 5 and local.date() != holiday and at_work

    return is_open


@st.composite
def stories(draw):
    first, holiday = draw(st.sampled_from(DAYS))
    begins = datetime.combine(first, time(5), UTC) + draw(st.integers(0, 4_000)) * MINUTE
    moments = sorted(draw(st.lists(st.integers(1, 12_000), max_size=8, unique=True)))
    pauses = [
        (begins + since * MINUTE, begins + until * MINUTE)
        for since, until in zip(moments[::2], moments[1::2], strict=False)
    ]
    return begins, draw(st.integers(1, 1_200)), pauses, holiday


@pytest.mark.slow
@settings(RELAXED, max_examples=60)
@given(story=stories(), measure=st.sampled_from(["business", "elapsed"]))
def test_clocks_are_a_walk_minute_by_minute(network, empty_path, story, measure):
    begins, allowed, pauses, holiday = story
    empty_path()
    lunch_and_holidays(network)
    fold(network, failed((begins - START) / MINUTE))
    Case.objects.update(is_priority_by_hand=True, target_seconds=allowed * 60, due_measure=measure)
    case = only()
    clocks.start([case.pk])
    for since, until in pauses:
        clocks.pause([case.pk], since)
        clocks.resume([case.pk], until)
    case.refresh_from_db()

    is_open = office(holiday) if measure == "business" else lambda _: True
    assert case.resolve_by == walk(begins, allowed, pauses, is_open)


def lunch_and_holidays(network):
    calendar = network.facilities[0].parent.calendar
    if not calendar.holidays.exists():
        calendar.hours.all().delete()
        for opens, closes in ((time(8), time(12)), (time(12, 30), time(17))):
            for day in range(5):
                calendar.hours.create(weekday=day, opens=opens, closes=closes)
        for _, holiday in DAYS:
            CalendarHoliday.objects.create(calendar=calendar, date=holiday, name="H")
        refresh_spans(since=LONG_AGO)


def test_the_walk_and_the_arithmetic_of_open_hours_are_of_one_mind():
    hours = [
        Hours(d, *span)
        for d in range(5)
        for span in ((time(8), time(12)), (time(12, 30), time(17)))
    ]
    spans = sla.open_spans(
        hours=hours,
        holidays={DAYS[0][1]},
        zone=ZONE,
        first=date(2026, 3, 1),
        last=date(2026, 3, 20),
    )
    assert walk(START, 600, [], office(DAYS[0][1])) == sla.business_due(START, 36_000, spans)


def test_open_cases_that_are_older_than_clocks_get_theirs_by_the_sweep(network, playbook):
    """As an upgrade leaves them: no clock, no score, and no round over them yet."""
    playbook(10 * HOUR, "elapsed")
    fold(network, failed(ago(6)))
    with_clock = Case.objects.values("clock_from", "respond_by", "resolve_by", "target_seconds")
    before = with_clock.get()
    Case.objects.update(
        clock_from=None, respond_by=None, resolve_by=None, target_seconds=None, wake_at=None,
        scored_at=None, score=0,
    )  # fmt: skip
    PolicyRound.objects.all().delete()
    # The first sweep lays out the round, the second goes through it.
    services.follow_rules()
    services.follow_rules()
    assert with_clock.get() == before
    assert Case.objects.get().scored_at
    assert look() == 1
