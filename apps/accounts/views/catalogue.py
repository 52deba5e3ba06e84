"""The catalogue for programs: what a client needs to send valid events."""

import hashlib
from collections.abc import Sequence

import msgspec
from django.http import HttpRequest, HttpResponse
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from apps.accounts.access import api_user, facilities_for, needs
from apps.catalog import queries
from apps.catalog.document import Catalogue
from apps.core.openapi import JSON, operation


@operation(
    method="get",
    path="/api/v1/catalogue",
    tag="Catalogue",
    summary="What events may name",
    description=(
        "Facilities, workflows with their stages and targets, interfaces and systems: all that is "
        "needed to send valid events. Only facilities of the key or person who asks are named. "
        "Send the ETag back as `If-None-Match`; the answer is 304 while nothing changed."
    ),
    answers={200: Catalogue, 304: None},
    problems={401: "No valid key or token."},
    security=("sourceKey", "userToken"),
)
@require_safe
@api_user
@needs()
def catalogue(request: HttpRequest) -> HttpResponse:
    return catalogue_response(request, facilities=facilities_for(request.user))


def catalogue_response(request: HttpRequest, *, facilities: Sequence[int]) -> HttpResponse:
    """The document for one scope, or 304. For every view that lets somebody else in, too."""
    etag = catalogue_etag(facilities)
    response = get_conditional_response(request, etag=etag)
    if response is None:
        document = queries.catalogue_document(facilities=facilities)
        response = HttpResponse(msgspec.json.encode(document), JSON)
    response.headers["ETag"] = etag
    response.headers["Cache-Control"] = "private, no-cache"
    return response


def catalogue_etag(facilities: Sequence[int]) -> str:
    """Changes with the catalogue and with the scope."""
    scope = hashlib.blake2b(repr(tuple(facilities)).encode(), digest_size=8).hexdigest()
    return f'"{queries.catalogue_version()}-{scope}"'
