"""Storms: which cases are one, by when they failed alone."""

import time
from collections import defaultdict
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from apps.catalog.models import Interface, System
from apps.triage.models import Case, CaseEvent, Group, Storm
from apps.triage.storms import sweep_storms
from tests.pipeline.network import START, build

MINUTE = timedelta(minutes=1)
QUARTER, WEEK = timedelta(minutes=15), timedelta(days=7)
RELAXED = settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate],
)


def made_id():
    """Ids begin with the moment at which they were made, as those of the database do."""
    return UUID(int=(time.time_ns() // 1_000_000 << 80) | (7 << 76) | uuid4().int & (1 << 76) - 1)


class Ground:
    """Two systems that can fail, each behind an interface."""

    def __init__(self, network):
        self.network = network
        self.wires = {name: self._wire(name) for name in ("payer", "ledger")}
        self.stage = network.stage(0, 2)
        self.group = Group.objects.get_or_create(
            id=uuid4(), mechanism=1, workflow=self.stage.workflow, stage=self.stage, condition=1,
            error_class="transport", error_standard="", error_code="", error_location="",
        )[0]  # fmt: skip

    def _wire(self, name):
        system = System.objects.create(code=name, name=name.title(), kind="engine")
        return Interface.objects.create(
            code=name, name=name, protocol="rest", pattern="event", source=system, target=system,
            workflow=self.network.workflows[0],
        )  # fmt: skip

    def fails(self, times, *, wire="payer", error_class="transport", **said):
        """Cases that were born at these moments."""
        return Case.objects.bulk_create(
            Case(**{
                "id": made_id(), "condition": 1, "transaction_id": uuid4(), "stage": self.stage,
                "rank": 2, "error_class": error_class, "workflow": self.stage.workflow,
                "facility": self.network.facilities[0], "interface": self.wires[wire],
                "group": self.group, "opened_at": at, "last_seen": at, "occurrences": 1,
                "dead_lettered": False, "error_standard": "", "error_code": "",
                "error_location": "", "status": "open", "substatus": "new",
                "counts_money": True, **said,
            })
            for at in times
        )  # fmt: skip


@pytest.fixture
def ground(db, settings):
    settings.THROUGHLINE_STORM_CASES = 4
    return Ground(build())


def told():
    """What there is of storms: cause, first, last, and whose births they are."""
    found = defaultdict(list)
    for case in Case.objects.exclude(storm=None):
        found[case.storm_id].append(case.opened_at)
    return sorted(
        (one.system.code, one.error_class, one.opened_at, one.last_seen, sorted(found[one.pk]))
        for one in Storm.objects.select_related("system")
    )


def expected(births, least):
    """The same in plain Python."""
    storms = []
    for (wire, error_class), times in births.items():
        times, unusual = sorted(times), []
        for at in times:
            quarter = sum(at - QUARTER <= one <= at for one in times)
            week = sum(at - QUARTER - WEEK <= one < at - QUARTER for one in times)
            if quarter * 672 > 5 * week:
                unusual.append((at, quarter))
        runs = []
        for at, quarter in unusual:
            if not runs or at - runs[-1][-1][0] > 45 * MINUTE:
                runs.append([])
            runs[-1].append((at, quarter))
        for run in runs:
            if max(quarter for _, quarter in run) < least:
                continue
            first, last = run[0][0] - QUARTER, run[-1][0] + 30 * MINUTE
            mine = [one for one in times if first <= one <= last]
            storms.append((wire, error_class, mine[0], mine[-1], mine))
    return sorted(storms)


births = st.lists(
    st.tuples(
        st.sampled_from(["payer", "payer", "ledger"]),
        st.sampled_from(["transport", "transport", "auth"]),
        st.sampled_from([*range(0, 60, 4), *range(90, 200, 9), 700, 1500, 2900]),
    ),
    max_size=30,
)


@RELAXED
@given(born=births, order=st.randoms(use_true_random=False))
@example(
    born=[("payer", "transport", at) for at in (0, 20, 40, 2900, 2901, 2902, 2903)], order=None
)
def test_any_order_and_grouping_of_births_leaves_the_same_storms(ground, born, order):
    Case.objects.all().delete()
    Storm.objects.all().delete()
    told_to = list(born)
    if order:
        order.shuffle(told_to)
    for wire, error_class, minutes in told_to:
        ground.fails([START + minutes * MINUTE], wire=wire, error_class=error_class)
        if order is None or order.random() < 0.4:
            sweep_storms()
    sweep_storms()
    sweep_storms()
    by_cause = defaultdict(list)
    for wire, error_class, minutes in born:
        by_cause[wire, error_class].append(START + minutes * MINUTE)
    assert told() == expected(by_cause, 4)


def test_what_is_usual_is_no_storm(ground):
    """Six an hour, all week; then eight in a quarter of an hour is one, and two are none."""
    week = [START - timedelta(minutes=10 * one) for one in range(1, 7 * 24 * 6)]
    ground.fails(week)
    sweep_storms()
    Storm.objects.all().update(ended_at=START)
    ground.fails([START + one * MINUTE for one in (60, 61, 62)])
    sweep_storms()
    assert not Case.objects.filter(opened_at__gte=START, storm__isnull=False).exists()
    ground.fails([START + (120 + one) * MINUTE for one in range(12)])
    sweep_storms()
    assert Case.objects.filter(opened_at__gte=START, storm__isnull=False).count() == 12


def test_a_case_says_that_it_is_part_of_a_storm_once(ground):
    ground.fails([START + one * MINUTE for one in range(5)])
    for _ in range(3):
        sweep_storms()
    assert CaseEvent.objects.filter(kind="stormed").count() == 5


def test_a_step_without_an_interface_is_of_the_system_that_carries_it(ground):
    type(ground.stage).objects.filter(pk=ground.stage.pk).update(system=System.objects.first())
    ground.fails([START + one * MINUTE for one in range(5)], interface=None)
    sweep_storms()
    assert [one[0] for one in told()] == [System.objects.first().code]


def test_it_is_over_half_an_hour_after_what_is_open_of_it_failed_last(ground):
    made = ground.fails([START + one * MINUTE for one in range(5)])
    sweep_storms()
    assert Storm.objects.get().ended_at == START + 34 * MINUTE
    Case.objects.filter(pk=made[0].pk).update(last_seen=START + 50 * MINUTE)
    Storm.objects.update(ended_at=None)
    sweep_storms()
    assert Storm.objects.get().ended_at == START + 80 * MINUTE


def test_one_that_goes_on_is_open_again(ground):
    ground.fails([START + one * MINUTE for one in range(5)])
    sweep_storms()
    first = Storm.objects.get()
    ground.fails([START + 20 * MINUTE])
    sweep_storms()
    again = Storm.objects.get()
    assert (again.pk, again.ended_at) == (first.pk, START + 50 * MINUTE)
