"""Sensitive acts take a proof of the last five minutes that it is still the same person.

`recently_confirmed` stands below `needs` on any view. Without such a proof it answers with the
question itself, at the same address, and what was typed travels along in hidden fields: right
answered, the act goes on as if nothing had been asked. Nothing of it is kept on the server.
"""

import time
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from allauth.account.forms import ReauthenticateForm as PasswordForm
from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.internal.flows.reauthentication import reauthenticate_by_password
from allauth.mfa.base.forms import ReauthenticateForm as CodeForm
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.internal.auth import begin_authentication
from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django_htmx.http import HttpResponseClientRedirect, reswap, retarget

from apps.accounts.acts import Act
from apps.accounts.models import User
from apps.accounts.passkeys import ConfirmForm as PasskeyForm
from apps.accounts.services.audit import record
from apps.core.htmx import wants_partial

Params = ParamSpec("Params")
View = Callable[Concatenate[HttpRequest, Params], HttpResponseBase]

RECENT_SECONDS = 300
# Fields of the question; everything else belongs to the act.
OURS = "confirm_"
PASSWORD, CODE, PASSKEY, WANTED = (OURS + name for name in ("password", "code", "passkey", "page"))


def recently_confirmed(view: View[Params]) -> View[Params]:
    """Let a view answer only who proved within five minutes who they are.

    It takes POST for the question, so what limits the methods of a page stands below it.
    """

    @wraps(view)
    def wrapper(
        request: HttpRequest, /, *args: Params.args, **kwargs: Params.kwargs
    ) -> HttpResponseBase:
        if request.method == "POST" and WANTED in request.POST:
            return HttpResponseRedirect(request.get_full_path()) if prove(request) else ask(request)
        if is_recent(request) or (request.method == "POST" and prove(request)):
            return view(request, *args, **kwargs)
        return ask(request)

    return wrapper


def confirmed_to_write(view: View[Params]) -> View[Params]:
    """The same for a page that may be read freely, and asks when its form is sent."""
    guarded = recently_confirmed(view)

    @wraps(view)
    def wrapper(
        request: HttpRequest, /, *args: Params.args, **kwargs: Params.kwargs
    ) -> HttpResponseBase:
        return (guarded if request.method == "POST" else view)(request, *args, **kwargs)

    return wrapper


def is_recent(request: HttpRequest) -> bool:
    """Whether this session signed in, or was confirmed, within the last five minutes."""
    records = get_authentication_records(request, request.user)
    return any(record["at"] > time.time() - RECENT_SECONDS for record in records)


def forms_for(request: HttpRequest) -> dict[str, Any]:
    """The proof that was given, as one form by its field."""
    user, said = request.user, request.POST
    if said.get(PASSWORD):
        return {PASSWORD: PasswordForm(user=user, data={"password": said[PASSWORD]})}
    if said.get(CODE):
        return {CODE: CodeForm(user=user, data={"code": said[CODE]})}
    if said.get(PASSKEY):
        return {PASSKEY: PasskeyForm(user=user, data={"credential": said[PASSKEY]})}
    return {}


def prove(request: HttpRequest) -> bool:
    """Take the proof that came with the form, if any did; a wrong one is kept for the answer."""
    forms = forms_for(request)
    for field, form in forms.items():
        if form.is_valid():
            reauthenticate_by_password(request) if field == PASSWORD else form.save()
            record(request.user, Act.CONFIRMED)
            return True
    request.refused_proof = forms  # type: ignore[attr-defined]
    return False


def ask(request: HttpRequest) -> HttpResponse:
    """The question, in place of the page, or in the page for a swap."""
    if wants_partial(request) and request.method != "POST":
        return HttpResponseClientRedirect(request.get_full_path())
    template = "accounts/_confirm.html" if wants_partial(request) else "accounts/confirm.html"
    response = render(request, template, question(request))
    if wants_partial(request):
        return reswap(retarget(response, "#main"), "innerHTML")
    return response


def question(request: HttpRequest) -> dict[str, Any]:
    """Which proofs this person can give, what was wrong with the last, what travels along."""
    user = request.user
    assert isinstance(user, User)  # noqa: S101  `needs` was asked before
    types = set(Authenticator.objects.filter(user=user).values_list("type", flat=True))
    has_passkey = Authenticator.Type.WEBAUTHN in types
    refused: dict[str, Any] = getattr(request, "refused_proof", {})
    return {
        "by_password": user.has_usable_password(),
        "by_code": bool(types - {Authenticator.Type.WEBAUTHN}),
        "passkey": begin_authentication(user) if has_passkey else None,
        "by_provider": not (user.has_usable_password() or types) and settings.SINGLE_SIGN_ON,
        "errors": [error for form in refused.values() for errors in form.errors.values()
                   for error in errors],
        "typed": list(typed(request)),
        "is_page": request.method != "POST" or WANTED in request.POST,
        "address": request.get_full_path(),
    }  # fmt: skip


def typed(request: HttpRequest) -> Iterator[tuple[str, str]]:
    """What the form said, but for the question's own fields and the token."""
    for name, values in request.POST.lists():
        if not name.startswith(OURS) and name != "csrfmiddlewaretoken":
            yield from ((name, value) for value in values)
