"""Who may see which facilities, what a view needs, and who is asking. Every page and endpoint goes
through here."""

import hashlib
import hmac
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from functools import wraps
from inspect import unwrap
from typing import Any, Concatenate, ParamSpec, TypeVar

from django.contrib.admin import ModelAdmin
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.timezone import now

from apps.accounts.enrolment import must_enrol
from apps.accounts.models import ApiToken, User
from apps.catalog.snapshot import snapshot
from apps.core.db import execute, fetch_value
from apps.core.problem import problem

Params = ParamSpec("Params")
Answer = TypeVar("Answer", bound=HttpResponseBase)
View = Callable[Concatenate[HttpRequest, Params], Answer]
ApiView = Callable[Concatenate[HttpRequest, Params], HttpResponseBase]

# What a view carries to say what it needs, and that it finds out by itself who asks.
NEEDS, ASKS_WHO = "needed_permissions", "asks_who"

# Personal grants and those of the person's groups; each is for a whole subtree.
GRANTED = """
WITH permission AS (
    SELECT p.id
      FROM auth_permission p JOIN django_content_type t ON t.id = p.content_type_id
     WHERE t.app_label = 'catalog' AND t.model = 'facility' AND p.codename = 'view_facility'
), granted AS (
    SELECT g.user_id, root.path
      FROM accounts_facilityusergrant g JOIN permission p ON p.id = g.permission_id
      JOIN catalog_facility root ON root.id = g.content_object_id
     UNION
    SELECT m.user_id, root.path
      FROM accounts_facilitygroupgrant g JOIN permission p ON p.id = g.permission_id
      JOIN accounts_user_groups m ON m.group_id = g.group_id
      JOIN catalog_facility root ON root.id = g.content_object_id
)
"""
GRANTED_FACILITIES = (
    GRANTED
    + """
SELECT coalesce(array_agg(DISTINCT f.id ORDER BY f.id), '{}')
  FROM granted JOIN catalog_facility f ON starts_with(f.path, granted.path)
 WHERE granted.user_id = %(user)s
"""
)
# Of some people, who sees one facility; without one, who sees all of them.
WHO_SEE = (
    GRANTED  # noqa: S608  constants only
    + """
SELECT coalesce(array_agg(person.id), '{}')
  FROM unnest(%(people)s::bigint[]) AS person (id)
 WHERE NOT EXISTS (
       SELECT 1 FROM catalog_facility f
        WHERE (%(facility)s::bigint IS NULL OR f.id = %(facility)s::bigint)
          AND NOT EXISTS (SELECT 1 FROM granted g
                           WHERE g.user_id = person.id AND starts_with(f.path, g.path)))
"""
)
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


def who_see(facility: int | None, *, among: Sequence[int]) -> frozenset[int]:
    """The same door from the other side: who of these people sees a facility, or else all."""
    return frozenset(fetch_value(WHO_SEE, {"facility": facility, "people": list(among)}))


def facilities_to_administer(user: User | AnonymousUser) -> tuple[int, ...]:
    """The same door for who keeps people, sources and keys: administrators do so everywhere,
    and see nobody's work for it."""
    if user.has_perm("accounts.administer_network"):
        return tuple(fetch_value(ALL_FACILITIES))
    return facilities_for(user)


def covers_everything(facilities: Iterable[int]) -> bool:
    """Whether a scope leaves no facility out: what has no facility may then be seen too."""
    return set(snapshot().facilities_by_id) <= set(facilities)


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


class Denied(PermissionDenied):
    """Who asks lacks what the view needs."""

    def __init__(self, missing: str = "") -> None:
        super().__init__()
        self.missing = missing


def needs(*permissions: str) -> Callable[[View[Params, Answer]], View[Params, Answer]]:
    """Declare what a view needs, and refuse who lacks it; with nothing named, anyone signed in.

    Every view says this, or that it is public; the middleware refuses the others, and a system
    check names them. In the API it stands behind `api_user`, which makes a problem of a refusal.
    """

    def declare(view: View[Params, Answer]) -> View[Params, Answer]:
        @wraps(view)
        def wrapper(request: HttpRequest, /, *args: Params.args, **kwargs: Params.kwargs) -> Answer:
            require(request.user, permissions)
            return view(request, *args, **kwargs)

        setattr(wrapper, NEEDS, permissions)
        return wrapper

    return declare


def require(user: User | AnonymousUser, permissions: tuple[str, ...]) -> None:
    """Raise Denied for the first permission that is missing, and for nobody in particular."""
    if not isinstance(user, User) or not user.is_active:
        raise Denied(*permissions[:1])
    for permission in permissions:
        if not user.has_perm(permission):
            raise Denied(permission)


def is_declared(view: Callable[..., Any]) -> bool:
    """Whether a view says who may open it, or is Django's administration, which asks by itself."""
    is_public = not getattr(view, "login_required", True) and not hasattr(view, ASKS_WHO)
    return hasattr(view, NEEDS) or is_public or _is_of_administration(view)


def _is_of_administration(view: Callable[..., Any]) -> bool:
    """Django marks what its administration guards by site or model; the page of passwords it only
    wraps, so that one is known by whose method lies inside."""
    inner = unwrap(view, stop=_is_of_model_admin)
    is_guarded_method = inner is not view and _is_of_model_admin(inner)
    return hasattr(view, "admin_site") or hasattr(view, "model_admin") or is_guarded_method


def _is_of_model_admin(view: Callable[..., Any]) -> bool:
    return isinstance(getattr(view, "__self__", None), ModelAdmin)


def api_user(view: ApiView[Params]) -> ApiView[Params]:
    """Let in the bearer of a token, or who is signed in; anyone else gets a 401 problem.

    A token that is sent decides alone: a wrong one is refused even beside a session. Whether a
    session waits for a second factor is asked here and not by the middleware, for a view that
    sources call as well passes its people on to one of these.
    """
    return _for_whom(user_for_api, view)


def token_user(view: ApiView[Params]) -> ApiView[Params]:
    """Let in the bearer of a token only. A page of somebody else's cannot send one, so what is
    written this way needs no CSRF token."""
    return _for_whom(user_for_bearer, view)


def _for_whom(
    identify: Callable[[HttpRequest], User | None], view: ApiView[Params]
) -> ApiView[Params]:
    @wraps(view)
    def wrapper(
        request: HttpRequest, /, *args: Params.args, **kwargs: Params.kwargs
    ) -> HttpResponseBase:
        user = identify(request)
        if user is None:
            return unauthenticated()
        if "Authorization" not in request.headers and must_enrol(request):
            return problem(403, "second_factor_needed", "Sign in and set up a second factor first.")
        request.user = user
        try:
            response = view(request, *args, **kwargs)
        except Denied as denied:
            request.needed = denied.missing  # type: ignore[attr-defined]
            response = problem(403, "forbidden", "Your role does not include this.")
        patch_vary_headers(response, ["Authorization", "Cookie"])
        return response

    setattr(wrapper, ASKS_WHO, True)
    return login_not_required(wrapper)


def user_for_api(request: HttpRequest) -> User | None:
    """Who asks: by token if there is one, else by session. Looked up once a request, even where
    one view passes it on to another."""
    known: User | None = getattr(request, "asked_by", None)
    if known is None and "Authorization" in request.headers:
        known = user_for_bearer(request)
        request.asked_by = known  # type: ignore[attr-defined]
    elif known is None and isinstance(request.user, User):
        known = request.user
    return known


def unauthenticated() -> HttpResponse:
    """The answer to a request without a valid token or session."""
    return problem(
        401,
        "unauthenticated",
        "Send a token as `Authorization: Bearer usr_…`, or sign in.",
        headers={"WWW-Authenticate": 'Bearer realm="throughline"'},
    )
