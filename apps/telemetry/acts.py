"""Sensitive acts on telemetry: what they take, and that they are written down."""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from django.http import HttpRequest

log = logging.getLogger(__name__)

View = TypeVar("View", bound=Callable[..., Any])


def sensitive(view: View) -> View:
    """For acts that take more than an open session."""
    return view


def record(request: HttpRequest, act: str, *, on: str, **facts: str | int | None) -> None:
    """Write down who did what to what: codes and numbers, never what an event said."""
    log.info("act %s on %s by user %s", act, on, request.user.pk)
