"""As little as does the work at all: insert what is posted and commit; show fifty rows."""

import json
import uuid
from typing import Any

from django.db import connection, models, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

# The key comes from the server, as no hash of the sender's id is asked for here.
INSERT = """
INSERT INTO bench_event (
    event_key, transaction_id, occurred_at, received_at, source_id, workflow_id, facility_id,
    stage_id, rank, outcome, attempt, amount_minor, event_id, ce_source, correlation_id, payer)
VALUES (%s, %s, %s, now(), 1, 1, 1, 1, 1, 1, 1, %s, %s, %s, %s, %s)
"""


class Row(models.Model):
    """A transaction, as far as a list shows it."""

    id = models.UUIDField(primary_key=True)
    workflow_id = models.SmallIntegerField()
    facility_id = models.IntegerField()
    correlation_id = models.TextField()
    state = models.SmallIntegerField()
    progress_rank = models.SmallIntegerField()
    first_at = models.DateTimeField()
    due_at = models.DateTimeField()
    amount_minor = models.BigIntegerField()
    error_code = models.TextField()

    class Meta:
        app_label = "reference"
        managed = False
        db_table = "telemetry_transaction"

    def __str__(self) -> str:
        return self.correlation_id


def list_rows(request: HttpRequest, workflow: int, facility: int) -> HttpResponse:
    """A query and a loop in a template, with nothing around it."""
    found = Row.objects.filter(workflow_id=workflow, facility_id=facility, state__lt=5)
    return render(request, "rows.html", {"rows": found.order_by("first_at", "id")[:50]})


def post_events(request: HttpRequest) -> JsonResponse:
    """One row, or the rows of a batch in one transaction."""
    said = json.loads(request.body)
    if isinstance(said, list):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.executemany(INSERT, [_row(event) for event in said])
    else:
        with connection.cursor() as cursor:
            cursor.execute(INSERT, _row(said))
    return JsonResponse({"accepted": len(said) if isinstance(said, list) else 1}, status=202)


def _row(event: dict[str, Any]) -> tuple[Any, ...]:
    data = event["data"]
    minor = round(float(data["amount"]) * 100) if "amount" in data else None
    return (
        uuid.uuid4(), event["subject"], event["time"], minor, event["id"], event["source"],
        event["subject"], data.get("payer"),
    )  # fmt: skip
