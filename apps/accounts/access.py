"""Who may see which facilities, and who is asking. Every page and endpoint goes through here."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Concatenate, ParamSpec

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.timezone import now

from apps.accounts.models import ApiToken, User
from apps.core.db import execute, fetch_value
from apps.core.problem import problem

Params = ParamSpec("Params")
ApiView = Callable[Concatenate[HttpRequest, Params], HttpResponseBase]

# Personal grants and those of the person's groups, each with its whole subtree.
GRANTED_FACILITIES = """
WITH permission AS (
    SELECT p.id
      FROM auth_permission p JOIN django_content_type t ON t.id = p.content_type_id
     WHERE t.app_label = 'catalog' AND t.model = 'facility' AND p.codename = 'view_facility'
), granted AS (
    SELECT g.content_object_id AS id
      FROM accounts_facilityusergrant g JOIN permission p ON p.id = g.permission_id
     WHERE g.user_id = %(user)s
     UNION
    SELECT g.content_object_id
      FROM accounts_facilitygroupgrant g
      JOIN permission p ON p.id = g.permission_id
      JOIN accounts_user_groups m ON m.group_id = g.group_id
     WHERE m.user_id = %(user)s
)
SELECT coalesce(array_agg(DISTINCT f.id ORDER BY f.id), '{}')
  FROM granted
  JOIN catalog_facility root ON root.id = granted.id
  JOIN catalog_facility f ON starts_with(f.path, root.path)
"""
ALL_FACILITIES = "SELECT coalesce(array_agg(id ORDER BY id), '{}') FROM catalog_facility"

# The WHERE keeps a busy token from being an update a request, also across processes.
MARK_USED = """
UPDATE accounts_apitoken SET last_used_at = %(now)s
 WHERE id = %(token)s
   AND (last_used_at IS NULL OR last_used_at < %(now)s - interval '1 minute')
"""


def facilities_for(user: User | AnonymousUser) -> tuple[int, ...]:
    """The one door: ids of every facility this person may see, or none. One query."""
    if not isinstance(user, User) or not user.is_active:
        return ()
    if user.is_superuser:
        return tuple(fetch_value(ALL_FACILITIES))
    return tuple(fetch_value(GRANTED_FACILITIES, {"user": user.pk}))


def facilities_to_administer(user: User | AnonymousUser) -> tuple[int, ...]:
    """The same door for who keeps people, sources and keys: administrators do so everywhere,
    and see nobody's work for it."""
    if user.has_perm("accounts.administer_network"):
        return tuple(fetch_value(ALL_FACILITIES))
    return facilities_for(user)


def user_for_bearer(request: HttpRequest) -> User | None:
    """The active person whose live token the request carries."""
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    family, _, rest = bearer.strip().partition("_")
    name, _, secret = rest.partition("_")
    if scheme.lower() != "bearer" or family != "usr" or not name.isalnum() or not secret:
        return None
    found = ApiToken.objects.filter(prefix=f"usr_{name}", revoked_at=None, user__is_active=True)
    token = found.select_related("user").first()
    digest = hashlib.sha256(bearer.strip().encode()).digest()
    if token is None or not hmac.compare_digest(digest, token.sha256):
        return None
    touch_token(token)
    return token.user


def touch_token(token: ApiToken) -> None:
    """Note that a token was used, at most once a minute."""
    moment = now()
    if token.last_used_at is None or token.last_used_at < moment - timedelta(minutes=1):
        execute(MARK_USED, {"token": token.pk, "now": moment})


def api_user(view: ApiView[Params]) -> ApiView[Params]:
    """Let in the bearer of a token, or who is signed in; anyone else gets a 401 problem.

    A token that is sent decides alone: a wrong one is refused even beside a session.
    """

    @wraps(view)
    def wrapper(
        request: HttpRequest, /, *args: Params.args, **kwargs: Params.kwargs
    ) -> HttpResponseBase:
        user = user_for_api(request)
        if user is None:
            return unauthenticated()
        request.user = user
        response = view(request, *args, **kwargs)
        patch_vary_headers(response, ["Authorization", "Cookie"])
        return response

    return login_not_required(wrapper)


def user_for_api(request: HttpRequest) -> User | None:
    """Who asks: by token if there is one, else by session."""
    if "Authorization" in request.headers:
        return user_for_bearer(request)
    return request.user if isinstance(request.user, User) else None


def unauthenticated() -> HttpResponse:
    """The answer to a request without a valid token or session."""
    return problem(
        401,
        "unauthenticated",
        "Send a token as `Authorization: Bearer usr_…`, or sign in.",
        headers={"WWW-Authenticate": 'Bearer realm="throughline"'},
    )
