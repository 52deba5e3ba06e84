"""Read JSON, insert, commit, answer: one row, or the rows of a batch in one transaction."""

import json
import uuid
from typing import Any

from django.db import connection, transaction
from django.http import HttpRequest, JsonResponse

# The key comes from the server, as no hash of the sender's id is asked for here.
INSERT = """
INSERT INTO bench_event (
    event_key, transaction_id, occurred_at, received_at, source_id, workflow_id, facility_id,
    stage_id, rank, outcome, attempt, amount_minor, event_id, ce_source, correlation_id, payer)
VALUES (%s, %s, %s, now(), 1, 1, 1, 1, 1, 1, 1, %s, %s, %s, %s, %s)
"""


def post_events(request: HttpRequest) -> JsonResponse:
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
