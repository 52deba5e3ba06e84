"""Single sign-on by OpenID Connect: what is verified of an answer, and whose account it opens.

allauth speaks the protocol (state, PKCE, exchange of the code). Added here: a nonce, and an id
token that is always verified by the provider's published key, although it comes straight from it.
"""

import hashlib
import logging
import secrets
import time
from collections.abc import Callable
from functools import wraps
from typing import Any

import jwt
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter, get_adapter
from allauth.socialaccount.models import SocialAccount, SocialLogin
from allauth.socialaccount.providers.base.constants import AuthError, AuthProcess
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.http import url_has_allowed_host_and_scheme
from requests import RequestException

from apps.accounts.acts import Act
from apps.accounts.models import User
from apps.accounts.refusals import Refusal, refused
from apps.accounts.separation import SENSITIVE
from apps.accounts.services.audit import record
from apps.accounts.spelling import is_same

log = logging.getLogger(__name__)

PROVIDER = "sso"
# By public keys only: a shared secret would let everybody sign who may verify.
ALGORITHMS = ["RS256", "PS256", "ES256"]
REQUIRED = ["iss", "aud", "exp", "iat", "sub"]
LEEWAY_SECONDS, AGAIN_SECONDS, FETCH_SECONDS = 60, 300, 5


class Adapter(OpenIDConnectOAuth2Adapter):
    """One exchange with the provider. `sent` is what went along with the question."""

    sent: dict[str, Any]

    def complete_login(self, request: HttpRequest, app: Any, token: Any, **kwargs: Any) -> Any:
        claims = self.verified(app, kwargs["response"].get("id_token", ""))
        if "email" not in claims and "userinfo_endpoint" in self.openid_config:
            claims = self._more_of(claims, token.token)
        # A subject is unique at its issuer only, and the issuer may be another one next year.
        issuer = hashlib.sha256(claims["iss"].encode()).hexdigest()[:12]
        claims["uid"] = f"{issuer}:{claims['sub']}"
        return self.get_provider().sociallogin_from_response(request, {"id_token": claims})

    def verified(self, app: Any, id_token: str) -> dict[str, Any]:
        """The claims, if key, issuer, audience, times and nonce are all as they must be."""
        if self.openid_config["issuer"] != settings.SINGLE_SIGN_ON["issuer"]:
            raise OAuth2Error("another issuer")
        try:
            keys = jwt.PyJWKClient(self.openid_config["jwks_uri"], timeout=FETCH_SECONDS)
            claims: dict[str, Any] = jwt.decode(
                id_token,
                keys.get_signing_key_from_jwt(id_token),
                algorithms=ALGORITHMS,
                audience=app.client_id,
                issuer=self.openid_config["issuer"],
                leeway=LEEWAY_SECONDS,
                options={"require": REQUIRED},
            )
        except jwt.PyJWTError as error:
            raise OAuth2Error(type(error).__name__) from error
        self._check_question(claims, app.client_id)
        return claims

    def _check_question(self, claims: dict[str, Any], client: str) -> None:
        """The answer belongs to the question of this browser, and is as fresh as was asked for."""
        if not secrets.compare_digest(str(claims.get("nonce", "")), self.sent["nonce"]):
            raise OAuth2Error("another nonce")
        # Of a token for several, the one it was made for is named.
        if isinstance(claims["aud"], list) and claims.get("azp", client) != client:
            raise OAuth2Error("another party")
        oldest = time.time() - AGAIN_SECONDS
        if self.sent["again"] and not float(claims.get("auth_time", 0)) > oldest:
            raise OAuth2Error("nobody was asked again")

    def _more_of(self, claims: dict[str, Any], access_token: str) -> dict[str, Any]:
        """What some providers say at another address only; what was signed wins."""
        more: dict[str, Any] = self._fetch_user_info(access_token)
        if more.get("sub") != claims["sub"]:
            raise OAuth2Error("another subject")
        return more | claims


class Callback(OAuth2CallbackView):
    """Where the provider sends the browser back to."""

    adapter: Adapter

    def _get_state(self, request: HttpRequest, provider: Any) -> Any:
        state, response = super()._get_state(request, provider)
        self.adapter.sent = (state or {}).get("data") or {}
        return state, response


# What comes of an answer that is not there, or not of the form that the protocol gives it.
NONSENSE = (RequestException, LookupError, TypeError, ValueError, AttributeError, ArithmeticError)


def reachable(view: Callable[[HttpRequest], HttpResponseBase]) -> Any:
    """A provider that is away, talks nonsense, or is none at all, is a page that says so."""

    @wraps(view)
    def wrapper(request: HttpRequest) -> HttpResponseBase:
        try:
            return view(request)
        except NONSENSE as error:
            log.warning("single sign-on cannot be used: %s", type(error).__name__)
            return refused(request, Refusal.BROKEN)

    return wrapper


@reachable
def ask_provider(request: HttpRequest) -> HttpResponseBase:
    """Lead to the provider; `again` has it ask for the password even of who is signed in there."""
    provider = get_adapter().get_provider(request, PROVIDER)
    sent = {"nonce": secrets.token_urlsafe(24), "again": "again" in request.GET}
    params = {"nonce": sent["nonce"]} | (
        {"prompt": "login", "max_age": "0"} if sent["again"] else {}
    )
    response: HttpResponseBase = provider.redirect(
        request, AuthProcess.LOGIN, next_url=next_page(request), data=sent, auth_params=params
    )
    return response


@reachable
def take_answer(request: HttpRequest) -> HttpResponseBase:
    response: HttpResponseBase = Callback.adapter_view(Adapter(request, PROVIDER))(request)
    return response


def next_page(request: HttpRequest) -> str | None:
    """Where to go on, if that is a page of ours."""
    page = request.GET.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(page, {request.get_host()}, request.is_secure())
    return page if is_ours else None


class SocialAdapter(DefaultSocialAccountAdapter):
    """Which account somebody opens who comes from the provider. None is ever made."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        claims = sociallogin.account.extra_data["id_token"]
        # Names and addresses of people stay with the provider.
        sociallogin.account.extra_data = {"iss": claims["iss"]}
        person = sociallogin.user if sociallogin.is_existing else person_of(claims, request.user)
        if person is None:
            record(None, Act.SIGN_IN_FAILED, facts={"by": PROVIDER})
            raise ImmediateHttpResponse(refused(request, Refusal.UNKNOWN))
        if request.user.is_authenticated and request.user != person:
            raise ImmediateHttpResponse(refused(request, Refusal.SOMEBODY_ELSE))
        if not sociallogin.is_existing:
            sociallogin.connect(request, person)
            record(person, Act.SSO_LINKED)

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error: Any = None, exception: Any = None,
        extra_context: Any = None,
    ) -> None:  # fmt: skip
        is_cancelled = error == AuthError.CANCELLED
        log.warning("single sign-on failed: %s", exception if is_ours(exception) else error)
        kind = Refusal.CANCELLED if is_cancelled else Refusal.BROKEN
        raise ImmediateHttpResponse(refused(request, kind))


def is_ours(exception: Any) -> bool:
    """Whether its text is safe to log: answers of a provider may hold anything."""
    return isinstance(exception, OAuth2Error) and str(exception).isascii()


def is_linked(user: User) -> bool:
    """Whether single sign-on opens this account."""
    return bool(SocialAccount.objects.filter(provider=PROVIDER, user=user).exists())


def person_of(claims: dict[str, Any], reader: Any) -> User | None:
    """The one open account that these claims name for certain, if it has no other sign-in yet.

    Who decides as a second person links it themselves, signed in here: the provider's word alone
    would open what takes two people to give.
    """
    claim = settings.SINGLE_SIGN_ON["username_claim"]
    field = "username" if claim else "email"
    said = claims.get(claim or "email")
    if not claim and claims.get("email_verified") is not True:
        return None
    if not isinstance(said, str) or not said or "\0" in said:
        return None
    linked = SocialAccount.objects.filter(provider=PROVIDER).values("user_id")
    found = User.objects.filter(is_active=True, is_superuser=False).exclude(pk__in=linked)
    people = [one for one in found.filter(**{f"{field}__iexact": said})
              if is_same(getattr(one, field), said)]  # fmt: skip
    one = people[0] if len(people) == 1 else None
    return one if one and (one == reader or not decides_as_second(one)) else None


def decides_as_second(person: User) -> bool:
    return person.groups.filter(name__in=SENSITIVE).exists()
