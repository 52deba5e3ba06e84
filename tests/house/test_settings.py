"""Settings are safe unless somebody says otherwise, and refuse to start half configured."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

PROJECT = Path(__file__).resolve().parents[2]
KEYS = {
    "THROUGHLINE_SECRET_KEY": "".join(chr(48 + n % 74) for n in range(64)),
    "THROUGHLINE_TOKEN_KEY": "ab" * 32,
}


def python(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("THROUGHLINE_", "DJANGO_"))}
    return subprocess.run(
        [sys.executable, *words],
        cwd=PROJECT,
        env={**plain, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def settings(expression: str = "'ok'", **environment: str) -> subprocess.CompletedProcess[str]:
    """Read the settings file alone, which is quicker than starting Django."""
    return python("-c", f"from config.settings import *; print({expression})", **environment)


def printed(expression: str, **environment: str) -> str:
    return settings(expression, **environment).stdout.strip()


@pytest.fixture
def empty_var(tmp_path: Path) -> dict[str, str]:
    return {"THROUGHLINE_VAR": str(tmp_path)}


@pytest.mark.parametrize("missing", KEYS)
def test_without_a_secret_nothing_starts(empty_var: dict[str, str], missing: str):
    keys = {name: value for name, value in KEYS.items() if name != missing}
    result = settings(**empty_var, **keys)
    assert result.returncode != 0
    assert f"{missing} is not set" in result.stderr


def test_demo_mode_has_no_default_secret_either(empty_var: dict[str, str]):
    assert settings(**empty_var, THROUGHLINE_DEMO="1").returncode != 0


def test_a_token_key_that_is_not_hexadecimal_is_refused(empty_var: dict[str, str]):
    result = settings(**empty_var, **KEYS | {"THROUGHLINE_TOKEN_KEY": "not hex"})
    assert "must be hexadecimal" in result.stderr


def test_the_deployment_check_has_nothing_to_say(empty_var: dict[str, str]):
    check = ["manage.py", "check", "--deploy", "--fail-level", "WARNING"]
    result = python(*check, **empty_var, **KEYS)
    assert result.returncode == 0, result.stderr
    assert "no issues" in result.stdout


def test_cookies_need_tls_unless_told_otherwise(empty_var: dict[str, str]):
    cookies = "SESSION_COOKIE_SECURE, SECURE_SSL_REDIRECT, DEBUG"
    assert printed(cookies, **empty_var, **KEYS) == "True True False"
    assert printed(cookies, **empty_var, **KEYS, THROUGHLINE_HTTPS="0") == "False False False"


def test_debug_pages_exist_only_in_demo_mode(empty_var: dict[str, str]):
    wanted = {**empty_var, **KEYS, "THROUGHLINE_DEBUG": "1"}
    assert printed("DEBUG", **wanted) == "False"
    assert printed("DEBUG", **wanted, THROUGHLINE_DEMO="1") == "True"


def test_a_database_url_replaces_the_embedded_server(empty_var: dict[str, str]):
    url = "postgresql://tl:p%40ss@db.example:5433/line?sslmode=verify-full"
    text = printed("DATABASES['default']", **empty_var, **KEYS, DATABASE_URL=url)
    for part in ("'db.example'", "'5433'", "'line'", "'p@ss'", "'verify-full'"):
        assert part in text


def test_a_number_that_is_none_is_named(empty_var: dict[str, str]):
    result = settings(**empty_var, **KEYS, THROUGHLINE_EVENT_RETENTION_DAYS="soon")
    assert "THROUGHLINE_EVENT_RETENTION_DAYS must be a whole number" in result.stderr
