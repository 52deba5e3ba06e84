"""POST /api/v1/events: the one door for telemetry."""

import logging
from http import HTTPStatus
from itertools import islice

import msgspec
from django.contrib.auth.decorators import login_not_required
from django.db import Error as DatabaseFault
from django.http import HttpRequest, HttpResponse, UnreadablePostError
from django.views.decorators.csrf import csrf_exempt

from apps.core.openapi import Body, Parameter, operation
from apps.core.problem import problem
from apps.telemetry import bodies
from apps.telemetry.access import bearer_of
from apps.telemetry.formats import Reading, reader_for
from apps.telemetry.formats.events import WireEvent
from apps.telemetry.refusals import Refused, Rejection
from apps.telemetry.services.accept import ForeignFacility, KeyRevoked, SignatureUsed, accept
from apps.telemetry.services.keys import Sender, sender_for
from apps.telemetry.services.limits import seconds_to_wait
from apps.telemetry.services.signatures import HEADER, BadSignature, check_signature

log = logging.getLogger(__name__)

PATH = "/api/v1/events"
MAX_EVENTS = 20_000
# No event has fewer than this many commas for each one counted: bounds what a split may cost.
MAX_COMMAS = 50 * MAX_EVENTS


class Accepted(msgspec.Struct):
    """What became of a request's events. Committed when you read it."""

    batch: str
    accepted: int
    rejected: list[Rejection]


class UnknownMediaType(Exception):
    """Not a CloudEvents media type, and no attributes in the headers."""


class TooManyEvents(Exception):
    """More events in one request than are taken at once."""


PROBLEMS: dict[type[Exception], tuple[int, str, str]] = {
    bodies.TooLarge: (413, "too_large", "The body is over the limit. Send fewer events a request."),
    TooManyEvents: (413, "too_many_events", f"Send at most {MAX_EVENTS} events a request."),
    bodies.LengthRequired: (411, "length_required", "Send a Content-Length."),
    bodies.UnknownEncoding: (415, "unknown_encoding", "Content-Encoding may be gzip or zstd."),
    bodies.Corrupt: (400, "corrupt_body", "The body ends early or is not what its encoding says."),
    UnreadablePostError: (400, "corrupt_body", "The body ended early."),
    UnknownMediaType: (
        415,
        "unknown_media_type",
        "Send application/cloudevents+json, application/cloudevents-batch+json, "
        "application/x-ndjson, or ce-* headers.",
    ),
    KeyRevoked: (401, "invalid_key", "The key was revoked or has expired."),
    SignatureUsed: (401, "invalid_signature", "This signature was used before. Sign again."),
    ForeignFacility: (
        403,
        "facility_forbidden",
        "The key may not speak for any facility of these events. Nothing was stored.",
    ),
}
_EXPECTED = tuple(PROBLEMS)


EXAMPLE = {
    "specversion": "1.0",
    "id": "0199f3c2-7b1a-7c3e-9a55-1f2e3d4c5b6a",
    "source": "urn:example:ehr:cedar-point",
    "type": "throughline.stage.v1",
    "time": "2026-03-02T09:30:00-05:00",
    "subject": "0199f3c2-7b1a-7d01-8c11-0a1b2c3d4e5f",
    "data": {
        "workflow": "charge",
        "facility": "CEDAR-POINT",
        "stage": "posted",
        "outcome": "ok",
        "amount": "1250.00",
        "business_keys": {"account": "8812345678"},
    },
}
DESCRIPTION = """\
One event, a JSON array of events, or one event a line; or binary mode: the attributes in `ce-*`
headers and the data as an `application/json` body. Bodies may be compressed with gzip or zstd.
The answer comes after commit. An event that cannot be accepted does not hold up the others: it is
listed under `rejected` and kept in quarantine, where it can be corrected. The same `source` and
`id` again is counted once, so send again whenever in doubt. `subject` is the correlation id of the
transaction. Extension attributes are taken and forgotten."""


@operation(
    method="post",
    path=PATH,
    tag="Events",
    summary="Send events",
    description=DESCRIPTION,
    parameters=(
        Parameter(
            "Content-Encoding",
            "How the body is compressed.",
            {"type": "string", "enum": ["identity", "gzip", "zstd"]},
            place="header",
        ),
        Parameter(HEADER, "`t=<unix seconds>,v1=<HMAC>`, for keys that sign.", place="header"),
    ),
    body=Body(
        {
            "application/cloudevents+json": WireEvent,
            "application/cloudevents-batch+json": list[WireEvent],
            "application/x-ndjson": {"type": "string"},
        },
        {
            "application/cloudevents+json": EXAMPLE,
            "application/cloudevents-batch+json": [EXAMPLE],
            "application/x-ndjson": f"{msgspec.json.encode(EXAMPLE).decode()}\n",
        },
    ),
    answers={202: Accepted},
    problems={
        400: "The body as a whole, or a header, cannot be read.",
        401: "No live key, or the signature does not fit.",
        403: "The key may speak for none of these facilities.",
        408: "The body came too slowly. Nothing was stored.",
        411: "A chunked body, behind another web server than our own.",
        413: "Too large, or too many events.",
        415: "Not a media type or encoding listed here.",
        429: "Too many requests; Retry-After says when.",
        501: "A Transfer-Encoding other than chunked.",
        503: "Nothing was stored. Send the same again; Retry-After says when.",
    },
    security=("sourceKey",),
)
@csrf_exempt
@login_not_required
def post_events(request: HttpRequest) -> HttpResponse:
    """Authenticate, read, accept; answer 202 once what was accepted is committed."""
    if request.method != "POST":
        return problem(405, "method_not_allowed", "POST events here.", headers={"Allow": "POST"})
    try:
        return _take(request)
    except Refused as refusal:
        return problem(400, refusal.code, refusal.message, pointer=refusal.pointer)
    except BadSignature as error:
        return _unauthorized("invalid_signature", str(error))
    except _EXPECTED as error:
        status, code, detail = PROBLEMS[type(error)]
        return _unauthorized(code, detail) if status == 401 else problem(status, code, detail)
    except DatabaseFault as error:
        log.error("ingest: nothing stored, database fault %s", type(error).__name__)
        detail = "Nothing was stored. Send the same request again later."
        return problem(503, "unavailable", detail, headers={"Retry-After": "5"})


def _take(request: HttpRequest) -> HttpResponse:
    sender = sender_for(bearer_of(request))
    if sender is None:
        return _unauthorized("invalid_key", "Send a live key: Authorization: Bearer src_...")
    if wait := seconds_to_wait(sender.key_id):
        headers = {"Retry-After": str(int(wait) + 1)}
        return problem(429, "too_many_requests", "Send more events a request.", headers=headers)
    body = bodies.wire_body(request)
    signature = _signature(request, body, sender)
    readings = _read(request, body)
    receipt = accept(readings, sender=sender, signature=signature)
    answer = Accepted(str(receipt.batch), receipt.accepted, receipt.rejected)
    return HttpResponse(
        msgspec.json.encode(answer),
        "application/json",
        HTTPStatus.ACCEPTED,
        headers={"Location": f"/api/v1/batches/{receipt.batch}", "Cache-Control": "no-store"},
    )


def _read(request: HttpRequest, body: bytes) -> list[Reading]:
    media_type = request.META.get("CONTENT_TYPE", "")
    headers = {
        name[5:].lower().replace("_", "-"): value
        for name, value in request.META.items()
        if name.startswith("HTTP_CE_")
    }
    headers["content-type"] = media_type
    reader = reader_for(media_type, headers)
    if reader is None:
        raise UnknownMediaType
    text = bodies.inflate(body, request.META.get("HTTP_CONTENT_ENCODING", ""))
    if text.count(b",") > MAX_COMMAS:
        raise TooManyEvents
    readings = list(islice(reader(text, headers), MAX_EVENTS + 1))
    if len(readings) > MAX_EVENTS:
        raise TooManyEvents
    return readings


def _signature(request: HttpRequest, body: bytes, sender: Sender) -> bytes | None:
    header = request.META.get("HTTP_THROUGHLINE_SIGNATURE", "")
    if not header and not sender.require_signature:
        return None
    return check_signature(header, body, sender)


def _unauthorized(code: str, detail: str) -> HttpResponse:
    return problem(401, code, detail, headers={"WWW-Authenticate": 'Bearer realm="throughline"'})
