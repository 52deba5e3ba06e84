"""Logs are one JSON object a line, and hold nothing of what was processed."""

import json
import logging
import sys

from config.logs import JsonFormatter


def formatted(**changes: object) -> str:
    record = logging.LogRecord("apps.x", logging.ERROR, __file__, 1, "fold failed", None, None)
    record.__dict__.update(changes)
    return JsonFormatter().format(record)


def an_error_about(text: str) -> object:
    try:
        raise ValueError(text)
    except ValueError:
        return sys.exc_info()


def test_a_line_is_json_with_its_time_level_and_origin():
    line = json.loads(formatted())
    assert line["level"] == "error"
    assert line["logger"] == "apps.x"
    assert line["message"] == "fold failed"
    assert line["time"].endswith("+00:00")


def test_an_exception_is_named_and_placed_but_not_quoted():
    text = formatted(exc_info=an_error_about("MRN 0012345 is not unique"))
    assert "0012345" not in text
    error = json.loads(text)["error"]
    assert error["type"] == "builtins.ValueError"
    assert "an_error_about" in error["where"][-1]


def test_a_traceback_inside_a_message_is_not_quoted_either():
    text = formatted(
        msg="callable raised an exception\nTraceback (most recent call last):\n"
        '  File "views.py", line 3, in post\n    store(mrn)\nValueError: MRN 0012345\n'
    )
    assert "0012345" not in text
    line = json.loads(text)
    assert line["message"] == "callable raised an exception"
    assert line["error"] == {"type": "ValueError", "where": ['File "views.py", line 3, in post']}


def test_only_named_figures_are_taken_from_the_caller():
    line = json.loads(formatted(events=5, body="a request body", request="a request"))
    assert line["events"] == 5
    assert "body" not in line
    assert "request" not in line


def test_a_line_stays_one_line():
    assert "\n" not in formatted(msg="two\nlines")


def test_what_celery_quotes_of_an_exception_is_left_out():
    text = formatted(
        msg="Task %(name)s raised unexpected: %(exc)s",
        args={"name": "pipeline.fold", "exc": "ValueError('MRN 0012345 is not unique')"},
        exc_info=an_error_about("MRN 0012345 is not unique"),
    )
    assert json.loads(text)["message"] == "Task pipeline.fold raised unexpected: ValueError"
    assert "0012345" not in text


def test_a_traceback_in_a_message_is_cut_off():
    line = json.loads(formatted(msg="Couldn't apply scheduled task\n['  File ...']"))
    assert line["message"] == "Couldn't apply scheduled task"
