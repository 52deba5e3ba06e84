"""What a person keeps of their own account: password, second factors, recovery codes."""

from typing import Any

from allauth.account.views import PasswordChangeView
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.flows import (
    can_generate_recovery_codes,
    generate_recovery_codes,
)
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from allauth.mfa.webauthn.internal.auth import begin_registration
from allauth.mfa.webauthn.views import AddWebAuthnView, EditWebAuthnView, RemoveWebAuthnView
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from apps.accounts.access import needs
from apps.accounts.acts import Act
from apps.accounts.adapters import MfaAdapter
from apps.accounts.confirm import recently_confirmed
from apps.accounts.enrolment import ENROLLED, must_enrol, needs_factor, open_before_enrolment
from apps.accounts.models import User
from apps.accounts.oidc import is_linked
from apps.accounts.services.audit import record
from apps.accounts.services.sessions import end_sessions, live_sessions

KINDS = {"app": "The authenticator app", "passkey": "The passkey"}
form_methods = require_http_methods(["GET", "HEAD", "POST"])


@require_safe
@open_before_enrolment
@needs()
def security(request: HttpRequest) -> HttpResponse:
    """All of it on one page."""
    user = signed_in(request)
    factors = Authenticator.objects.filter(user=user).order_by("created_at")
    by_type = {kind: [one for one in factors if one.type == kind] for kind in Authenticator.Type}
    codes = by_type[Authenticator.Type.RECOVERY_CODES]
    context = {
        "app": next(iter(by_type[Authenticator.Type.TOTP]), None),
        "passkeys": by_type[Authenticator.Type.WEBAUTHN],
        "codes": codes[0] if codes else None,
        "codes_left": len(codes[0].wrap().get_unused_codes()) if codes else 0,
        "is_required": bool(settings.THROUGHLINE_MFA_ROLES) and needs_factor(user),
        "is_enforced": bool(settings.THROUGHLINE_MFA_ROLES),
        "is_demo": settings.THROUGHLINE_DEMO,
        "sessions": len(live_sessions(user)),
        "provider": settings.SINGLE_SIGN_ON.get("name"),
        "is_linked": bool(settings.SINGLE_SIGN_ON) and is_linked(user),
        "can_have_passkeys": not is_address(request),
    }
    return page(request, "accounts/security.html", context)


class Password(PasswordChangeView):
    """A new password ends every other session of the account."""

    template_name = "accounts/password.html"
    success_url = "/account/security/"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Who comes by single sign-on has no password here, and makes none."""
        if not signed_in(request).has_usable_password():
            return redirect("mfa_index")
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        record(self.request.user, Act.PASSWORD_CHANGED)
        messages.success(self.request, "Your password is changed. Your other sessions ended.")
        return response


class AddApp(ActivateTOTPView):
    """An authenticator app, by a picture to photograph or a key to type."""

    template_name = "accounts/add_app.html"

    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        return enrolled(self.request, "app", response)


class RemoveApp(DeactivateTOTPView):
    template_name = "accounts/remove_app.html"

    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        return disenrolled(self.request, "app", response)


class AddPasskey(AddWebAuthnView):
    """A passkey that knows its account, behind the device's own PIN or finger."""

    template_name = "accounts/add_passkey.html"

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        user = signed_in(self.request)
        options = begin_registration(user, passwordless=True)
        return context | {"options": options, "form": kwargs.get("form", context["form"])}

    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        return enrolled(self.request, "passkey", response)


class RenamePasskey(EditWebAuthnView):
    template_name = "accounts/rename_passkey.html"


class RemovePasskey(RemoveWebAuthnView):
    template_name = "accounts/remove_passkey.html"

    def form_valid(self, form: Any) -> HttpResponse:
        if not MfaAdapter().can_delete_authenticator(self.get_object()):
            return self.render_to_response(self.get_context_data(is_last=True))
        response: HttpResponse = super().form_valid(form)
        return disenrolled(self.request, "passkey", response)


def enrolled(request: HttpRequest, kind: str, response: HttpResponse) -> HttpResponse:
    request.session[ENROLLED] = True
    record(request.user, Act.FACTOR_ADDED, facts={"kind": kind})
    messages.success(request, f"{KINDS[kind]} is set up.")
    return response


def disenrolled(request: HttpRequest, kind: str, response: HttpResponse) -> HttpResponse:
    """Other sessions end: they may have been let in by what is gone now."""
    request.session.pop(ENROLLED, None)
    end_sessions(user=signed_in(request), keep=request.session.session_key)
    record(request.user, Act.FACTOR_REMOVED, facts={"kind": kind})
    messages.success(request, f"{KINDS[kind]} is removed. Your other sessions ended.")
    return response


@form_methods
@open_before_enrolment
@needs()
@recently_confirmed
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """The codes, once: what was shown is never shown again, only made anew."""
    user = signed_in(request)
    if request.method == "POST":
        if not can_generate_recovery_codes(user):
            raise Http404
        generate_recovery_codes(request)
        record(user, Act.RECOVERY_CODES_MADE)
        return redirect("mfa_view_recovery_codes")
    kept = Authenticator.objects.filter(user=user, type=Authenticator.Type.RECOVERY_CODES).first()
    if kept is None:
        raise Http404
    codes = kept.wrap()
    is_first_time = not codes.did_view
    codes.mark_as_viewed()
    context = {"codes": codes.get_unused_codes() if is_first_time else [],
               "left": len(codes.get_unused_codes())}  # fmt: skip
    return page(request, "accounts/recovery_codes.html", context)


def page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """A page of the account: in the frame, or alone while nothing else opens."""
    return render(request, template, context | {"is_enrolment": must_enrol(request)})


def signed_in(request: HttpRequest) -> User:
    user = request.user
    assert isinstance(user, User)  # noqa: S101  `needs` was asked before
    return user


def is_address(request: HttpRequest) -> bool:
    """Whether the page was reached by a bare address: browsers keep passkeys for names only."""
    return request.get_host().rpartition(":")[0].strip("[]").replace(".", "").isdigit()


def own(view: Any, *, sensitive: bool = True) -> Any:
    """A view of allauth as ours: for who is signed in, confirmed, and open before enrolment."""
    guarded = recently_confirmed(view) if sensitive else view
    return form_methods(open_before_enrolment(needs()(guarded)))


# The old password is asked for by its own form.
password = own(Password.as_view(), sensitive=False)
add_app, remove_app = own(AddApp.as_view()), own(RemoveApp.as_view())
add_passkey, rename_passkey = own(AddPasskey.as_view()), own(RenamePasskey.as_view())
remove_passkey = own(RemovePasskey.as_view())


@require_safe
@open_before_enrolment
@needs()
def passkeys(request: HttpRequest) -> HttpResponseBase:
    """Where allauth leads on to after a change."""
    return redirect("mfa_index")
