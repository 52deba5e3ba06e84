"""Reads of cases."""

from uuid import UUID

from django.db.models import Prefetch, Q, QuerySet
from django.utils.timezone import now

from apps.catalog.models import Playbook
from apps.triage.models import Case


def cases_of(transaction: UUID) -> QuerySet[Case]:
    """All cases of one transaction with the words of today, by step: the earliest blocks the rest.

    For whoever may see the transaction; `in_force` of a kind holds its playbook, or nothing.
    """
    moment = now()
    ends_later = Q(effective_to=None) | Q(effective_to__gt=moment)
    words = Playbook.objects.filter(ends_later, effective_from__lte=moment).select_related("owner")
    found = Case.objects.filter(transaction_id=transaction).order_by("rank", "condition", "pk")
    named = ("kind", "stage__system", "interface__target", "facility")
    return found.select_related(*named).prefetch_related(
        Prefetch("kind__playbooks", words, to_attr="in_force")
    )
