"""Deny by default: nobody opens a view that does not say who may."""

import logging
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from apps.accounts.access import Denied, is_declared
from apps.core.htmx import SignInRequiredMiddleware

log = logging.getLogger(__name__)


class AccessMiddleware(SignInRequiredMiddleware):
    """Sends strangers to sign in, and refuses views that declare nothing."""

    def process_view(
        self, request: HttpRequest, view_func: Any, view_args: Any, view_kwargs: Any
    ) -> HttpResponseBase | None:
        response = super().process_view(request, view_func, view_args, view_kwargs)
        if response is None and not is_declared(view_func):
            log.error("refused: %s does not say who may open it", view_func.__qualname__)
            raise Denied
        return response
