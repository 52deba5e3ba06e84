"""Events as senders would write them, and a client that posts them."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from django.db import connection
from django.test import Client

BATCH = "application/cloudevents-batch+json"
ONE = "application/cloudevents+json"
LINES = "application/x-ndjson"
EVENTS = "/api/v1/events"

_numbers = count(1)


def moment(**ago: float) -> str:
    return (datetime.now(UTC) - timedelta(**ago)).isoformat()


def event(**changes: Any) -> dict[str, Any]:
    """A good stage event; `data__outcome="failed"` changes a field, ... takes one away."""
    number = next(_numbers)
    document: dict[str, Any] = {
        "specversion": "1.0",
        "id": f"event-{number}",
        "source": "urn:test:ehr",
        "type": "throughline.stage.v1",
        "time": moment(seconds=1),
        "subject": f"charge-{number}",
        "data": {"workflow": "charge", "facility": "HOSPITAL", "stage": "posted", "outcome": "ok"},
    }
    for path, value in changes.items():
        *above, last = path.split("__")
        place = document
        for step in above:
            place = place[step]
        if value is ...:
            place.pop(last, None)
        else:
            place[last] = value
    return document


@dataclass
class Sender:
    """A source with its key, posting through the whole stack."""

    key: str

    def post(self, body: Any, media: str = BATCH, **headers: str) -> Any:
        text = body if isinstance(body, bytes | str) else json.dumps(body)
        headers = {"Authorization": f"Bearer {self.key}"} | {
            name.replace("_", "-"): value for name, value in headers.items()
        }
        # Spelled out: Django's client leaves the type of an empty body away.
        return Client().generic(
            "POST", EVENTS, text, content_type=media, headers=headers, CONTENT_TYPE=media
        )

    def refusals(self, *events: Any) -> list[str]:
        """The codes with which these events were refused, in order."""
        answer = self.post(list(events))
        assert answer.status_code == 202, answer.content
        return [one["code"] for one in answer.json()["rejected"]]


def rows(sql: str, *params: Any) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()
