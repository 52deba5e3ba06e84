"""Errors of the API, as problem details (RFC 9457)."""

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from django.http import HttpResponse

CONTENT_TYPE = "application/problem+json"


class Problem(msgspec.Struct, omit_defaults=True):
    """What went wrong, for people (title, detail) and programs (status, code)."""

    type: str
    title: str
    status: int
    code: str
    detail: str = ""
    pointer: str = ""


def problem(
    status: int,
    code: str,
    detail: str = "",
    *,
    pointer: str = "",
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    """Answer with a problem. `code` is stable; its meaning is written on the API page."""
    body = Problem(
        type=f"/api/#{code}",
        title=HTTPStatus(status).phrase,
        status=status,
        code=code,
        detail=detail,
        pointer=pointer,
    )
    response = HttpResponse(msgspec.json.encode(body), CONTENT_TYPE, status, headers=headers)
    response.headers["Cache-Control"] = "no-store"
    return response
