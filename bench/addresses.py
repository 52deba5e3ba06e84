"""Every page of the URL conf with something to show: what exists, not what we remember."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID

from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse
from django.utils.timezone import now

from apps.catalog.models import Facility
from apps.telemetry.models import IngestBatch, Quarantine, Source, Transaction

# Downloads take as long as they are; the administration is Django's own.
OF_DOWNLOADS = {"form"}
NOT_OURS = "admin"


def pages() -> Iterator[tuple[str, str]]:
    """Name and address of what may be looked at; no address where there is nothing to show."""
    refuse_some()
    known = examples()
    for name, pattern in named():
        wanted = pattern.pattern.converters.keys()
        if not OF_DOWNLOADS & wanted:
            given = {key: known.get(f"{name} {key}") or known.get(key, "") for key in wanted}
            yield name, _address(name, given)


def _address(name: str, given: dict[str, Any]) -> str:
    try:
        return reverse(name, kwargs=given)
    except NoReverseMatch:
        return ""


def examples() -> dict[str, Any]:
    """What stands for each place of an address."""
    waiting = Transaction.objects.filter(state__lt=Transaction.State.COMPLETED)
    one = waiting.select_related("workflow", "facility").order_by("-first_at")[0]
    batch = IngestBatch.objects.order_by("-pk").first()
    return {
        "workflow": one.workflow.code,
        "facility": one.facility.code,
        "correlation_id": one.correlation_id,
        "id": one.pk,
        "code": Source.objects.order_by("code")[0].code,
        "name": "latency",
        "telemetry:quarantined pk": Quarantine.objects.order_by("pk")[0].pk,
        "telemetry:batch-page pk": batch.pk if batch else "",
    }


def refuse_some(count: int = 500) -> None:
    """The long history knows no refused events, and pages of them should not be empty."""
    if Quarantine.objects.exists():
        return
    places = list(Facility.objects.values_list("pk", flat=True))
    source, _ = Source.objects.get_or_create(code="bench", defaults={"name": "Bench"})
    Quarantine.objects.bulk_create(
        Quarantine(
            id=UUID(f"01980000-0000-7000-8000-{number:012x}"), source=source, received_at=now(),
            last_seen_at=now(), code="unknown_stage", message="Unknown stage",
            view={"event": {"data": {}}}, facility_id=places[number % len(places)],
        )
        for number in range(count)
    )  # fmt: skip


def named(resolver: URLResolver | None = None, above: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every pattern with a name, but for the administration's."""
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLPattern):
            yield f"{above}{pattern.name}", pattern
        elif pattern.namespace != NOT_OURS:
            space = f"{above}{pattern.namespace}:" if pattern.namespace else above
            yield from named(pattern, space)
