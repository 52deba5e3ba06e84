"""Every page of the URL conf with something to show: what exists, not what we remember."""

from collections.abc import Iterator
from typing import Any

from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse

from apps.telemetry.models import Quarantine, Transaction

# Downloads take as long as they are; the administration is Django's own.
OF_DOWNLOADS = {"form"}
NOT_OURS = "admin"


def pages() -> Iterator[tuple[str, str]]:
    """Name and address of what may be looked at; no address where there is nothing to show."""
    known = examples()
    for name, pattern in named():
        wanted = pattern.pattern.converters.keys()
        if not OF_DOWNLOADS & wanted:
            yield name, _address(name, {key: known.get(key, "") for key in wanted})


def _address(name: str, given: dict[str, Any]) -> str:
    try:
        return reverse(name, kwargs=given)
    except NoReverseMatch:
        return ""


def examples() -> dict[str, Any]:
    """What stands for each place of an address."""
    waiting = Transaction.objects.filter(state__lt=Transaction.State.COMPLETED)
    one = waiting.select_related("workflow", "facility").order_by("-first_at")[0]
    refused = Quarantine.objects.order_by("pk").first()
    return {
        "workflow": one.workflow.code,
        "facility": one.facility.code,
        "correlation_id": one.correlation_id,
        "id": one.pk,
        "pk": refused.pk if refused else "",
        "name": "latency",
    }


def named(resolver: URLResolver | None = None, above: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every pattern with a name, but for the administration's."""
    for pattern in (resolver or get_resolver()).url_patterns:
        if isinstance(pattern, URLPattern):
            yield f"{above}{pattern.name}", pattern
        elif pattern.namespace != NOT_OURS:
            space = f"{above}{pattern.namespace}:" if pattern.namespace else above
            yield from named(pattern, space)
