"""The audit trail: only added to, chained, and whatever is changed in it is found."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import AnonymousUser
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.accounts.acts import GROUPS, Act, group_of
from apps.accounts.models import AuditEvent, User
from apps.accounts.origin import network_of
from apps.accounts.services import (
    audit,
    grant_facility,
    issue_token,
    revoke_facility,
    revoke_tokens,
)
from apps.telemetry.services.keys import issue_key, revoke_key

PASSWORD = "correct horse battery staple"


def trail(**chosen: Any) -> list[tuple[str, str, str]]:
    rows = AuditEvent.objects.filter(**chosen).order_by("at", "id")
    return [(row.actor, row.act, row.on) for row in rows]


def tamper(sql: str, *params: Any) -> None:
    """What somebody with the owner's rights can do, and nobody else."""
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE accounts_auditevent DISABLE TRIGGER USER")
        cursor.execute(sql, params)
        cursor.execute("ALTER TABLE accounts_auditevent ENABLE TRIGGER USER")


def refused(sql: str) -> bool:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(sql)
    except IntegrityError as error:
        return "only added to" in str(error)
    return False


@pytest.fixture
def ten(bea) -> list[AuditEvent]:
    """Ten sealed rows."""
    audit.seal()
    tamper("DELETE FROM accounts_auditevent")
    for number in range(10):
        audit.record(bea, Act.EXPORT_DOWNLOADED, on=f"table:{number}", facts={"rows": number})
    audit.seal()
    return list(AuditEvent.objects.order_by("seq"))


def test_a_row_says_who_did_what_to_what_and_where(bea, network):
    bea.first_name, bea.last_name = "Bea", "Lindqvist"
    row = audit.record(
        bea, "keys.issued", on="key:src_abc", facility=network.north, facts={"signs": True}
    )
    kept = AuditEvent.objects.get(pk=row)
    assert (kept.actor_id, kept.actor) == (bea.pk, "Bea Lindqvist (bea)")
    assert (kept.act, kept.on, kept.facility_id) == ("keys.issued", "key:src_abc", network.north.pk)
    assert kept.facts == {"signs": True}
    assert kept.id.version == 7


def test_an_act_that_nobody_knows_is_a_mistake_of_ours(bea):
    with pytest.raises(ValueError, match="made_up"):
        audit.record(bea, "made_up.act")


def test_every_act_belongs_to_a_group_and_has_a_sentence():
    assert {group_of(act) for act in Act} == set(GROUPS)
    assert all(act.label for act in Act)
    assert [act for group in GROUPS.values() for act in group.acts].sort() == list(Act).sort()


def test_what_is_undone_was_not_done(bea):
    with pytest.raises(RuntimeError), transaction.atomic():
        audit.record(bea, Act.EXPORT_DOWNLOADED)
        raise RuntimeError
    assert not AuditEvent.objects.filter(act=Act.EXPORT_DOWNLOADED).exists()


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE accounts_auditevent SET actor = 'somebody else'",
        "UPDATE accounts_auditevent SET seq = seq + 100",
        "UPDATE accounts_auditevent SET seq = NULL, hash = NULL",
        "DELETE FROM accounts_auditevent",
        "TRUNCATE accounts_auditevent",
    ],
)
def test_the_database_refuses_to_change_it(ten, sql):
    assert refused(sql)


def test_a_row_that_waits_for_its_place_can_be_changed_no_more_than_others(bea):
    audit.record(bea, Act.EXPORT_DOWNLOADED)
    assert refused("UPDATE accounts_auditevent SET actor = 'x', seq = 1, hash = 'x'")


def test_sealing_gives_every_row_a_place_once(ten):
    assert [row.seq for row in ten] == list(range(1, 11))
    assert audit.seal() == 0
    assert audit.verify() == audit.Report(10, audit.head(), ())


def test_a_row_that_waits_is_not_a_fault(ten, bea):
    audit.record(bea, Act.EXPORT_DOWNLOADED)
    report = audit.verify()
    assert (report.rows, report.is_whole) == (11, True)


def test_a_changed_row_is_found(ten):
    tamper("UPDATE accounts_auditevent SET actor = 'sam' WHERE seq = 4")
    assert audit.verify().faults == (f"4 ({ten[3].id}) was changed or put in",)


@pytest.mark.parametrize("column", ["at = at - interval '1 day'", "actor_id = 0", "act = 'x.y'",
                                    "object = 'x'", "facility_id = 1", "origin = 'x'",
                                    "request = 'x'", """facts = '{"rows": 2}'"""])  # fmt: skip
def test_every_column_is_covered(ten, column):
    tamper(f"UPDATE accounts_auditevent SET {column} WHERE seq = 4")  # noqa: S608
    assert not audit.verify().is_whole


def test_a_row_taken_out_of_the_middle_is_found(ten):
    tamper("DELETE FROM accounts_auditevent WHERE seq IN (4, 5)")
    assert audit.verify().faults == ("2 missing between 3 and 6",)


def test_a_gap_that_was_closed_up_is_found(ten):
    tamper("DELETE FROM accounts_auditevent WHERE seq = 4")
    for seq in range(5, 11):
        tamper("UPDATE accounts_auditevent SET seq = seq - 1 WHERE seq = %s", seq)
    assert not audit.verify().is_whole


def test_two_rows_that_changed_places_are_found(ten):
    tamper("UPDATE accounts_auditevent SET seq = -1 WHERE seq = 4")
    tamper("UPDATE accounts_auditevent SET seq = 4 WHERE seq = 5")
    tamper("UPDATE accounts_auditevent SET seq = 5 WHERE seq = -1")
    assert not audit.verify().is_whole


def test_a_row_put_in_by_hand_is_found_sealed_or_not(ten):
    tamper(
        "INSERT INTO accounts_auditevent (id, at, actor, act, mac)"
        " VALUES (uuidv7(), now(), 'sam', 'role.granted', 'guess')"
    )
    assert "put in by hand" in audit.verify().faults[0]
    audit.seal()
    assert audit.verify().faults[0].startswith("11 ")


def test_rows_cut_off_the_end_are_found_by_a_head_that_was_kept(ten):
    kept = audit.head()
    tamper("DELETE FROM accounts_auditevent WHERE seq > 7")
    assert audit.verify().is_whole
    assert audit.verify(known=[kept]).faults == ("10 is missing: the trail was cut off",)


def test_a_trail_that_was_cut_off_and_went_on_is_found_as_well(ten, bea):
    kept = audit.head()
    tamper("DELETE FROM accounts_auditevent WHERE seq > 7")
    for _ in range(3):
        audit.record(bea, Act.EXPORT_DOWNLOADED)
    audit.seal()
    assert audit.verify(known=[kept]).faults == ("10 is another row than the one that was logged",)


def test_the_command_prints_the_head_and_takes_it_back(ten):
    out = StringIO()
    call_command("verify_audit", stdout=out)
    assert out.getvalue().startswith("10 rows, all whole. audit head 10:")
    head = out.getvalue().split()[-1]
    call_command("verify_audit", "--head", head, stdout=StringIO())
    tamper("DELETE FROM accounts_auditevent WHERE seq >= 10")
    err = StringIO()
    with pytest.raises(CommandError, match="1 faults"):
        call_command("verify_audit", "--head", head, stdout=StringIO(), stderr=err)
    assert "10 is another row" in err.getvalue()


def test_the_command_refuses_what_is_no_head(db):
    with pytest.raises(CommandError, match="--head"):
        call_command("verify_audit", "--head", "ten")


def test_the_head_goes_to_the_log(ten, caplog):
    with caplog.at_level("INFO"):
        audit.log_head()
    assert caplog.messages == [f"audit head {audit.head()}"]


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**15), 10**15) | st.text(max_size=8)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
)  # fmt: skip


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(facts=st.dictionaries(st.text(max_size=5), PLAIN, max_size=4), on=st.text(max_size=10))
def test_whatever_is_recorded_is_genuine_when_it_is_read_back(db, facts, on):
    with transaction.atomic():
        audit.record(None, Act.EXPORT_DOWNLOADED, on=on, facts=facts)
        assert audit.verify().faults == ()
        transaction.set_rollback(True)


def test_what_comes_by_the_thousand_is_noted_once_a_minute(bea, sam):
    for _ in range(3):
        audit.record_lately(bea, Act.ACCESS_REFUSED, on="page:flow")
    audit.record_lately(bea, Act.ACCESS_REFUSED, on="page:audit")
    audit.record_lately(sam, Act.ACCESS_REFUSED, on="page:flow")
    audit.record_lately(AnonymousUser(), Act.ACCESS_REFUSED, on="page:flow")
    assert trail(act=Act.ACCESS_REFUSED) == [
        ("bea", "access.refused", "page:flow"),
        ("bea", "access.refused", "page:audit"),
        ("sam", "access.refused", "page:flow"),
        ("", "access.refused", "page:flow"),
    ]
    assert audit.record_lately(bea, Act.ACCESS_REFUSED, on="page:flow", every=timedelta(0))


@pytest.mark.parametrize(
    ("address", "network"),
    [("10.1.2.3", "10.1.2.0/24"), ("2001:db8:1:2::3", "2001:db8:1::/48"), ("", ""), ("unix:", "")],
)
def test_an_address_is_kept_without_its_last_part(address, network):
    assert network_of(address) == network


# -- what is on record ---------------------------------------------------------------------------


def test_grants_of_facilities_are_noted_once(network, sam, bea):
    for _ in range(2):
        grant_facility(to=sam, facility=network.north, by=bea)
    for _ in range(2):
        revoke_facility(of=sam, facility=network.north, by=bea)
    assert trail(on=f"user:{sam.pk}") == [
        ("bea", "facility.granted", f"user:{sam.pk}"),
        ("bea", "facility.revoked", f"user:{sam.pk}"),
    ]


def test_tokens_are_noted_without_their_secret(bea):
    bearer = issue_token(user=bea, by=bea)
    revoke_tokens(user=bea, by=bea)
    revoke_tokens(user=bea, by=bea)
    rows = AuditEvent.objects.filter(act__startswith="token.").order_by("at")
    assert [row.act for row in rows] == ["token.issued", "token.revoked"]
    assert bearer.split("_")[2] not in str(rows.values())


def test_keys_of_sources_are_noted(bea):
    issued = issue_key(source="my-ehr", by=bea)
    revoke_key(source="my-ehr", prefix=issued.key.prefix, by=bea)
    assert trail(on=f"key:{issued.key.prefix}") == [
        ("bea", "keys.issued", f"key:{issued.key.prefix}"),
        ("bea", "keys.revoked", f"key:{issued.key.prefix}"),
    ]


def test_a_page_that_stays_closed_is_noted_with_what_it_takes(as_sam, sam):
    for _ in range(2):
        response = as_sam.get("/sources/?source=secret")
    row = AuditEvent.objects.get(act=Act.ACCESS_REFUSED)
    assert (row.actor, row.on) == ("sam", "page:telemetry:sources")
    assert row.facts == {"method": "GET", "needs": "accounts.rotate_source_keys"}
    assert row.origin == "127.0.0.0/24"
    assert len(row.request) == 16
    assert response.status_code == 403


def test_so_is_a_refusal_of_the_api(sam, network):
    sam.groups.clear()
    bearer = issue_token(user=sam)
    Client(headers={"Authorization": f"Bearer {bearer}"}).get("/api/v1/scorecards")
    row = AuditEvent.objects.get(act=Act.ACCESS_REFUSED)
    assert (row.actor, row.facts["needs"]) == ("sam", "accounts.view_scorecards")


def test_who_asks_for_what_is_not_theirs_is_noted_without_its_address(as_sam):
    as_sam.get("/transactions/01980000-0000-7000-8000-000000000000/")
    as_sam.get("/nothing/at/all/")
    [row] = AuditEvent.objects.filter(act=Act.ACCESS_NOT_FOUND)
    assert (row.on, row.facts) == ("page:dashboard:transaction", {"method": "GET"})


def test_signing_in_and_out_is_noted_and_failing_to(db):
    user = User.objects.create_user("bea", password=PASSWORD)
    assert authenticate(username="bea", password="wrong") is None
    assert authenticate(username="Sesame-1!", password="x") is None
    client = Client()
    client.force_login(user)
    client.logout()
    about = f"user:{user.pk}"
    assert trail() == [
        ("", "session.failed", about),
        ("", "session.failed", ""),
        ("bea", "session.opened", about),
        ("bea", "session.closed", about),
    ]
    assert "Sesame" not in str(AuditEvent.objects.values())


@pytest.fixture
def as_root(network) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def test_every_change_in_the_administration_is_noted(as_root, network):
    system = {"code": "new", "name": "New", "kind": "erp", "vendor": "", "notes": ""}
    as_root.post("/admin/catalog/system/add/", system)
    assert [act for _, act, on in trail(actor="root") if on.startswith("system:")] == [
        "administration.added"
    ]


def test_recording_costs_one_statement(bea, django_assert_num_queries: Callable):
    with django_assert_num_queries(1):
        audit.record(bea, Act.EXPORT_DOWNLOADED)
    audit.seal()
    with django_assert_num_queries(1):
        audit.seal()


def test_two_sealers_at_once_take_turns(transactional_db):
    """Each in a session of its own, while others write."""
    from concurrent.futures import ThreadPoolExecutor

    def act(number: int) -> None:
        audit.record(None, Act.EXPORT_DOWNLOADED, on=f"table:{number}")
        audit.seal()
        connection.close()

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(act, range(60)))
    audit.seal()
    report = audit.verify()
    assert (report.rows, report.faults) == (60, ())
