"""Reading the environment: strings in, typed settings out."""

import os
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit


def flag(name: str, *, default: bool = False) -> bool:
    value = os.environ.get(name, "")
    return value.lower() in {"1", "true", "yes", "on"} if value else default


def words(name: str) -> list[str]:
    return [word.strip() for word in os.environ.get(name, "").split(",") if word.strip()]


def chosen(name: str, *, default: list[str]) -> list[str]:
    """Words of which none may be meant: "none" is not the same as nothing said."""
    said = words(name)
    return [] if said == ["none"] else said or default


def keys(name: str) -> dict[str, bytes]:
    """Keys by name, in order: NAME:HEX,NAME:HEX with 32 bytes each."""
    try:
        found = {
            key: bytes.fromhex(text) for key, _, text in (one.partition(":") for one in words(name))
        }
    except ValueError:
        found = {"": b""}
    if any(not key.isalnum() or len(value) != 32 for key, value in found.items()):
        raise SystemExit(f"{name} must be NAME:HEX,NAME:HEX, with 64 hexadecimal digits each.")
    return found


def number(name: str, default: int) -> int:
    value = os.environ.get(name, "")
    try:
        return int(value) if value else default
    except ValueError:
        raise SystemExit(f"{name} must be a whole number, not {value!r}.") from None


def database(url: str, name: str) -> dict[str, Any]:
    """Django's form of a postgresql:// URL; libpq options in the query are passed through.

    `name` is what the server calls the sessions of this process.
    """
    parts = urlsplit(url)
    if parts.scheme not in {"postgresql", "postgres"}:
        raise SystemExit("DATABASE_URL must start with postgresql://")
    options = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", "") or unquote(parts.hostname or ""),
        "PORT": options.pop("port", "") or str(parts.port or ""),
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        # Only what asks to be prepared is (core.db.fetch_prepared): planned once a connection.
        "OPTIONS": {
            "prepare_threshold": 5,
            "connect_timeout": 5,
            "application_name": name,
            **options,
        },
    }


def oidc() -> dict[str, str]:
    """The provider of single sign-on; empty where there is none."""
    issuer = os.environ.get("THROUGHLINE_OIDC_ISSUER", "").rstrip("/")
    if not issuer:
        return {}
    parts = urlsplit(issuer)
    if parts.scheme != "https" and parts.hostname not in {"localhost", "127.0.0.1"}:
        raise SystemExit("THROUGHLINE_OIDC_ISSUER must start with https://")
    found = {
        "issuer": issuer,
        "client_id": os.environ.get("THROUGHLINE_OIDC_CLIENT_ID", ""),
        "secret": os.environ.get("THROUGHLINE_OIDC_CLIENT_SECRET", ""),
        "name": os.environ.get("THROUGHLINE_OIDC_NAME", "single sign-on"),
        "username_claim": os.environ.get("THROUGHLINE_OIDC_USERNAME_CLAIM", ""),
    }
    if not (found["client_id"] and found["secret"]):
        raise SystemExit(
            "THROUGHLINE_OIDC_CLIENT_ID and THROUGHLINE_OIDC_CLIENT_SECRET are not set."
        )
    return found


def providers(found: dict[str, str]) -> dict[str, Any]:
    """The same as allauth reads it."""
    if not found:
        return {}
    app = {
        "provider_id": "sso",
        "name": found["name"],
        "client_id": found["client_id"],
        "secret": found["secret"],
        "settings": {"server_url": found["issuer"], "uid_field": "uid"},
    }
    return {"openid_connect": {"APPS": [app], "OAUTH_PKCE_ENABLED": True}}


def mail(name: str) -> tuple[str, int, str, str, bool, bool]:
    """A mail server, smtp:// (STARTTLS), smtps:// (TLS) or smtp+plain://, as Django has it."""
    parts = urlsplit(os.environ.get(name, ""))
    if parts.scheme not in {"", "smtp", "smtps", "smtp+plain"}:
        raise SystemExit(f"{name} must start with smtp://, smtps:// or smtp+plain://")
    ports = {"smtps": 465, "smtp": 587}
    return (
        parts.hostname or "",
        parts.port or ports.get(parts.scheme, 25),
        unquote(parts.username or ""),
        unquote(parts.password or ""),
        parts.scheme == "smtp",
        parts.scheme == "smtps",
    )
