"""Which account a case is about, and which case of an account is in the way of which."""

from uuid import UUID

from apps.telemetry.tokens import business_key
from apps.triage.accounts import waits_for
from apps.triage.models import Case
from tests.triage.test_clocks import only
from tests.triage.test_fold import failed, fine, fold

ACCOUNT, CLAIM = business_key("account", "A-1234"), business_key("claim", "C-1234")
REMIT = business_key("remit", "R-1234")


def token(key):
    return UUID(key[1])


def test_a_case_is_about_the_account_before_the_claim_and_a_remittance_is_nobodys(network):
    fold(network, failed(0, business_keys=[REMIT]))
    assert only().account is None
    fold(network, fine(1, rank=1, business_keys=[CLAIM]))
    assert only().account == token(CLAIM)
    fold(network, fine(2, rank=1, business_keys=[ACCOUNT, CLAIM]))
    assert only().account == token(ACCOUNT)
    fold(network, fine(3, rank=1, business_keys=[CLAIM]))
    assert only().account == token(ACCOUNT)


def test_keys_that_came_first_are_on_the_case_from_its_birth(network):
    fold(network, fine(0, rank=1, business_keys=[ACCOUNT]))
    fold(network, failed(1))
    assert only().account == token(ACCOUNT)


def test_what_is_overdue_is_about_its_account_too(network):
    from apps.pipeline import services

    fold(network, fine(0, rank=1, business_keys=[ACCOUNT]))
    services.sweep_due()
    assert only().account == token(ACCOUNT)


def spread(network):
    """An early and a late step of the first workflow, and one of the second, of one account."""
    for subject, said in {
        "late": {"rank": 4}, "early": {"rank": 2}, "after": {"rank": 1, "workflow": 1},
    }.items():  # fmt: skip
        fold(network, failed(0, subject=subject, business_keys=[ACCOUNT], **said))
    fold(network, failed(0, subject="stranger", rank=6))
    return list(Case.objects.order_by("id").values_list("pk", flat=True))


def everywhere(network):
    return [place.pk for place in network.facilities]


def test_later_steps_and_workflows_wait_for_the_earliest_that_is_open(network):
    late, early, after, stranger = ids = spread(network)
    found = waits_for(ids, facilities=everywhere(network))
    assert found == {late: early, after: early}
    assert stranger not in found

    fold(network, fine(9, rank=2, subject="early"))
    assert waits_for(ids, facilities=everywhere(network)) == {after: late}


def test_nobody_learns_of_a_case_at_a_place_they_do_not_see(network):
    fold(network, failed(0, subject="here", rank=4, business_keys=[ACCOUNT]))
    fold(network, failed(0, subject="there", rank=2, facility=1, business_keys=[ACCOUNT]))
    ids = list(Case.objects.values_list("pk", flat=True))
    assert len(waits_for(ids, facilities=everywhere(network))) == 1
    assert waits_for(ids, facilities=everywhere(network)[:1]) == {}
