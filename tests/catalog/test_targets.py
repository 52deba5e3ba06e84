"""Targets: a change opens a version, and nothing that was in force is ever rewritten."""

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from threading import Barrier, Thread

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils.timezone import now

from apps.catalog.models import SlaTarget
from apps.catalog.services import (
    ChangeOverlaps,
    ChangeRewritesHistory,
    TargetChange,
    change_target,
)
from tests.catalog import network as net


def change(network, seconds=300, **more) -> SlaTarget:
    return change_target(
        TargetChange(
            clock=network.clock, threshold_seconds=seconds, objective=Decimal("0.98"),
            why="The board asked for it.", **more,
        )
    )  # fmt: skip


def versions(network, facility=None) -> list[tuple[int, datetime, datetime | None]]:
    found = SlaTarget.objects.filter(clock=network.clock, facility=facility)
    fields = ("threshold_seconds", "effective_from", "effective_to")
    return list(found.order_by("effective_from").values_list(*fields))


def test_a_change_closes_the_version_in_force_and_opens_the_next(network):
    tomorrow = now() + timedelta(days=1)
    change(network, 300, effective_from=tomorrow)
    assert versions(network) == [(900, net.LONG_AGO, tomorrow), (300, tomorrow, None)]


def test_without_a_moment_a_change_begins_in_two_minutes_on_the_minute(network):
    new = change(network)
    assert timedelta(0) < new.effective_from - now() <= timedelta(minutes=2)
    assert (new.effective_from.second, new.effective_from.microsecond) == (0, 0)


def test_a_change_never_begins_in_the_past(network):
    with pytest.raises(ChangeRewritesHistory):
        change(network, effective_from=now() - timedelta(minutes=5))
    assert versions(network) == [(900, net.LONG_AGO, None)]


def test_a_later_change_replaces_what_was_planned_after_it(network):
    soon, later = now() + timedelta(days=1), now() + timedelta(days=30)
    change(network, 300, effective_from=later)
    change(network, 600, effective_from=soon)
    assert versions(network) == [(900, net.LONG_AGO, soon), (600, soon, None)]


def test_an_override_leaves_the_network_target_alone(network):
    tomorrow = now() + timedelta(days=1)
    change(network, 60, facility=network.hospital, effective_from=tomorrow)
    assert versions(network) == [(900, net.LONG_AGO, None)]
    assert versions(network, network.hospital) == [(60, tomorrow, None)]


def test_a_place_without_any_target_may_get_one_for_the_past(network):
    first = change_target(
        TargetChange(
            clock=network.business_clock, threshold_seconds=32400, objective=Decimal("0.95"),
            why="Agreed when the feed went live.", effective_from=net.LONG_AGO,
        )
    )  # fmt: skip
    assert first.effective_from == net.LONG_AGO


def test_but_not_where_the_network_had_one(network):
    with pytest.raises(ChangeRewritesHistory):
        change(network, facility=network.hospital, effective_from=net.LONG_AGO)


@pytest.mark.parametrize(
    "edit",
    [
        {"threshold_seconds": 1},
        {"objective": Decimal("0.5")},
        {"effective_from": datetime.fromisoformat("2023-01-01T00:00Z")},
        {"why": "Something else."},
        {"effective_to": datetime.fromisoformat("2025-01-01T00:00Z")},
    ],
)
def test_the_database_refuses_to_edit_what_is_in_force(network, edit):
    with pytest.raises(IntegrityError, match="make a new version") as refused:
        SlaTarget.objects.filter(pk=network.target.pk).update(**edit)
    assert refused.value.__cause__.diag.constraint_name == "slatarget_history_kept"


def test_the_database_refuses_to_delete_what_is_in_force(network):
    with pytest.raises(IntegrityError, match="make a new version"):
        network.target.delete()


def test_an_end_may_move_while_it_lies_ahead_and_never_again(network):
    mine = SlaTarget.objects.filter(pk=network.target.pk)
    mine.update(effective_to=now() + timedelta(days=2))
    mine.update(effective_to=now() + timedelta(days=1))
    net.let_history_be_written()
    mine.update(effective_to=now() - timedelta(days=1))
    net.let_history_be_written(False)
    with pytest.raises(IntegrityError, match="make a new version"):
        mine.update(effective_to=None)


def test_what_is_only_planned_may_be_edited_and_withdrawn(network):
    planned = change(network, effective_from=now() + timedelta(days=1))
    SlaTarget.objects.filter(pk=planned.pk).update(threshold_seconds=60)
    planned.delete()
    assert SlaTarget.objects.filter(clock=network.clock).count() == 1


def test_two_versions_are_never_in_force_at_once(network):
    tomorrow = now() + timedelta(days=1)
    with pytest.raises(IntegrityError, match="slatarget_no_overlap"):
        net.target(network.clock, effective_from=tomorrow)


@pytest.mark.parametrize("objective", ["0", "1", "1.5"])
def test_an_objective_is_a_share(network, objective):
    with pytest.raises(IntegrityError, match="slatarget_objective_share"):
        net.target(network.business_clock, objective=Decimal(objective))


@pytest.mark.django_db(transaction=True)
def test_of_two_changes_at_once_one_wins_and_the_other_hears_of_it():
    network = net.build()
    barrier, outcomes = Barrier(2), []

    def run(days: int) -> None:
        try:
            barrier.wait()
            change(network, 100 + days, effective_from=now() + timedelta(days=days))
            outcomes.append("changed")
        except ChangeOverlaps:
            outcomes.append("overlaps")
        finally:
            connection.close()

    threads = [Thread(target=run, args=(days,)) for days in (1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    # One after the other is as good: the later one then replaces or follows the earlier.
    assert sorted(outcomes) in (["changed", "changed"], ["changed", "overlaps"])
    periods = versions(network)
    assert all(one[2] == following[1] for one, following in pairwise(periods))


def test_a_change_is_one_transaction(network):
    with pytest.raises(IntegrityError, match="slatarget_says_why"), transaction.atomic():
        change_target(
            TargetChange(
                clock=network.clock, threshold_seconds=60, objective=Decimal("0.9"), why=""
            )
        )
    assert versions(network) == [(900, net.LONG_AGO, None)]
