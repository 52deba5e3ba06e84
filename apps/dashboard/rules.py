"""Rules of routing in words: which cases they fit, and what then holds."""

from collections.abc import Iterator

from apps.catalog.models import DeadlineRule, RoutingRule
from apps.dashboard import wording


def fits(rule: RoutingRule) -> list[str]:
    """What a case must be; nothing said fits every case."""
    return list(_fits(rule)) or ["Every case"]


def _fits(rule: RoutingRule) -> Iterator[str]:
    if rule.workflow:
        yield rule.workflow.name
    if rule.kind:
        yield rule.kind.code
    if rule.error_class:
        yield rule.get_error_class_display()
    if rule.facility:
        yield f"{rule.facility.name} and below"
    if rule.payer:
        yield f"Payer {rule.payer}"
    if rule.amount_from is not None:
        yield f"From {wording.money(rule.amount_from)}"
    if rule.amount_to is not None:
        yield f"Below {wording.money(rule.amount_to)}"
    if rule.system:
        yield f"With {rule.system.name}"


def holds(rule: RoutingRule) -> list[str]:
    """What it decides; the rest is the playbook's."""
    found = []
    if rule.severity:
        found.append(rule.get_severity_display())
    if rule.due_seconds:
        found.append(wording.threshold(rule.due_measure, rule.due_seconds))
    return found


def deadline(rule: DeadlineRule) -> str:
    """When it ends: `90 days after the date of service`."""
    since = rule.get_since_display()
    if not rule.days:
        return f"on {since}" if rule.since == DeadlineRule.Since.SERVICE else f"at {since}"
    return f"{rule.days} day{'' if rule.days == 1 else 's'} after {since}"
