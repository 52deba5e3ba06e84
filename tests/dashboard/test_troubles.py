"""What went wrong with a transaction, in plain words on its page."""

from datetime import timedelta

import pytest
from django.utils import timezone
from pytest_django.asserts import assertContains, assertNotContains

from apps.catalog.models import ErrorSignal, ExceptionKind, Playbook, Team
from tests.dashboard.cast import SOUTH, address, ago, fold, stuck

pytestmark = pytest.mark.slow

HOSTILE = '<script>alert("x")</script>'


@pytest.fixture
def explained(network):
    """What the failure of `stuck` means: its words name all they may."""
    kind = ExceptionKind.objects.create(code="PAY-07", position=1)
    ErrorSignal.objects.create(
        kind=kind, standard="erp", code="NO_COSTCENTER", error_class="reference_unknown"
    )
    return Playbook.objects.create(
        kind=kind, owner=Team.objects.create(code="finance", name="Finance"), severity=2,
        title="A cost centre is not mapped", matters="Posting stops.",
        happened="{target} stopped “{step}” of {payer} at {place} in {facility}.",
        steps="Map it.\nReplay it.", replay="two", due_seconds=4 * 3600, due_measure="business",
        effective_from=timezone.now() - timedelta(days=9), why="First.",
    )  # fmt: skip


def test_an_open_case_says_what_happened_why_it_matters_and_what_to_do(network, explained, as_bea):
    fold(network, *stuck("s-1", payer="ACME"))
    page = as_bea.get(address(network, "s-1"))
    assertContains(page, "A cost centre is not mapped")
    assertContains(page, "The receiving system stopped “Step 2” of ACME at line[3] in North.")
    for text in ("Posting stops.", "Map it.", "Replay it.", "Finance mends it within 4\u202fh"):
        assertContains(page, text)


def test_a_code_nobody_explained_is_shown_as_it_came(network, as_bea):
    fold(network, *stuck("s-1"))
    page = as_bea.get(address(network, "s-1"))
    assertContains(page, "Nobody has said what this code means")
    assertContains(page, "erp NO_COSTCENTER line[3]")


def test_what_healed_is_a_line_with_its_moment_and_no_card(network, explained, as_bea):
    fold(network, *stuck("s-1"), {"subject": "s-1", "rank": 2, "at": ago(hours=1)})
    page = as_bea.get(address(network, "s-1"))
    assertContains(page, "Gone wrong and over")
    assertContains(page, "A later success healed it.")
    assertNotContains(page, "Do this now")


def test_what_is_over_keeps_the_words_of_its_day(network, explained, as_bea, time_machine):
    fold(network, *stuck("over"), {"subject": "over", "rank": 2, "at": ago(hours=1)})
    fold(network, *stuck("open"))
    soon = timezone.now() + timedelta(minutes=2)
    Playbook.objects.update(effective_to=soon)
    Playbook.objects.create(
        kind=explained.kind, owner=explained.owner, effective_from=soon, title="Other words",
        happened="It stopped.", matters="Much.", steps="Act.", replay="two", severity=2,
        due_seconds=3600, due_measure="elapsed", why="Clearer.",
    )  # fmt: skip
    time_machine.move_to(soon + timedelta(minutes=1))
    assertContains(as_bea.get(address(network, "over")), "A cost centre is not mapped")
    assertContains(as_bea.get(address(network, "open")), "Other words")


def test_one_without_trouble_has_neither(network, as_bea):
    fold(network, {"subject": "fine", "at": ago(minutes=1)})
    page = as_bea.get(address(network, "fine"))
    assertNotContains(page, "Do this now")
    assertNotContains(page, "Gone wrong")


def test_text_of_a_source_is_text(network, explained, as_bea):
    start = ago(hours=1)
    fold(network, {"subject": "x", "at": start, "payer": HOSTILE},
         {"subject": "x", "rank": 2, "at": start, "outcome": "failed",
          "error": ("erp", "NO_COSTCENTER", "{payer}" + HOSTILE, "")})  # fmt: skip
    page = as_bea.get(address(network, "x"))
    assertNotContains(page, HOSTILE)
    assertContains(page, "{payer}&lt;script&gt;")


def test_cases_of_a_transaction_elsewhere_are_not_told(network, explained, as_bea):
    fold(network, *stuck("theirs", facility=SOUTH))
    answer = as_bea.get(address(network, "theirs"))
    assert answer.status_code == 404
    assert "cost centre" not in answer.content.decode()


def test_more_cases_cost_no_more_queries(network, explained, as_bea, budget):
    error = ("erp", "NO_COSTCENTER", "line[1]", "")
    more = [{"subject": "many", "rank": rank, "outcome": "failed", "at": ago(hours=1),
             "error": error} for rank in (1, 3, 5)]  # fmt: skip
    fold(network, *stuck("one"), *stuck("many"), *more)
    as_bea.get(address(network, "one"))
    with budget(30, exact=False) as asked:
        as_bea.get(address(network, "one"))
    with budget(len(asked), exact=True):
        as_bea.get(address(network, "many"))
