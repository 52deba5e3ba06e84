"""The quarantine for programs: list, correct and resubmit, discard."""

from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any
from uuid import UUID

import msgspec
from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST, require_safe

from apps.accounts.access import (
    ApiView,
    api_user,
    covers_everything,
    facilities_for,
    needs,
    token_user,
)
from apps.accounts.models import User
from apps.core.openapi import JSON, Body, Parameter, operation
from apps.core.problem import problem
from apps.telemetry import queries
from apps.telemetry.access import person
from apps.telemetry.formats import strict
from apps.telemetry.models import Quarantine
from apps.telemetry.refusals import Code, Refused
from apps.telemetry.services import quarantine

PAGE_SIZE = 100
KNOWN = {"state", "code", "source", "before"}


class BusinessKey(msgspec.Struct):
    """A business key as people may see it."""

    kind: str
    masked: str


class QuarantinedEvent(msgspec.Struct):
    """A refused event: why, where, and what may be shown of it."""

    id: str
    received_at: str
    source: str
    batch: str | None
    index: int
    event_id: str
    code: str
    pointer: str
    message: str
    state: str
    facility: str | None
    event: dict[str, Any]
    business_keys: list[BusinessKey]
    reason: str
    resolved_at: str | None
    seen: int
    last_seen_at: str


class QuarantinePage(msgspec.Struct):
    """Some of the quarantine, newest first. `next` goes into `before` for the page after."""

    items: list[QuarantinedEvent]
    next: str | None


class Resubmitted(msgspec.Struct):
    """The batch in which the corrected event went on."""

    batch: str


class Discard(msgspec.Struct):
    """Why an event is given up."""

    reason: Annotated[
        str,
        msgspec.Meta(min_length=quarantine.SHORTEST_REASON, max_length=quarantine.LONGEST_REASON),
    ]


_ID = Parameter("id", "The item's id.", place="path")
_STATES = [*Quarantine.State.values, "any"]
_WRITE_PROBLEMS = {
    400: "The body is not JSON, or not of the form described.",
    401: "No valid token. A session will not do here.",
    403: "The role may not resolve quarantined events.",
    404: "No such item, or not yours to see.",
    409: "Somebody else resolved it first.",
}


def resolving(view: Callable[[HttpRequest, User, Quarantine], HttpResponse]) -> ApiView[[str]]:
    """A view that resolves an item for the bearer of a token whose role and scope allow it.

    The role is asked first, so that a refusal does not tell whether there is such an item. One out
    of scope does not exist.
    """

    @csrf_exempt
    @require_POST
    @token_user
    @needs("accounts.resolve_quarantine")
    @wraps(view)
    def wrapper(request: HttpRequest, item_id: str) -> HttpResponse:
        user = person(request)
        item = _find(item_id, user)
        if item is None:
            return problem(404, "not_found", "There is no such item, or it is not yours to see.")
        try:
            return view(request, user, item)
        except Refused as refusal:
            return problem(400, refusal.code, refusal.message, pointer=refusal.pointer)
        except quarantine.AlreadyResolved:
            return problem(409, "already_resolved", "Somebody else resolved it first.")

    return wrapper


@operation(
    method="get",
    path="/api/v1/quarantine",
    tag="Quarantine",
    summary="List refused events",
    description="Events of no known facility are listed only for people who see every facility.",
    parameters=(
        Parameter("state", "Default: open.", {"type": "string", "enum": _STATES}),
        Parameter("code", "Only this reason.", {"type": "string", "enum": [*Code]}),
        Parameter("source", "Only this source's code."),
        Parameter("before", "Only older than this item.", {"type": "string", "format": "uuid"}),
    ),
    answers={200: QuarantinePage},
    problems={
        400: "A parameter makes no sense.",
        401: "No valid token.",
        403: "The role may not see refused events.",
    },
)
@require_safe
@api_user
@needs("accounts.view_quarantine")
def quarantine_list(request: HttpRequest) -> HttpResponse:
    if unknown := sorted(set(request.GET) - KNOWN):
        return problem(400, "bad_parameter", f"Known parameters: {', '.join(sorted(KNOWN))}.",
                       pointer=f"/{strict.name_of(unknown[0])}")  # fmt: skip
    try:
        found = _filtered(request)
    except ValueError:
        return problem(400, "bad_parameter", "before must be an id, and state and code known.")
    items = list(found.order_by("-id")[: PAGE_SIZE + 1])
    page = QuarantinePage(
        items=[_shown(item) for item in items[:PAGE_SIZE]],
        next=str(items[PAGE_SIZE - 1].id) if len(items) > PAGE_SIZE else None,
    )
    return _json(page)


@operation(
    method="post",
    path="/api/v1/quarantine/{id}/resubmit",
    tag="Quarantine",
    summary="Correct an event and send it on",
    description=(
        "The body is a JSON merge patch (RFC 7396) of `event`: what you name is replaced, null "
        "removes, `{}` sends it on as it is."
    ),
    parameters=(_ID,),
    body=Body(
        {JSON: {"type": "object"}},
        {JSON: {"data": {"facility": "CEDAR-POINT"}}},
    ),
    answers={200: Resubmitted},
    problems={**_WRITE_PROBLEMS, 422: "Still refused; code and pointer say why."},
)
@resolving
def quarantine_resubmit(request: HttpRequest, user: User, item: Quarantine) -> HttpResponse:
    changes = _object(request)
    try:
        batch = quarantine.resubmit(
            item=item, changes=changes, facilities=facilities_for(user), by=user
        )
    except Refused as refusal:
        return problem(422, refusal.code, refusal.message, pointer=refusal.pointer)
    return _json(Resubmitted(str(batch)))


@operation(
    method="post",
    path="/api/v1/quarantine/{id}/discard",
    tag="Quarantine",
    summary="Give an event up",
    parameters=(_ID,),
    body=Body({JSON: Discard}, {JSON: {"reason": "Sent by a test system"}}),
    answers={200: QuarantinedEvent},
    problems=_WRITE_PROBLEMS,
)
@resolving
def quarantine_discard(request: HttpRequest, user: User, item: Quarantine) -> HttpResponse:
    reason = _object(request).get("reason")
    shortest, longest = quarantine.SHORTEST_REASON, quarantine.LONGEST_REASON
    if not isinstance(reason, str) or not shortest <= len(reason.strip()) <= longest:
        detail = f"Say why, in {shortest} to {longest} characters."
        return problem(400, "invalid_data", detail, pointer="/reason")
    quarantine.discard(item=item, reason=reason.strip(), by=user)
    item.refresh_from_db()
    return _json(_shown(item))


def _filtered(request: HttpRequest) -> Any:
    facilities = facilities_for(request.user)
    found = queries.quarantined(facilities=facilities, everywhere=covers_everything(facilities))
    state = request.GET.get("state") or "open"
    if state not in _STATES:
        raise ValueError
    if state != "any":
        found = found.filter(state=state)
    if code := request.GET.get("code"):
        found = found.filter(code=Code(code))
    if source := request.GET.get("source"):
        found = found.filter(source__code=source)
    if before := request.GET.get("before"):
        found = found.filter(id__lt=UUID(before))
    return found


def _find(item_id: str, user: User) -> Quarantine | None:
    facilities = facilities_for(user)
    found = queries.quarantined(facilities=facilities, everywhere=covers_everything(facilities))
    try:
        return found.filter(id=UUID(item_id)).first()
    except ValueError:
        return None


def _object(request: HttpRequest) -> dict[str, Any]:
    document = strict.parse(request.body)
    strict.check(document)
    if not isinstance(document, dict):
        raise Refused(Code.NOT_AN_OBJECT, "", "The body is a JSON object.")
    return document


def _shown(item: Quarantine) -> QuarantinedEvent:
    return QuarantinedEvent(
        id=str(item.id),
        received_at=item.received_at.isoformat(),
        source=item.source.code,
        batch=str(item.batch_id) if item.batch_id else None,
        index=item.index,
        event_id=item.event_id,
        code=item.code,
        pointer=item.pointer,
        message=item.message,
        state=item.state,
        facility=item.facility.code if item.facility else None,
        event=item.view.get("event", {}),
        business_keys=[
            BusinessKey(kind, masked) for kind, _, masked in item.view.get("business_keys", [])
        ],
        reason=item.reason,
        resolved_at=item.resolved_at.isoformat() if item.resolved_at else None,
        seen=item.seen,
        last_seen_at=item.last_seen_at.isoformat(),
    )


def _json(answer: msgspec.Struct) -> HttpResponse:
    return HttpResponse(msgspec.json.encode(answer), "application/json")
