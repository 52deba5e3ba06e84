"""The pages of people: looked at before it is done, by who may, and told in plain words."""

from time import time

import pytest
from allauth.mfa.models import Authenticator
from django.test import Client
from pytest_django.asserts import assertContains, assertNotContains

from apps.accounts.models import AccessReview, AuditEvent, RoleRequest, User
from apps.accounts.services import access, issue_token
from tests.accounts.conftest import person
from tests.accounts.signing_in import signed_in, with_app

pytestmark = pytest.mark.slow

AD, CA, FA, RA, EX = (
    "administrator", "compliance_auditor", "finance_approver", "revenue_cycle_analyst", "executive",
)  # fmt: skip


def browser(user: User) -> Client:
    """Somebody who has just proved who they are."""
    client = Client()
    client.force_login(user)
    session = client.session
    session["account_authentication_methods"] = [{"method": "password", "at": time()}]
    session["account_authentication_methods_user"] = str(user.pk)
    session.save()
    return client


@pytest.fixture
def ada(network) -> User:
    return person("ada", AD)


@pytest.fixture
def as_ada(ada) -> Client:
    return browser(ada)


@pytest.fixture
def as_cal(network) -> Client:
    return browser(person("cal", CA))


def held(user: User) -> tuple[set[str], set[int]]:
    found = access.access_of(user)
    return set(found.roles), set(found.facilities)


def wish(client: Client, whom: User, act: str, *roles: str, facilities=(), **more):
    said = {"act": act, "role": roles, "facility": [place.pk for place in facilities], **more}
    return client.post(f"/people/{whom.pk}/access/", said)


def apply(client: Client, whom: User, *roles: str, facilities=(), why="A good reason"):
    seen = wish(client, whom, "preview", *roles, facilities=facilities, why=why)
    said = {"facilities": facilities, "why": why, "held": seen.context["held_mark"]}
    return wish(client, whom, "apply", *roles, **said)


def test_everybody_is_listed_with_what_they_hold(as_ada, bea):
    page = as_ada.get("/people/")
    assertContains(page, "Revenue-cycle analyst")
    assertContains(page, "North")
    assertContains(page, f'href="/people/{bea.pk}/"')


def test_the_list_costs_the_same_for_more_people(as_ada, network, django_assert_max_num_queries):
    for number in range(30):
        person(f"p{number}", EX, network.north)
    with django_assert_max_num_queries(14):
        as_ada.get("/people/")


@pytest.mark.parametrize(
    ("query", "found"),
    [("?find=BE", ["bea"]), ("?find=%25", []), ("?find=_", []), ("?role=executive", []),
     ("?role=revenue_cycle_analyst", ["bea"]), ("?state=closed", []),
     ("?role=nonsense&page=x", None), ("?page=9999999999999999999", []), ("?find=x%00", None)],
)  # fmt: skip
def test_the_list_is_narrowed_and_odd_questions_are_no_error(as_ada, bea, query, found):
    page = as_ada.get(f"/people/{query}")
    if found is not None:
        assert [row.username for row in page.context["rows"]] == found
    assert page.status_code in (200, 400)


def test_nobody_found_says_so(as_ada):
    assertContains(as_ada.get("/people/?find=nobody"), "Nobody is called so")


def test_a_swap_gets_the_list_alone(as_ada):
    part = as_ada.get("/people/", headers={"HX-Request": "true"})
    assertNotContains(part, "<html")


def test_an_auditor_looks_and_changes_nothing(as_cal, bea):
    page = as_cal.get(f"/people/{bea.pk}/")
    assertContains(page, "Revenue-cycle analyst")
    assertNotContains(page, "Close the account")
    assertNotContains(page, "Change roles")
    assert as_cal.get(f"/people/{bea.pk}/access/").status_code == 403


def test_a_change_is_shown_before_it_is_done(as_ada, bea, network):
    page = wish(as_ada, bea, "preview", EX, facilities=[network.south])
    assertContains(page, "Nothing has been changed yet")
    assert (page.context["gives"], page.context["takes"]) == (
        ["Executive"],
        ["Revenue-cycle analyst"],
    )
    assert "Correct, resubmit or discard refused events" in page.context["loses"]
    assert "See scorecards, backlog and latency of own facilities" not in page.context["loses"]
    assert (page.context["sees_more"], page.context["sees_less"]) == (2, 3)
    assert held(bea) == ({RA}, {network.north.pk})


def test_and_done_once_it_was_seen(as_ada, bea, network):
    response = apply(as_ada, bea, EX, facilities=[network.south])
    assert (response.status_code, response.url) == (302, f"/people/{bea.pk}/")
    assert held(bea) == ({EX}, {network.south.pk})
    assertContains(as_ada.get(response.url), "by ada")


def test_a_change_that_was_not_seen_is_shown_first(as_ada, bea, network):
    page = wish(as_ada, bea, "apply", EX)
    assertContains(page, "Somebody changed this account since you looked")
    assert held(bea) == ({RA}, {network.north.pk})


def test_so_is_one_that_means_something_else_by_now(as_ada, bea, network):
    seen = wish(as_ada, bea, "preview", EX, facilities=[network.north])
    other = person("ben", AD)
    access.change_access(bea, access.Access(frozenset(), frozenset()), by=other, why="")
    mark = seen.context["held_mark"]
    page = wish(as_ada, bea, "apply", EX, facilities=[network.north], held=mark)
    assertContains(page, "Somebody changed this account since you looked")
    assert held(bea) == (set(), set())


def test_what_would_change_nothing_says_so(as_ada, bea, network):
    assertContains(
        wish(as_ada, bea, "preview", RA, facilities=[network.north]), "Nothing would change"
    )


def test_a_toxic_pair_is_refused_with_the_choice_still_there(as_ada, bea):
    page = wish(as_ada, bea, "preview", RA, FA)
    assertContains(page, "do not go together")
    assertContains(page, 'value="finance_approver" checked')


@pytest.mark.parametrize(
    "said", [{"role": "emperor"}, {"facility": "999999"}, {"facility": "x"}, {"why": "x" * 501}]
)
def test_bad_input_is_explained_and_changes_nothing(as_ada, bea, network, said):
    page = as_ada.post(f"/people/{bea.pk}/access/", {"act": "apply", **said})
    assertContains(page, 'role="alert"')
    assert held(bea) == ({RA}, {network.north.pk})


def test_the_tree_is_searched_without_losing_the_choice(as_ada, bea, network):
    page = wish(as_ada, bea, "find", EX, facilities=[network.hospital], find="sunny")
    assertContains(page, "Sunny")
    assertContains(page, f'name="facility" value="{network.hospital.pk}" checked')
    assertContains(page, 'value="executive" checked')
    assertNotContains(page, network.department.name)
    assertContains(wish(as_ada, bea, "find", find="zzz"), "No facility has this name")


def test_a_sensitive_role_waits_for_somebody_else(as_ada, as_cal, bea, network):
    eve = person("eve", EX, network.org)
    assertContains(
        wish(as_ada, eve, "preview", EX, FA, facilities=[network.org], why="Holidays"),
        "Waits for a second person",
    )
    assertContains(wish(as_ada, eve, "preview", EX, FA, facilities=[network.org]), "Ask for it")
    apply(as_ada, eve, EX, FA, facilities=[network.org])
    assert held(eve)[0] == {EX}
    [request] = RoleRequest.objects.all()
    own = as_ada.post(f"/people/requests/{request.pk}/", {"verdict": "confirm"})
    assertContains(own, "does not confirm it")
    assertContains(as_ada.get("/people/"), "Withdraw")
    assertContains(as_cal.get("/people/"), "Confirm")
    assert as_cal.post(f"/people/requests/{request.pk}/", {"verdict": "confirm"}).url == "/people/"
    assert held(eve)[0] == {EX, FA}
    again = as_cal.post(f"/people/requests/{request.pk}/", {"verdict": "confirm"})
    assertContains(again, "decided already")


def test_without_a_reason_nothing_is_asked_for(as_ada, network):
    eve = person("eve", EX)
    assertContains(apply(as_ada, eve, EX, FA, why=""), "Say why")
    assert not RoleRequest.objects.exists()


def test_a_new_person_is_made_and_led_on_to_their_roles(as_ada, network):
    said = {"username": "noor", "first_name": "Noor", "last_name": "Sato", "email": ""}
    response = as_ada.post("/people/new/", said)
    noor = User.objects.get(username="noor")
    assert response.url == f"/people/{noor.pk}/access/"
    assert not noor.has_usable_password()
    assertContains(as_ada.post("/people/new/", said), "already exists")
    assertContains(as_ada.post("/people/new/", {"username": "a b"}), "valid username")


def test_an_account_is_closed_and_opened_again(as_ada, ada, bea):
    issue_token(user=bea)
    theirs = browser(bea)
    assert as_ada.post(f"/people/{bea.pk}/close/").status_code == 302
    assert theirs.get("/flow/").status_code == 302
    assertContains(as_ada.get(f"/people/{bea.pk}/"), "Open it again")
    as_ada.post(f"/people/{bea.pk}/reopen/")
    assert User.objects.get(pk=bea.pk).is_active
    assert not bea.api_tokens.filter(revoked_at=None).exists()
    assertContains(as_ada.post(f"/people/{ada.pk}/close/"), "their own account")


def test_tokens_are_revoked(as_ada, bea):
    issue_token(user=bea)
    assertContains(as_ada.get(f"/people/{bea.pk}/"), "usr_")
    as_ada.post(f"/people/{bea.pk}/revoke-tokens/")
    assert not bea.api_tokens.filter(revoked_at=None).exists()


def test_what_cannot_be_taken_back_says_first_what_is_lost(as_ada, bea):
    browser(bea)
    issue_token(user=bea)
    asked = as_ada.get(f"/people/{bea.pk}/close/")
    for words in ("Close the account of", "1 session ends", "1 token is revoked for good"):
        assertContains(asked, words)
    in_dialog = as_ada.get(f"/people/{bea.pk}/revoke-tokens/", headers={"HX-Request": "true"})
    assertContains(in_dialog, "Revoke 1 token of")
    assertNotContains(in_dialog, "<html")
    assert bea.api_tokens.filter(revoked_at=None).exists()
    assert User.objects.get(pk=bea.pk).is_active


def test_a_superuser_is_not_changed_by_an_administrator(as_ada, network):
    root = User.objects.create_superuser("root")
    assertContains(wish(as_ada, root, "preview", EX), "Superusers")
    assertContains(as_ada.post(f"/people/{root.pk}/close/"), "Superusers")


def test_nobody_else_is_404(as_ada):
    assert as_ada.get("/people/999999/").status_code == 404
    assert as_ada.get("/people/999999/access/").status_code == 404


def test_a_link_lets_its_owner_set_a_password_once(as_ada, network):
    noor = User.objects.create_user("noor")
    page = as_ada.post(f"/people/{noor.pk}/password-link/")
    link = page.context["link"].removeprefix("http://testserver")
    owner = Client()
    form = owner.get(link, follow=True)
    said = {"password1": "correct horse battery", "password2": "correct horse battery"}
    owner.post(form.redirect_chain[-1][0], said)
    noor.refresh_from_db()
    assert noor.check_password("correct horse battery")
    again = Client().get(link, follow=True)
    assertNotContains(again, 'name="password1"', status_code=again.status_code)
    used = AuditEvent.objects.get(act="credentials.password_reset")
    assert used.facts == {"where_it_was_made": True}


def test_a_link_works_for_nobody_who_is_signed_in(as_ada, ada, network):
    noor = User.objects.create_user("noor")
    link = as_ada.post(f"/people/{noor.pk}/password-link/").context["link"]
    assertContains(as_ada.get(link), "somebody else", status_code=403)
    noted = AuditEvent.objects.get(act="credentials.link_refused")
    assert (noted.actor_id, noted.on) == (ada.pk, f"user:{noor.pk}")
    assert as_ada.get("/people/").status_code == 200
    assert Client().get(link).status_code == 302


def test_a_link_that_was_opened_before_signing_in_works_no_more_after(as_ada, ada, network):
    noor = User.objects.create_user("noor")
    link = as_ada.post(f"/people/{noor.pk}/password-link/").context["link"]
    page = Client()
    form = page.get(link, follow=True).redirect_chain[-1][0]
    page.force_login(ada, backend="django.contrib.auth.backends.ModelBackend")
    said = {"password1": "correct horse battery", "password2": "correct horse battery"}
    assert page.post(form, said).status_code == 403
    noor.refresh_from_db()
    assert not noor.has_usable_password() or not noor.check_password("correct horse battery")


def test_what_waits_for_me_is_counted_in_the_navigation(as_ada, as_cal, network):
    apply(as_ada, person("eve", EX), EX, FA)
    assertContains(as_cal.get("/people/"), '<span class="count">1<span')
    assertNotContains(as_ada.get("/people/"), '<span class="count">1<span')


def test_a_second_factor_is_seen(as_cal, bea):
    Authenticator.objects.create(user=bea, type="totp", data={})
    Authenticator.objects.create(user=bea, type="recovery_codes", data={})
    assertContains(as_cal.get("/people/"), "App")
    assertContains(as_cal.get(f"/people/{bea.pk}/"), "app")


def test_who_signed_in_long_ago_proves_again_who_they_are(as_ada, bea):
    session = as_ada.session
    session["account_authentication_methods"] = []
    session.save()
    page = as_ada.post(f"/people/{bea.pk}/close/")
    assert "accounts/confirm.html" in [one.name for one in page.templates]
    assert User.objects.get(pk=bea.pk).is_active


# -- the review ----------------------------------------------------------------------------------


def test_the_review_lists_who_holds_what_and_is_signed(as_cal, bea, ada):
    page = as_cal.get("/people/review/")
    assertContains(page, "3 of 3 people")
    assertContains(page, "Nobody has signed yet")
    as_cal.post(f"/people/{bea.pk}/review/", {"verdict": "keep"})
    as_cal.post(f"/people/{ada.pk}/review/", {"verdict": "remove"})
    verdicts = dict(AccessReview.objects.values_list("person__username", "verdict"))
    assert verdicts == {"bea": "keep", "ada": "remove"}
    assertContains(as_cal.get("/people/review/"), "1 of 3 people")


def test_nobody_reviews_themselves(as_cal):
    cal = User.objects.get(username="cal")
    page = as_cal.post(f"/people/{cal.pk}/review/", {"verdict": "keep"}, follow=True)
    assertContains(page, "Nobody reviews their own access")


def test_the_review_costs_the_same_for_more_people(as_cal, network, django_assert_max_num_queries):
    for number in range(30):
        person(f"p{number}", EX, network.north)
    with django_assert_max_num_queries(14):
        as_cal.get("/people/review/")


def test_the_review_is_downloaded(as_cal, bea):
    file = as_cal.get("/people/review/accounts.csv").content.decode()
    assert '"bea"' in file
    assert "Revenue-cycle analyst" in file


# -- one's own -------------------------------------------------------------------------------------


def test_everybody_reads_what_they_may_and_why(as_bea, as_sam):
    page = as_bea.get("/me/permissions/")
    assertContains(page, "See single transactions and their timeline")
    assertContains(page, "Revenue-cycle analyst")
    assertContains(page, "3 of 6 places")
    assertContains(as_sam.get("/me/permissions/"), "You were granted no facility")


def test_who_may_nothing_reads_that(network):
    assertContains(
        browser(User.objects.create_user("new")).get("/me/permissions/"), "You have no role yet"
    )


def test_the_second_person_reads_whose_account_it_is_and_whether_the_request_still_stands(
    as_ada, as_cal, ada, network
):
    said = {"username": "noor", "first_name": "Noor", "last_name": "Sato", "email": ""}
    as_ada.post("/people/new/", said)
    noor = User.objects.get(username="noor")
    as_ada.post(f"/people/{noor.pk}/password-link/")
    apply(as_ada, noor, "integration_lead")
    page = as_cal.get("/people/")
    assertContains(page, "Account made by ada")
    assertContains(page, "link to a password by ada")
    assertContains(page, "never signed in")
    assertContains(page, "</svg>Confirm</button>")
    ada.groups.clear()  # by somebody with the database
    page = as_cal.get("/people/")
    assertContains(page, "Lapsed: who asked may not ask for roles any more")
    assertNotContains(page, "</svg>Confirm</button>")


def test_who_lost_their_factors_is_reset_after_proof_and_told_at_the_next_sign_in(as_ada, ada, bea):
    codes = with_app(bea)
    page = as_ada.get(f"/people/{bea.pk}/")
    assertContains(page, "Reset second factors")
    assertNotContains(as_ada.get(f"/people/{bea.pk}/reset-factors/"), 'name="why"')
    somebody = Client()
    somebody.force_login(ada)
    assertContains(somebody.post(f"/people/{bea.pk}/reset-factors/"), "Confirm it is you")
    assert bea.authenticator_set.exists()
    as_ada.post(f"/people/{bea.pk}/reset-factors/")
    assert not bea.authenticator_set.exists()
    assert codes()
    browser = signed_in(bea)
    told = "Your second factors were taken away on"
    assertContains(browser.get("/me/permissions/"), told)
    assertNotContains(signed_in(bea).get("/me/permissions/"), told)


def test_for_a_second_person_the_page_asks_why_and_says_what_happens(as_ada, network):
    ivo = person("ivo", "integration_lead", network.org)
    with_app(ivo)
    question = as_ada.get(f"/people/{ivo.pk}/reset-factors/")
    assertContains(question, "Integration lead: taken away with them")
    refused = as_ada.post(f"/people/{ivo.pk}/reset-factors/", {"why": " "})
    assertContains(refused, "Say why: the second person decides by it. Nothing was changed.")
    as_ada.post(f"/people/{ivo.pk}/reset-factors/", {"why": "Lost the phone"})
    assertContains(as_ada.get("/people/"), "second factors reset by ada")
