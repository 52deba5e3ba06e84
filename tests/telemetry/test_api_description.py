"""The API's description: complete, true, and fuzzed from."""

import json
import re

import pytest
import schemathesis
from django.test import Client
from django.urls import get_resolver
from hypothesis import HealthCheck, given, settings
from pytest_django.asserts import assertContains
from schemathesis import checks

from apps.accounts.services.tokens import issue_token
from apps.core.openapi import document
from apps.telemetry.refusals import Code
from apps.telemetry.views.events import EXAMPLE
from config.wsgi import application
from tests.telemetry.wire import ONE, event


def test_the_document_is_served_to_everybody(db):
    answer = Client().get("/api/v1/openapi.json")

    assert answer.status_code == 200
    assert answer.json() == json.loads(json.dumps(document()))
    assert answer.json()["openapi"] == "3.1.0"


def test_every_reference_leads_somewhere(db):
    told = json.dumps(document())
    components = document()["components"]["schemas"]

    named = {part.split('"')[0] for part in told.split("#/components/schemas/")[1:]}
    assert named <= components.keys()


def test_every_address_of_the_api_is_described(db):
    routes = {
        f"/{pattern.pattern}"
        for resolver in get_resolver().url_patterns
        for pattern in getattr(resolver, "url_patterns", [])
        if str(pattern.pattern).startswith("api/v1/")
    }
    routes = {re.sub(r"<\w+:\w+>", "{}", route) for route in routes}

    described = {re.sub(r"{\w+}", "{}", path) for path in document()["paths"]}
    assert routes - {"/api/v1/openapi.json"} == described


def test_the_page_shows_operations_types_and_reasons(db):
    answer = Client().get("/api/")

    for text in ("/api/v1/events", "StageData", "correlation id", EXAMPLE["subject"]):
        assertContains(answer, text)
    for code in Code:
        assertContains(answer, f'id="{code.value}"')


def test_the_page_needs_no_script_of_anybody(db):
    text = Client().get("/api/").content.decode()

    assert "://" not in text.replace("urn:", "").split("</head>")[0]
    assert "style=" not in text


def test_the_page_has_the_frame_for_people_signed_in(signed_in, ivo):
    assertContains(signed_in(ivo).get("/api/"), 'class="mainnav"')


def test_the_example_is_accepted(sender):
    here = event()
    example = EXAMPLE | {"time": here["time"], "data": EXAMPLE["data"] | {"facility": "HOSPITAL"}}

    assert sender.post(example, ONE).json() | {"batch": ""} == {
        "batch": "", "accepted": 1, "rejected": [],
    }  # fmt: skip


@pytest.mark.usefixtures("transactional_db")
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/v1/events"),
        ("GET", "/api/v1/batches/{id}"),
        ("GET", "/api/v1/quarantine"),
        ("POST", "/api/v1/quarantine/{id}/resubmit"),
        ("POST", "/api/v1/quarantine/{id}/discard"),
    ],
)
def test_any_request_made_from_the_description_is_answered_as_described(sender, ivo, method, path):
    schema = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", application)
    bearer = sender.key if path.endswith("events") else issue_token(user=ivo)

    @settings(
        max_examples=25, deadline=None, derandomize=True, database=None,
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=schema[path][method].as_strategy())
    def send(case):
        answer = case.call(headers={"Authorization": f"Bearer {bearer}"})
        case.validate_response(
            answer,
            checks=[
                checks.not_a_server_error,
                checks.status_code_conformance,
                checks.content_type_conformance,
                checks.response_schema_conformance,
            ],
        )

    send()
