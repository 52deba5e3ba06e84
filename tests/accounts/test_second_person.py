"""Sensitive roles take two people, and some roles never meet in one."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import combinations
from typing import Any

import pytest
from allauth.account.forms import default_token_generator
from allauth.mfa.models import Authenticator
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection, transaction
from django.utils.timezone import now
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.accounts.models import AccessReview, AuditEvent, RoleRequest, User
from apps.accounts.roles import ROLES
from apps.accounts.separation import DECIDES, SENSITIVE, delicate, toxic
from apps.accounts.services import access, issue_token, people, reviews
from apps.accounts.services.access import Access, NotAllowed, Toxic
from tests.accounts.conftest import person

pytestmark = pytest.mark.slow

WHY = "Asked for by the board"
RA, RS, IE, IL, FA, EX, CA, AD = ROLES


@pytest.fixture
def ada(network) -> User:
    return person("ada", AD)


@pytest.fixture
def ben(network) -> User:
    return person("ben", AD)


@pytest.fixture
def cal(network) -> User:
    return person("cal", CA)


@pytest.fixture
def eve(network) -> User:
    return person("eve", EX)


def wants(person: User, *roles: str, facilities: tuple[int, ...] | None = None) -> Access:
    held = access.access_of(person)
    places = held.facilities if facilities is None else frozenset(facilities)
    return Access(frozenset(roles), places)


def change(person: User, *roles: str, by: User, why: str = WHY) -> access.Change:
    return access.change_access(person, wants(person, *roles), by=anew(by), why=why)


def anew(person: User) -> User:
    """As the next request finds them: permissions are kept on the object."""
    return User.objects.get(pk=person.pk)


def roles(person: User) -> set[str]:
    return set(access.access_of(person).roles)


def acts(person: User) -> list[str]:
    found = AuditEvent.objects.filter(on=f"user:{person.pk}").order_by("at", "id")
    return list(found.values_list("act", flat=True))


# -- what goes together ----------------------------------------------------------------------------


def test_the_pairs_that_never_meet_are_those_of_the_matrix():
    refused = {frozenset(pair) for pair in combinations(ROLES, 2) if toxic(pair)}
    assert refused == {
        frozenset(pair)
        for pair in [(RA, FA), (IE, FA), (AD, FA), (AD, RS), (AD, IL), (AD, CA),
                     (CA, RA), (CA, RS), (CA, IE), (CA, IL), (CA, FA)]
    }  # fmt: skip


def test_a_supervisor_who_approves_is_only_warned_of():
    assert not toxic([RS, FA])
    assert "not be able to approve" in str(delicate([RS, FA])[0])


@pytest.mark.parametrize("pair", [(RA, FA), (IE, FA), (AD, RS), (CA, IL)])
def test_a_toxic_pair_is_refused_in_words_and_on_record(ada, eve, pair):
    with pytest.raises(Toxic) as refusal:
        change(eve, *pair, by=ada)
    assert ROLES[pair[0]].name in str(refusal.value)
    assert "do not go together" in str(refusal.value)
    assert roles(eve) == {EX}
    assert acts(eve) == ["role.blocked"]


def test_a_pair_is_refused_also_one_after_the_other(ada, cal, eve):
    change(eve, FA, by=ada)
    with pytest.raises(Toxic):
        change(eve, RA, by=ada)
    [request] = RoleRequest.objects.all()
    access.confirm_role(request, by=anew(cal))
    assert roles(eve) == {FA}
    with pytest.raises(Toxic):
        change(eve, FA, IE, by=ada)


def test_a_pair_is_refused_also_when_the_first_half_came_while_the_second_waited(ada, cal, eve):
    change(eve, EX, FA, by=ada)
    eve.groups.add(Group.objects.get(name=RA))
    [request] = RoleRequest.objects.all()
    with pytest.raises(Toxic):
        access.confirm_role(request, by=anew(cal))
    assert RoleRequest.objects.get().state == "pending"
    assert acts(eve)[-1] == "role.blocked"


# -- one person ------------------------------------------------------------------------------------


def test_an_administrator_gives_and_takes_what_is_not_sensitive(ada, eve, network):
    wanted = Access(frozenset([RS, IE]), frozenset([network.north.pk]))
    done = access.change_access(eve, wanted, by=ada, why="")
    assert (done.gives, done.takes, done.asks) == ((RS, IE), (EX,), ())
    assert access.access_of(eve) == wanted
    assert acts(eve) == ["role.revoked", "role.granted", "role.granted", "facility.granted"]
    assert User.objects.get(pk=eve.pk).is_staff


def test_who_loses_the_roles_of_the_administration_loses_its_door(ada, network):
    ivo = person("ivo", IL)
    User.objects.filter(pk=ivo.pk).update(is_staff=True)
    change(ivo, RA, by=ada)
    assert not User.objects.get(pk=ivo.pk).is_staff


def test_nobody_changes_their_own_access(ada):
    with pytest.raises(NotAllowed, match="their own"):
        change(ada, AD, EX, by=ada)


@pytest.mark.parametrize("role", [RA, RS, IE, IL, FA, EX, CA])
def test_nobody_but_an_administrator_changes_anything(ada, eve, network, role):
    with pytest.raises(NotAllowed, match="administrator"):
        change(eve, RA, by=person("zoe", role))


def test_a_superuser_is_changed_by_superusers_only(ada, network):
    root, other = User.objects.create_superuser("root"), User.objects.create_superuser("other")
    with pytest.raises(NotAllowed, match="Superusers"):
        change(root, RA, by=ada)
    change(root, RA, by=other)
    assert roles(root) == {RA}


def test_the_last_administrator_stays(ada, ben, network):
    change(ben, EX, by=ada)
    assert roles(ben) == {EX}
    root = User.objects.create_superuser("root")
    User.objects.filter(pk=root.pk).update(is_active=False)
    with pytest.raises(NotAllowed, match="administrator"):
        change(ada, EX, by=ben)


# -- two people ------------------------------------------------------------------------------------


def test_every_role_that_decides_is_given_by_two():
    """Or whoever gives roles could make the second person, and be both."""
    deciding = {code for code, role in ROLES.items() if DECIDES.intersection(role.permissions)}
    assert set(SENSITIVE) == deciding | {FA} == {IL, FA, CA, AD}


def test_one_administrator_cannot_make_both_halves_of_a_change(ada, network):
    said = {"first_name": "N", "last_name": "N", "email": ""}
    proposer = people.create_person(username="one", by=ada, **said)
    approver = people.create_person(username="two", by=ada, **said)
    change(proposer, IE, by=ada)
    assert change(approver, IL, by=ada).asks == (IL,)
    with pytest.raises(NotAllowed, match="does not confirm"):
        access.confirm_role(RoleRequest.objects.get(), by=anew(ada))
    for second in (proposer, approver):
        with pytest.raises(NotAllowed):
            access.confirm_role(RoleRequest.objects.get(), by=anew(second))
    assert anew(proposer).has_perm("accounts.propose_changes")
    assert not anew(approver).has_perm("accounts.approve_changes")


@pytest.mark.parametrize("lost", ["role", "account", "superuser"])
def test_a_request_ends_with_the_right_to_ask(ada, ben, cal, eve, lost):
    asker = ada
    if lost == "superuser":
        asker = User.objects.create_superuser("root")
    change(eve, EX, FA, by=asker)
    if lost == "role":
        change(ada, EX, by=ben)
    elif lost == "account":
        people.close_account(ada, by=ben)
    else:
        User.objects.filter(pk=asker.pk).update(is_superuser=False)
    with pytest.raises(NotAllowed):
        access.confirm_role(RoleRequest.objects.get(), by=anew(cal))
    assert RoleRequest.objects.get().state == "lapsed"
    assert roles(eve) == {EX}
    assert acts(eve)[-1] == "role.lapsed"
    assert change(eve, EX, FA, by=ben).asks == (FA,)


def test_what_lapsed_does_not_wake_up_again(ada, ben, cal, eve):
    change(eve, EX, FA, by=ada)
    people.close_account(ada, by=ben)
    people.reopen_account(ada, by=anew(ben))
    ada.groups.add(Group.objects.get(name=AD))
    with pytest.raises(NotAllowed, match="already"):
        access.confirm_role(RoleRequest.objects.get(person=eve), by=anew(cal))


@pytest.mark.parametrize("role", SENSITIVE)
def test_an_account_that_opens_again_has_lost_its_roles_of_two_people(ada, ben, network, role):
    other = person("other", role, network.north)
    people.close_account(other, by=ada)
    people.reopen_account(anew(other), by=anew(ben))
    assert roles(other) == set()
    assert acts(other)[-2:] == ["role.revoked", "person.reactivated"]


@pytest.mark.parametrize("role", SENSITIVE)
def test_a_sensitive_role_is_held_when_a_second_person_has_confirmed(ada, ben, network, role):
    sol = User.objects.create_user("sol")
    done = change(sol, role, by=ada)
    assert done.asks == (role,)
    assert roles(sol) == set()
    [request] = RoleRequest.objects.all()
    access.confirm_role(request, by=ben)
    assert roles(sol) == {role}
    assert acts(sol) == ["role.requested", "role.confirmed", "role.granted"]


def test_an_auditor_confirms_as_well(ada, cal, eve):
    change(eve, EX, FA, by=ada)
    access.confirm_role(RoleRequest.objects.get(), by=cal)
    assert roles(eve) == {EX, FA}


def test_who_asked_does_not_confirm_nor_does_who_profits(ada, ben, eve, network):
    change(eve, FA, by=ada)
    request = RoleRequest.objects.get()
    with pytest.raises(NotAllowed, match="does not confirm"):
        access.confirm_role(request, by=anew(ada))
    for other in (eve, person("ivo", IL)):
        with pytest.raises(NotAllowed, match="second person"):
            access.confirm_role(request, by=anew(other))
    assert roles(eve) == set()


def test_an_administrator_does_not_confirm_a_role_of_their_own(ada, ben):
    RoleRequest.objects.create(
        person=ben, role=AD, requested_by=ada, requested_at=now(),
        expires_at=now() + timedelta(days=1), why=WHY,
    )  # fmt: skip
    with pytest.raises(NotAllowed, match="their own role"):
        access.confirm_role(RoleRequest.objects.get(), by=ben)


def test_the_database_knows_the_rule_as_well(ada, eve):
    change(eve, FA, by=ada)
    pending = RoleRequest.objects.filter(state="pending")
    for second in (ada, eve):
        with pytest.raises(IntegrityError, match="second_person"), transaction.atomic():
            pending.update(state="confirmed", decided_by=second, decided_at=now())


def test_a_decision_is_kept(ada, cal, eve):
    change(eve, FA, by=ada)
    access.confirm_role(RoleRequest.objects.get(), by=cal)
    for attempt in (
        lambda found: found.update(state="pending"),
        lambda found: found.update(remark="x"),
        lambda found: found.delete(),
    ):
        with pytest.raises(IntegrityError, match="kept"), transaction.atomic():
            attempt(RoleRequest.objects.all())


def test_a_request_says_why(ada, eve):
    with pytest.raises(NotAllowed, match="Say why"):
        change(eve, FA, by=ada, why="  ")
    assert not RoleRequest.objects.exists()


def test_asking_again_asks_once(ada, ben, eve):
    change(eve, EX, FA, by=ada)
    assert change(eve, EX, FA, by=ben).is_empty
    assert RoleRequest.objects.count() == 1


def test_a_request_is_refused_or_withdrawn_and_can_be_made_again(ada, ben, eve):
    change(eve, EX, FA, by=ada)
    access.refuse_role(RoleRequest.objects.get(), by=ben, remark="Not now")
    change(eve, EX, FA, by=ada)
    access.refuse_role(RoleRequest.objects.get(state="pending"), by=anew(ada))
    states = list(RoleRequest.objects.values_list("state", flat=True))
    assert states == ["refused", "withdrawn"]
    assert acts(eve) == ["role.requested", "role.refused", "role.requested", "role.withdrawn"]
    with pytest.raises(NotAllowed, match="already"):
        access.confirm_role(RoleRequest.objects.first(), by=ben)


def older(days: float) -> None:
    """As if what waits had waited so much longer; nobody else can move a request's dates."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(
            "UPDATE accounts_rolerequest SET requested_at = requested_at - %(age)s,"
            " expires_at = expires_at - %(age)s WHERE state = 'pending'",
            {"age": timedelta(days=days)},
        )
        cursor.execute("SET session_replication_role = origin")


def test_a_request_expires_after_seven_days(ada, cal, eve):
    change(eve, EX, FA, by=ada)
    older(6.9)
    assert access.expire_requests() == 0
    older(0.2)
    with pytest.raises(NotAllowed, match="expired"):
        access.confirm_role(RoleRequest.objects.get(), by=cal)
    assert access.expire_requests() == 1
    assert access.expire_requests() == 0
    assert RoleRequest.objects.get().state == "expired"
    change(eve, EX, FA, by=ada)


def test_who_expired_unnoticed_can_be_asked_for_again(ada, eve):
    change(eve, EX, FA, by=ada)
    older(8)
    assert change(eve, EX, FA, by=ada).asks == (FA,)
    assert sorted(RoleRequest.objects.values_list("state", flat=True)) == ["expired", "pending"]


# -- accounts --------------------------------------------------------------------------------------


def test_a_closed_account_has_no_token_no_session_and_no_wish(ada, eve, network):
    issue_token(user=eve)
    change(eve, EX, FA, by=ada)
    people.close_account(eve, by=anew(ada))
    eve = anew(eve)
    assert not eve.is_active
    assert not eve.api_tokens.filter(revoked_at=None).exists()
    assert RoleRequest.objects.get().state == "withdrawn"
    assert acts(eve)[-1] == "person.deactivated"
    people.reopen_account(eve, by=anew(ada))
    assert roles(eve) == {EX}
    assert not eve.api_tokens.filter(revoked_at=None).exists()


def test_a_role_of_a_closed_account_is_not_confirmed(ada, cal, eve):
    change(eve, EX, FA, by=ada)
    User.objects.filter(pk=eve.pk).update(is_active=False)
    with pytest.raises(NotAllowed, match="closed"):
        access.confirm_role(RoleRequest.objects.get(), by=cal)


def test_an_account_is_made_without_a_password_and_once(ada):
    said = {"first_name": "Noor", "last_name": "Sato", "email": ""}
    noor = people.create_person(username="noor", by=ada, **said)
    assert not noor.has_usable_password()
    assert acts(noor) == ["person.created"]
    with pytest.raises(people.NameTaken):
        people.create_person(username="noor", by=ada, **said)


def with_factor(user: User) -> User:
    Authenticator.objects.create(user=user, type="totp", data={})
    return user


def test_who_lost_their_second_factors_is_helped_by_an_administrator(ada, eve):
    assert people.reset_second_factors(with_factor(eve), by=ada, why="") == ()
    assert not Authenticator.objects.exists()
    assert roles(eve) == {EX}
    assert acts(eve) == ["credentials.factor_reset"]


@pytest.mark.parametrize("role", SENSITIVE)
def test_a_second_person_gives_the_roles_of_two_back_after_a_reset(ada, ben, network, role):
    other = with_factor(person("other", role, network.north))
    with pytest.raises(NotAllowed, match="Say why"):
        people.reset_second_factors(other, by=ada, why="")
    assert Authenticator.objects.exists()
    assert people.reset_second_factors(other, by=ada, why="Lost the phone") == (role,)
    assert roles(other) == set()
    with pytest.raises(NotAllowed, match="does not confirm"):
        access.confirm_role(RoleRequest.objects.get(), by=anew(ada))
    access.confirm_role(RoleRequest.objects.get(), by=anew(ben))
    assert roles(other) == {role}


def test_nobody_resets_their_own_factors_nor_those_of_a_superuser(ada, cal, network):
    root = with_factor(User.objects.create_superuser("root"))
    for by, whom in ((ada, with_factor(ada)), (ada, root), (cal, ada), (ada, cal)):
        with pytest.raises(NotAllowed):
            people.reset_second_factors(whom, by=anew(by), why=WHY)


@pytest.mark.parametrize("act", [people.close_account, people.reopen_account, people.password_key])
def test_accounts_are_kept_by_administrators_and_not_their_own(ada, cal, eve, act):
    for by, whom in ((cal, eve), (ada, ada)):
        with pytest.raises(NotAllowed):
            act(whom, by=by)


@pytest.mark.parametrize("role", SENSITIVE)
def test_nobody_opens_the_account_of_a_second_person_by_a_link(ada, role):
    other = person("other", role)
    with pytest.raises(NotAllowed, match="takes two people"):
        people.password_key(other, by=ada)
    Authenticator.objects.create(user=other, type="totp", data={})
    assert people.password_key(other, by=ada)["key"]


@pytest.mark.parametrize("role", SENSITIVE)
def test_a_link_made_before_a_role_of_two_people_ends_with_it(ada, role):
    other = person("other", EX)
    key = people.password_key(other, by=ada)["key"]
    assert default_token_generator.check_token(other, key)
    other.groups.add(Group.objects.get(name=role))
    assert not default_token_generator.check_token(other, key)


def test_a_review_is_signed_by_somebody_else_and_kept(ada, cal, network):
    bea = person("bea", RA, network.north)
    reviews.sign_review(bea, AccessReview.Verdict.KEEP, by=cal)
    with pytest.raises(NotAllowed):
        reviews.sign_review(cal, AccessReview.Verdict.KEEP, by=cal)
    review = AccessReview.objects.get()
    assert (review.roles, review.facilities) == ([RA], ["NORTH"])
    with pytest.raises(IntegrityError, match="kept"), transaction.atomic():
        AccessReview.objects.update(verdict="remove")


# -- any history -----------------------------------------------------------------------------------

PEOPLE = st.integers(0, 4)
STEP = st.one_of(
    st.tuples(st.just("change"), PEOPLE, PEOPLE, st.sets(st.sampled_from(list(ROLES)), max_size=3)),
    st.tuples(st.just("confirm"), PEOPLE, st.integers(0, 5)),
    st.tuples(st.just("refuse"), PEOPLE, st.integers(0, 5)),
    st.tuples(st.just("wait"), st.sampled_from([1, 4, 8])),
    st.tuples(st.just("close"), PEOPLE, PEOPLE),
    st.tuples(st.just("reopen"), PEOPLE, PEOPLE),
)


def step(cast: list[User], what: str, *said: Any) -> None:
    """One act of a history; what is refused changes nothing."""
    by = anew(cast[said[0] % len(cast)]) if what != "wait" else None
    requests = list(RoleRequest.objects.all())
    doing: dict[str, Callable[[], Any]] = {
        "change": lambda: change(cast[said[1]], *said[2], by=by),
        "confirm": lambda: access.confirm_role(requests[said[1] % len(requests)], by=by),
        "refuse": lambda: access.refuse_role(requests[said[1] % len(requests)], by=by),
        "wait": lambda: older(said[0]),
        "close": lambda: people.close_account(cast[said[1]], by=by),
        "reopen": lambda: people.reopen_account(cast[said[1]], by=by),
    }
    if what in ("confirm", "refuse") and not requests:
        return
    try:
        doing[what]()
    except NotAllowed:
        return


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(history=st.lists(STEP, min_size=5, max_size=25))
def test_whatever_happens_no_sensitive_role_is_held_without_a_second_person(network, history):
    with transaction.atomic():
        cast = [person("ada", AD), person("ben", AD), person("cal", CA),
                User.objects.create_user("dan"), User.objects.create_user("eli")]  # fmt: skip
        first = {("ada", AD), ("ben", AD), ("cal", CA)}
        for one in history:
            step(cast, *one)
            for user in cast:
                held = roles(user)
                assert not toxic(held)
                for role in held & set(SENSITIVE):
                    if (user.username, role) in first:
                        continue
                    confirmed = RoleRequest.objects.filter(
                        person=user, role=role, state="confirmed"
                    )
                    assert confirmed.exists()
            for done in RoleRequest.objects.filter(state="confirmed"):
                assert len({done.requested_by_id, done.decided_by_id, done.person_id}) == 3
        transaction.set_rollback(True)


def in_parallel(*acts: Callable[[], Any]) -> list[str]:
    """Each in a session of its own, at once."""

    def run(act: Callable[[], Any]) -> str:
        try:
            act()
        except NotAllowed as refusal:
            return type(refusal).__name__
        finally:
            connection.close()
        return "done"

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(run, acts))


@pytest.fixture
def cast(transactional_db) -> dict[str, User]:
    made = {name: person(name, AD) for name in ("ada", "ben", "bob")}
    made["dan"] = User.objects.create_user("dan")
    return made


def test_two_administrators_who_end_each_other_at_once_leave_one(cast):
    ada, ben = cast["ada"], cast["ben"]
    User.objects.filter(pk=cast["bob"].pk).update(is_active=False)
    told = in_parallel(
        lambda: change(ben, by=ada),
        lambda: change(ada, by=ben),
    )
    assert sorted(told) == ["NotAllowed", "done"]


def test_two_confirm_at_once_and_one_is_told(cast):
    change(cast["dan"], FA, by=cast["ada"])
    request = RoleRequest.objects.get()
    told = in_parallel(
        *(lambda by=by: access.confirm_role(RoleRequest.objects.get(pk=request.pk), by=cast[by])
          for by in ("ben", "bob"))
    )  # fmt: skip
    assert sorted(told) == ["NotAllowed", "done"]
    assert AuditEvent.objects.filter(act="role.granted").count() == 1


def test_the_halves_of_a_toxic_pair_given_at_once_are_not_both_given(cast):
    for _ in range(5):
        told = in_parallel(
            lambda: change(cast["dan"], RA, by=cast["ada"]),
            lambda: change(cast["dan"], RA, FA, by=cast["ben"]),
            lambda: change(cast["dan"], FA, by=cast["bob"]),
        )
        held = roles(cast["dan"]) | set(
            RoleRequest.objects.filter(state="pending").values_list("role", flat=True)
        )
        assert not toxic(held)
        assert "Toxic" in told
