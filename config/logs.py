"""Structured logs: one JSON object a line, with nothing in it that could be about a patient.

No query strings, bodies, headers or exception texts: a database error quotes the values it was
given. What is left (the type, the constraint, where in our code) is what finds the fault.
"""

import json
import logging
import os
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

PROCESS = os.environ.get("THROUGHLINE_PROCESS", "shell")
# Attributes that callers may add with extra={...}; everything else stays out.
EXTRA = ("status_code", "source", "batch", "events", "seconds", "lag", "attempt", "count", "kind")
FRAMES = 12


class JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": PROCESS,
            "logger": record.name,
            "message": message_of(record),
        }
        line |= {name: record.__dict__[name] for name in EXTRA if name in record.__dict__}
        if record.exc_info and record.exc_info[1]:
            line["error"] = described(record.exc_info[1])
        elif error := formatted_traceback(record.getMessage()):
            line["error"] = error
        return json.dumps(line, default=str)


def message_of(record: logging.LogRecord) -> str:
    """One line. Celery's own messages quote the exception and carry its traceback; ours do not."""
    if isinstance(record.args, Mapping) and "exc" in record.args:
        kind = record.exc_info[0] if record.exc_info else None
        record.args = {**record.args, "exc": kind.__name__ if kind else "exception"}
    first, *_ = record.getMessage().splitlines() or [""]
    return first


def formatted_traceback(message: str) -> dict[str, Any] | None:
    """What may be told of a traceback inside a message, where the web server puts it."""
    _, found, rest = message.partition("Traceback (most recent call last):")
    if not found:
        return None
    lines = rest.splitlines()
    frames = [line.strip() for line in lines if line.startswith("  File ")]
    last = next((line for line in reversed(lines) if line and not line[0].isspace()), "unknown")
    return {"type": last.partition(":")[0], "where": frames[-FRAMES:]}


def described(error: BaseException) -> dict[str, Any]:
    """What an exception is and where it was raised, without its text."""
    diagnostic = getattr(error.__cause__ or error, "diag", None)
    frames = traceback.extract_tb(error.__traceback__)[-FRAMES:]
    return {
        "type": f"{type(error).__module__}.{type(error).__qualname__}",
        "sqlstate": getattr(diagnostic, "sqlstate", None),
        "constraint": getattr(diagnostic, "constraint_name", None),
        "where": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames],
    }
