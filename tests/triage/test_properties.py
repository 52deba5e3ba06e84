"""Any history, however it arrives, leaves the cases that its sorted distinct events say."""

import random
from collections import defaultdict
from contextlib import suppress
from datetime import date, time, timedelta
from functools import lru_cache
from itertools import pairwise
from types import MappingProxyType
from zoneinfo import ZoneInfo

from django.utils.timezone import now
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from apps.accounts.models import User
from apps.catalog import sla
from apps.catalog.models import ErrorSignal
from apps.pipeline import services
from apps.triage import services as triage
from apps.triage.models import IS_OPEN, Case, CaseEvent, Dismissal
from apps.triage.sweep import sweep_cases
from tests.dashboard.cast import make_person
from tests.pipeline import oracle as facts
from tests.pipeline.network import START, event
from tests.pipeline.test_fold_properties import RELAXED, arrive, histories, moments
from tests.pipeline.world import rules
from tests.triage import oracle

CLASSES = {"http": "transport", "x12": "missing_data"}


def class_of(event):
    return CLASSES.get((event.error or ("",))[0], "internal")


@settings(RELAXED, max_examples=25, phases=[Phase.explicit, Phase.generate])
@given(history=histories, seed=st.integers(0, 2**32))
def test_any_order_and_any_duplicates_leave_the_same_cases(
    network, known, empty_path, history, seed
):
    empty_path()
    if not ErrorSignal.objects.exists():
        known("http 503 *", "transport")
        known("x12 T4 *", "missing_data")
    events = [event(network, id=n, **one) for n, one in enumerate(history)]

    arrive(network, events, random.Random(seed))
    expect_the_oracle(network, events)


class Desk:
    """Somebody who acts on whatever is open, at any moment, as it happens to stand."""

    def __init__(self, person, order, clock):
        self.person, self.order, self.clock = person, order, clock
        self.words = {}

    def act(self):
        named = Case.objects.filter(IS_OPEN).order_by("transaction_id", "condition", "rank")
        case = self.order.choice([*named] or [None])
        if case is None:
            return
        self.clock.moment = START + timedelta(seconds=self.order.randint(0, 20_000))
        name = self.order.choice(["take", "pend", "escalate", "note", *CLOSING, *CLOSING])
        with suppress(triage.Conflict, triage.Refused):
            self.acts(case)[name]()
            if name in CLOSING:
                self.note_word(name, case)

    def acts(self, case):
        form = {"by": self.person, "version": None, "op_id": None}
        wait = triage.Wait(
            triage.Waits.LATER, until=self.clock.moment + timedelta(days=1),
            until_reply=self.order.random() < 0.5,
        )  # fmt: skip

        def resolve(how):
            return lambda: triage.resolve(case.pk, resolution=how, comment="done", **form)

        def dismiss(scope):
            return lambda: triage.dismiss(case.pk, scope=scope, reason="noise", **form)

        return {
            "take": lambda: triage.take(case.pk, **form),
            "pend": lambda: triage.pend(case.pk, wait=wait, reason="asked them", **form),
            "escalate": lambda: triage.escalate(case.pk, reason="hard", **form),
            "note": lambda: triage.note(case.pk, text="seen", **form),
            "by_hand": resolve(triage.Resolution.BY_HAND),
            "corrected": resolve(triage.Resolution.CORRECTED),
            "this_case": dismiss(Dismissal.THIS_CASE),
            "until_escalating": dismiss(Dismissal.UNTIL_ESCALATING),
        }

    def note_word(self, name, case):
        case.refresh_from_db()
        key = case.transaction_id.hex, case.condition, case.rank, case.error_class
        self.words[key] = oracle.Word(
            self.clock.moment, case.late_until, closes=case.status != "verifying",
            for_any_failure=name == "until_escalating",
        )  # fmt: skip


# Little business, and most of it fails again and again: what people's word is measured by.
failing = st.lists(
    st.fixed_dictionaries(
        {
            "workflow": st.just(1),
            "subject": st.sampled_from(["a", "b"]),
            "rank": st.sampled_from([1, 2, 2]),
            "outcome": st.sampled_from(["ok", "failed", "failed", "dead_letter", "cancelled"]),
            "at": moments,
            "error": st.just(("http", "503", "", "")),
        }
    ),
    min_size=4,
    max_size=24,
)
CLOSING = ("by_hand", "corrected", "this_case", "until_escalating")


@settings(RELAXED, max_examples=40, phases=[Phase.explicit, Phase.generate])
@given(history=failing | histories, seed=st.integers(0, 2**32))
def test_whatever_people_do_meanwhile_the_order_of_events_decides_nothing(
    network, known, empty_path, clock, history, seed
):
    empty_path()
    if not ErrorSignal.objects.exists():
        known("http 503 *", "transport")
        known("x12 T4 *", "missing_data")
    order = random.Random(seed)
    supervisor = User.objects.filter(username="sue").first() or make_person(
        "sue", "rcm_supervisor", network.facilities[0].parent
    )
    desk = Desk(supervisor, order, clock)
    events = [event(network, id=n, **one) for n, one in enumerate(history)]
    queue = events + order.sample(events, k=len(events) // 3)
    order.shuffle(queue)
    while queue:
        size = order.randint(1, 4)
        arrive(network, queue[:size], order)
        del queue[:size]
        for _ in range(order.randint(0, 2)):
            order.choice([desk.act, desk.act, desk.act, sweep_cases])()
    services.sweep_due()
    expect_the_oracle(network, events, desk.words)


def expect_the_oracle(network, events, words=MappingProxyType({})):
    of = defaultdict(list)
    for one in events:
        of[one.transaction_id].append(one)
    ruled, moment = rules(network), now()
    judged = {key: facts.judge(found, ruled, moment) for key, found in of.items()}
    expected = oracle.cases(events, judged, ruled, class_of)
    assert oracle.stored() == oracle.after(expected, words)
    for case in Case.objects.all():
        states = list(CaseEvent.objects.filter(case=case).order_by("id"))
        assert states[0].kind == "opened"
        assert states[-1].after == case.status
        assert all(one.after == two.before for one, two in pairwise(states))
    expect_clocks_of_the_beginning(network)


def expect_clocks_of_the_beginning(network):
    """Nobody has explained these failures: a business day from the first, unless somebody acted, or
    it was closed before it came back, which depends on when what arrived."""
    left_alone = Case.objects.filter(clock_run=0).exclude(history__actor__isnull=False)
    for case in left_alone.select_related("facility"):
        spans = open_days(case.facility.time_zone)
        assert case.clock_from == case.opened_at
        assert case.resolve_by == sla.business_due(case.opened_at, 32_400, spans)
        assert case.respond_by == sla.business_due(case.opened_at, 8_100, spans)


@lru_cache
def open_days(zone):
    hours = [sla.Hours(day, time(8), time(17)) for day in range(5)]
    return sla.open_spans(
        hours=hours,
        holidays=(),
        zone=ZoneInfo(zone),
        first=date(2025, 6, 1),
        last=date(2027, 6, 1),
    )
