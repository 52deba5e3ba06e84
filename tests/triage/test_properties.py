"""Any history, however it arrives, leaves the cases that its sorted distinct events say."""

import random
from collections import defaultdict
from datetime import date, time
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from django.utils.timezone import now
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from apps.catalog import sla
from apps.catalog.models import ErrorSignal
from apps.triage.models import Case, CaseEvent
from tests.pipeline import oracle as facts
from tests.pipeline.network import event
from tests.pipeline.test_fold_properties import RELAXED, arrive, histories
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


def expect_the_oracle(network, events):
    of = defaultdict(list)
    for one in events:
        of[one.transaction_id].append(one)
    ruled, moment = rules(network), now()
    judged = {key: facts.judge(found, ruled, moment) for key, found in of.items()}
    assert oracle.stored() == oracle.cases(events, judged, ruled, class_of)
    for case in Case.objects.all():
        states = list(CaseEvent.objects.filter(case=case).order_by("id"))
        assert states[0].kind == "opened"
        assert states[-1].after == case.status
        assert all(one.after == two.before for one, two in pairwise(states))
    expect_clocks_of_the_beginning(network)


def expect_clocks_of_the_beginning(network):
    """Nobody has explained these failures and nobody acted: a business day from the first, unless
    it was closed before it came back, which depends on when what arrived."""
    for case in Case.objects.filter(clock_run=0).select_related("facility"):
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
