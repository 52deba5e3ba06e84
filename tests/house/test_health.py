"""Probes answer quickly whatever is broken, and say what."""

import socket
from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client


@pytest.fixture
def black_hole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A broker that takes connections and never answers."""
    path = tmp_path_factory.mktemp("hole") / "redis.sock"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(20)
        yield f"redis+socket://{path}"


@pytest.fixture
def no_database() -> Iterator[None]:
    connection.close()
    host = connection.settings_dict["HOST"]
    connection.settings_dict["HOST"] = "/nowhere"
    yield
    connection.close()
    connection.settings_dict["HOST"] = host


def test_alive_needs_neither_database_nor_sign_in(client: Client):
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.content == b"ok\n"


@pytest.mark.django_db
def test_ready_tells_the_figures(client: Client):
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json() == {
        "status": "ok",
        "database": True,
        "broker": True,
        "waiting_batches": 0,
        "fold_lag_seconds": 0,
    }


@pytest.mark.django_db
def test_what_waits_is_counted_with_its_age(client: Client):
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO telemetry_ingestbatch (id, source_id, events, body)"
            " VALUES (uuidv7(interval '-3 seconds'), 1, 1, '')"
        )
    figures = client.get("/readyz").json()
    assert figures["waiting_batches"] == 1
    assert 2.5 < figures["fold_lag_seconds"] < 60


@pytest.mark.django_db
def test_a_broker_that_never_answers_is_not_waited_for(client: Client, settings, black_hole):
    settings.CELERY_BROKER_URL = black_hole
    response = client.get("/readyz")
    assert response.status_code == 200
    assert response.json()["status"] == "degraded"
    assert response.json()["broker"] is False


@pytest.mark.django_db(transaction=True)
def test_without_its_database_it_is_not_ready(client: Client, no_database: None):
    response = client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["status"] == "unavailable"


@pytest.mark.parametrize("url", ["/healthz", "/readyz"])
def test_probes_only_read(client: Client, url: str):
    assert client.post(url).status_code == 405


@pytest.mark.parametrize("name", ["Content-Security-Policy", "Cross-Origin-Resource-Policy"])
def test_every_answer_carries_the_security_headers(client: Client, name: str):
    headers = client.get("/healthz").headers
    assert name in headers
    assert headers["Cache-Control"] == "no-store"


def test_the_policy_allows_no_inline_script(client: Client):
    policy = client.get("/healthz").headers["Content-Security-Policy"]
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
