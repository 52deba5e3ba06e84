"""People: who they are, what they hold; giving and taking it, with a preview."""

from collections.abc import Callable, Iterable
from hashlib import blake2b
from typing import Any, cast

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts import queries, trail
from apps.accounts.abilities import abilities
from apps.accounts.access import needs
from apps.accounts.confirm import confirmed_to_write, recently_confirmed
from apps.accounts.forms import AccessForm, FindPeopleForm, PersonForm
from apps.accounts.models import RoleRequest, User
from apps.accounts.roles import ROLES
from apps.accounts.separation import SENSITIVE, delicate, named
from apps.accounts.services import access, people, revoke_tokens
from apps.accounts.services.access import Access, Change, NotAllowed
from apps.accounts.services.sessions import live_sessions
from apps.accounts.tree import covered, tree
from apps.catalog.snapshot import snapshot
from apps.core.htmx import render_page

MANAGE = "accounts.manage_people"


def reader(request: HttpRequest) -> User:
    """Who is signed in: `needs` was asked before."""
    return cast(User, request.user)


@require_safe
@needs("accounts.view_people")
def index(request: HttpRequest) -> HttpResponse:
    """Everybody, with what they hold, and what waits for a second person."""
    form = FindPeopleForm(request.GET)
    chosen = form.chosen()
    page = page_number(request)
    size = queries.PEOPLE_A_PAGE
    found = queries.people(**chosen, limit=size + 1, skip=(page - 1) * size)
    context = {
        "form": form,
        "chosen": chosen,
        "rows": found[:size],
        "page": page,
        "has_more": len(found) > size,
        "places": snapshot().facilities_by_id,
        "requests": waiting(queries.pending_requests(), reader(request)),
        "may_manage": reader(request).has_perm(MANAGE),
    }
    return render_page(request, "accounts/people.html", "accounts/_people.html", context)


@require_safe
@needs("accounts.view_people")
def person(request: HttpRequest, pk: int) -> HttpResponse:
    return _render_person(request, get_object_or_404(User, pk=pk))


@needs(MANAGE)
@recently_confirmed
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """A new account: without roles, without a password."""
    form = PersonForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        said = {name: form.cleaned_data[name] for name in form.fields}
        try:
            made = people.create_person(**said, by=reader(request))
        except NotAllowed as refusal:
            form.add_error("username", str(refusal))
        else:
            messages.success(request, f"{made.username} has an account. Now give it a role.")
            return redirect("accounts:access", pk=made.pk)
    return render(request, "accounts/new_person.html", {"form": form})


@needs(MANAGE)
@recently_confirmed
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: HttpRequest, pk: int) -> HttpResponse:
    """Roles and facilities: chosen, looked at, and only then changed."""
    whom = get_object_or_404(User, pk=pk)
    held = access.access_of(whom)
    said = request.POST if request.method == "POST" else None
    form = AccessForm(said, catalogue=snapshot())
    if said is None or said.get("act") == "find" or not form.is_valid():
        return _render_choice(request, whom, form, held)
    return _decide(request, whom, form, held)


def _decide(request: HttpRequest, whom: User, form: AccessForm, held: Access) -> HttpResponse:
    """The preview, or the change once it was seen."""
    by, wanted = reader(request), form.wanted
    is_seen = request.POST.get("act") == "apply" and form.cleaned_data["held"] == mark_of(held)
    try:
        if is_seen:
            done = access.change_access(whom, wanted, by=by, why=form.cleaned_data["why"])
            messages.success(request, _said(done))
            return redirect("accounts:person", pk=whom.pk)
        plan = access.planned(whom, wanted, by=by)
    except access.Toxic as refusal:
        if request.POST.get("act") == "preview":
            access.note_blocked(whom, refusal, by=by)
        return _render_choice(request, whom, form, held, refusal=str(refusal))
    except NotAllowed as refusal:
        return _render_choice(request, whom, form, held, refusal=str(refusal))
    return _render_preview(request, whom, form, held, plan)


def _render_choice(
    request: HttpRequest, whom: User, form: AccessForm, held: Access, refusal: str = ""
) -> HttpResponse:
    chosen = held
    if form.is_bound:
        form.is_valid()
        chosen = form.wanted
    find = form.cleaned_data.get("find", "") if form.is_bound else ""
    context = {
        "whom": whom,
        "form": form,
        "refusal": refusal,
        "find": find,
        "roles": [_role_choice(code, chosen.roles) for code in ROLES],
        "nodes": tree(snapshot(), chosen.facilities, find=find),
        "why": form.cleaned_data.get("why", "") if form.is_bound else "",
    }
    return render(request, "accounts/access.html", context)


def _role_choice(code: str, chosen: frozenset[str]) -> dict[str, Any]:
    return {
        "code": code,
        "name": ROLES[code].name,
        "is_chosen": code in chosen,
        "is_sensitive": code in SENSITIVE,
        "abilities": abilities([code]),
    }


def _render_preview(
    request: HttpRequest, whom: User, form: AccessForm, held: Access, plan: Change
) -> HttpResponse:
    after = (held.roles | set(plan.gives)) - set(plan.takes)
    catalogue = snapshot()
    was, will = covered(catalogue, held.facilities), covered(catalogue, form.wanted.facilities)
    before_can, after_can = abilities(held.roles), abilities(after)
    later_can = abilities(after | set(plan.asks))
    context = {
        "whom": whom,
        "form": form,
        "plan": plan,
        "wanted": form.wanted,
        "held_mark": mark_of(held),
        "is_outdated": request.POST.get("act") == "apply",
        "gains": [one for one in after_can if one not in before_can],
        "loses": [one for one in before_can if one not in after_can],
        "later": [one for one in later_can if one not in after_can],
        "gives": list(named(plan.gives)),
        "takes": list(named(plan.takes)),
        "asks": list(named(plan.asks)),
        "opens": [catalogue.facilities_by_id[one] for one in sorted(plan.opens)],
        "closes": [catalogue.facilities_by_id[one] for one in sorted(plan.closes)],
        "sees_more": len(will - was),
        "sees_less": len(was - will),
        "sees": len(will),
        "warnings": [f"{one.names}: {one.why}" for one in delicate(form.wanted.roles)],
    }
    return render(request, "accounts/preview.html", context)


def mark_of(held: Access) -> str:
    """Names what somebody holds, to notice that it changed since it was looked at."""
    said = repr((sorted(held.roles), sorted(held.facilities)))
    return blake2b(said.encode(), digest_size=12).hexdigest()


def _said(done: Change) -> str:
    if done.asks:
        names = " and ".join(named(done.asks))
        return f"Done. {names} waits for a second person."
    return "Nothing was changed." if done.is_empty else "Done: roles and facilities are changed."


# -- accounts --------------------------------------------------------------------------------------


def _act_on(
    request: HttpRequest, pk: int, act: Callable[[User], object], said: str
) -> HttpResponse:
    """Do something to an account and go back to it; a refusal is told there."""
    whom = get_object_or_404(User, pk=pk)
    try:
        act(whom)
    except NotAllowed as refusal:
        return _render_person(request, whom, refusal=str(refusal))
    messages.success(request, said)
    return redirect("accounts:person", pk=pk)


def _ask(request: HttpRequest, pk: int, part: str) -> HttpResponse:
    """What would be lost, before it is: a dialog over the person's page, or a page of its own."""
    whom = get_object_or_404(User, pk=pk)
    context = {
        "whom": whom,
        "part": part,
        "name": whom.get_full_name() or whom.username,
        "sessions": len(live_sessions(whom)),
        "tokens": whom.api_tokens.filter(revoked_at=None),
        "requests": queries.pending_requests().filter(person=whom).count(),
        "by_two": given_by_two(whom),
    }
    return render_page(request, "accounts/question.html", part, context)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(MANAGE)
@confirmed_to_write
def close(request: HttpRequest, pk: int) -> HttpResponse:
    if request.method != "POST":
        return _ask(request, pk, "accounts/_close.html")
    by = reader(request)
    said = "The account is closed: sessions and tokens have ended."
    return _act_on(request, pk, lambda whom: people.close_account(whom, by=by), said)


@require_POST
@needs(MANAGE)
@confirmed_to_write
def reopen(request: HttpRequest, pk: int) -> HttpResponse:
    by = reader(request)
    said = "The account is open again. Tokens stay revoked."
    return _act_on(request, pk, lambda whom: people.reopen_account(whom, by=by), said)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(MANAGE)
@confirmed_to_write
def end_tokens(request: HttpRequest, pk: int) -> HttpResponse:
    if request.method != "POST":
        return _ask(request, pk, "accounts/_end_tokens.html")
    by = reader(request)
    said = "All tokens are revoked."
    return _act_on(request, pk, lambda whom: revoke_tokens(user=whom, by=by), said)


@require_http_methods(["GET", "HEAD", "POST"])
@needs(MANAGE)
@confirmed_to_write
def reset_factors(request: HttpRequest, pk: int) -> HttpResponse:
    if request.method != "POST":
        return _ask(request, pk, "accounts/_reset_factors.html")
    by, why = reader(request), request.POST.get("why", "")
    said = (
        "The second factors are gone and the sessions have ended. They are told when they sign in."
    )
    return _act_on(
        request, pk, lambda whom: people.reset_second_factors(whom, by=by, why=why), said
    )


@require_POST
@needs(MANAGE)
@confirmed_to_write
def password_link(request: HttpRequest, pk: int) -> HttpResponse:
    """A link with which its owner sets a password; the only answer that holds it."""
    whom = get_object_or_404(User, pk=pk)
    try:
        parts = people.password_key(whom, by=reader(request))
    except NotAllowed as refusal:
        return _render_person(request, whom, refusal=str(refusal))
    link = request.build_absolute_uri(reverse("account_reset_password_from_key", kwargs=parts))
    hours = settings.PASSWORD_RESET_TIMEOUT // 3600
    context = {"whom": whom, "link": link, "hours": hours}
    return render(request, "accounts/password_link.html", context)


@require_POST
@needs("accounts.confirm_roles")
@confirmed_to_write
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Confirm or refuse what somebody else asked for; who asked withdraws it."""
    wish = get_object_or_404(RoleRequest.objects.select_related("person"), pk=pk)
    by = reader(request)
    try:
        if request.POST.get("verdict") == "confirm":
            access.confirm_role(wish, by=by)
            messages.success(request, f"{wish.person.username} now has the role.")
        else:
            access.refuse_role(wish, by=by, remark=request.POST.get("remark", ""))
            messages.success(request, "The request is closed. Nothing was given.")
    except NotAllowed as refusal:
        return _render_person(request, wish.person, refusal=str(refusal))
    return redirect("accounts:people")


def waiting(wishes: Iterable[RoleRequest], by: User) -> list[dict[str, Any]]:
    """Requests as their reader sees them, each with what the second person should know."""
    found = list(wishes)
    made = queries.made_by([one.person_id for one in found]) if found else {}
    return [one_request(one, by) | {"made": made[one.person_id]} for one in found]


def one_request(wish: RoleRequest, by: User) -> dict[str, Any]:
    """A request as its reader sees it: what they may do about it, and if nothing, why."""
    is_own = wish.requested_by_id == by.pk
    return {
        "wish": wish,
        "stands": wish.stands,  # type: ignore[attr-defined]
        "role": next(named([wish.role]), wish.role),
        "adds": abilities([wish.role]),
        "is_own": is_own,
        "is_about_me": wish.person_id == by.pk,
        "may_decide": by.has_perm("accounts.confirm_roles") and wish.person_id != by.pk,
    }


def _render_person(request: HttpRequest, whom: User, refusal: str = "") -> HttpResponse:
    by, held = reader(request), access.access_of(whom)
    given = queries.given_to([whom.pk])[whom.pk]
    catalogue = snapshot()
    wishes = queries.pending_requests().filter(person=whom)
    context = {
        "whom": whom,
        "row": queries.one_person(whom.pk),
        "refusal": refusal,
        "roles": [(ROLES[code].name, given.get(("role", code))) for code in ROLES
                  if code in held.roles],
        "grants": [_grant(catalogue, pk, given) for pk in sorted(held.facilities)],
        "sees": len(covered(catalogue, held.facilities)),
        "abilities": abilities(held.roles),
        "requests": waiting(wishes, by),
        "decided": [(next(named([one.role]), one.role), one)
                    for one in queries.decided_requests(whom)[:10]],
        "tokens": whom.api_tokens.filter(revoked_at=None),
        "warnings": [f"{one.names}: {one.why}" for one in delicate(held.roles)],
        "may_manage": by.has_perm(MANAGE) and by.pk != whom.pk,
        "is_me": by.pk == whom.pk,
        "by_two": given_by_two(whom),
        "history": history_of(whom, by),
    }  # fmt: skip
    return render(request, "accounts/person.html", context)


def given_by_two(whom: User) -> list[str]:
    """The roles of two people that somebody holds, by name."""
    return list(named(access.access_of(whom).roles & set(SENSITIVE)))


def history_of(whom: User, by: User) -> list[trail.Noted]:
    """What was done to an account, as far as its reader may read the trail."""
    if not by.has_perm("accounts.view_audit"):
        return []
    return trail.about(f"user:{whom.pk}", trail.groups_open_to(by))


def _grant(catalogue: Any, pk: int, given: queries.Givens) -> dict[str, Any]:
    place = catalogue.facilities_by_id[pk]
    return {
        "place": place,
        "below": len(catalogue.subtrees[pk]) - 1,
        "given": given.get(("facility", place.code)),
    }


def page_number(request: HttpRequest) -> int:
    said = request.GET.get("page", "")
    return min(max(int(said), 1), 1_000) if said.isascii() and said.isdigit() else 1
