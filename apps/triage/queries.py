"""Reads of cases."""

from uuid import UUID

from django.db.models import Prefetch, QuerySet

from apps.catalog.models import Playbook
from apps.triage.models import Case


def cases_of(transaction: UUID) -> QuerySet[Case]:
    """All cases of one transaction by step: the earliest blocks the rest.

    For whoever may see the transaction. `versions` of a kind are its playbooks, latest first.
    """
    words = Playbook.objects.select_related("owner").order_by("-effective_from")
    found = Case.objects.filter(transaction_id=transaction).order_by("rank", "condition", "pk")
    named = ("kind", "stage__system", "interface__target", "facility")
    return found.select_related(*named).prefetch_related(
        Prefetch("kind__playbooks", words, to_attr="versions")
    )
