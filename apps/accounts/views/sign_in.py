"""Signing in by password, code, passkey or provider, and out."""

from typing import Any

from allauth.account.views import LoginView
from allauth.mfa.base.views import AuthenticateView
from allauth.mfa.webauthn.views import LoginWebAuthnView
from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LogoutView
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_POST, require_safe

from apps.accounts.access import needs
from apps.accounts.enrolment import open_before_enrolment
from apps.accounts.forms import SignInForm
from apps.accounts.oidc import ask_provider, take_answer


class SignIn(LoginView):
    """Single sign-on first, local accounts second; what holds for a session is said before."""

    template_name = "accounts/sign_in.html"
    form_class = SignInForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(**kwargs) | {
            "is_demo": settings.THROUGHLINE_DEMO,
            "provider": settings.SINGLE_SIGN_ON.get("name"),
            "can_reset": bool(settings.EMAIL_HOST),
            "idle_minutes": settings.SESSION_IDLE_SECONDS // 60,
            "hours": settings.SESSION_COOKIE_AGE // 3600,
            "next": self.request.GET.get("next", self.request.POST.get("next", "")),
            "refused_passkey": "passkey" in self.request.GET,
        }


class SecondFactor(AuthenticateView):
    """The second of two steps, for who has an authenticator app or a passkey."""

    template_name = "accounts/second_factor.html"


class PasskeySignIn(LoginWebAuthnView):
    """Signing in by a passkey alone: the script asks for a challenge, then posts what signed it."""

    def form_invalid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_invalid(form)
        response.headers["Location"] += "?passkey=refused"
        return response


sign_in = login_not_required(SignIn.as_view())
second_factor = login_not_required(SecondFactor.as_view())
sign_in_by_passkey = login_not_required(PasskeySignIn.as_view())


sign_out = require_POST(open_before_enrolment(needs()(LogoutView.as_view())))


@login_not_required
@require_safe
def sso(request: HttpRequest) -> HttpResponseBase:
    """To the provider of single sign-on, where there is one."""
    if not settings.SINGLE_SIGN_ON:
        raise Http404
    return ask_provider(request)


@login_not_required
@require_safe
def sso_answer(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """Back from it."""
    if not settings.SINGLE_SIGN_ON:
        raise Http404
    return take_answer(request)
