"""Who may see what of telemetry: `accounts.access` is the door, this reads its answers."""

from typing import cast

from django.http import HttpRequest

from apps.accounts.models import User


def person(request: HttpRequest) -> User:
    """Who is signed in: nobody else gets past the middleware to a page."""
    return cast(User, request.user)


def bearer_of(request: HttpRequest) -> str:
    """The bearer key or token of a request, or nothing."""
    scheme, _, value = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""
