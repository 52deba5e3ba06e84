"""No address answers an odd question with an error of its own, nor with the question as it came.

Every address of the URL conf is asked in ways no page asks: with all names that any page reads, as
each of them might be forged. Each gets some of the ways, the next one others, and all get all.
"""

import re
from collections.abc import Iterator
from functools import cache
from itertools import cycle, islice
from urllib.parse import quote

import pytest
from django import forms
from django.conf import settings
from django.contrib import admin
from django.db import transaction
from django.test import Client

from apps.accounts.models import User
from tests.accounts.everybody import Place, browser_of, objects_of_admin, settle
from tests.accounts.test_matrix import EXPECTED

# More than a thousand requests.
pytestmark = pytest.mark.slow

MARK = "<script>odd()</script>\"'><b>"
VALUES = [
    quote(MARK), "%00", "%FF%FE", "%ED%A0%80", "9" * 40, "-1", "1e999", "NaN", "%C2%B2",
    "%F0%9D%9F%99", "0001-01-01T00:00", "9999-12-31T23:59:59Z", "..%2F..%2Fetc%2Fpasswd",
    "a" * 3_000, "%25s%7B0%7D", "", "%5B%5D", "00000000-0000-0000-0000-000000000000",
    "x%0D%0ASet-Cookie:a=b", "%28%28a%2B%29%2B%29%24", "%27%20OR%201=1--",
]  # fmt: skip
FORM = "application/x-www-form-urlencoded"
BODIES = [
    ("application/json", b"{"), ("application/json", b"[" * 2_000),
    ("application/json", b'{"a": NaN}'), ("application/json", b"\xff\xfe"),
    ("application/json", b'"\\ud800"'), ("text/plain", b"\0" * 99), ("multipart/form-data", b"--"),
    ("multipart/form-data; boundary=x", b"--x\r\n\r\n\0--x--"),
    (f"{FORM}; charset=utf-16", b"a=%FF"),
    ("no/such; charset=nonsense", b"a=1"), ("", b"a"), ("application/json", b""),
]  # fmt: skip
METHODS = ["PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"]
HEADERS = [
    {"HX-Request": "true", "HX-Current-URL": "\xff\x00"}, {"Authorization": "Bearer \x00\xff"},
    {"X-Forwarded-For": "\0, a, ::::"}, {"Accept-Language": "x" * 500},
    {"If-None-Match": '"\xff'}, {"Accept": "\0"}, {"Cookie": "sessionid=\0; theme=\xff"},
]  # fmt: skip
READ_HERE = re.compile(r'(?:GET|POST|params|said)(?:\.get|\.getlist)?[(\[]"(\w+)"')
# These end what the others need.
LEAVE = {"dashboard:sign-out", "admin:logout", "accounts:end-others"}
# Who is signed in is only led on from here.
BEFORE_SIGN_IN = ("/sign-in/", "/forgotten/", "/admin/login/")


@cache
def names_in_source() -> frozenset[str]:
    sources = (path.read_text() for path in (settings.BASE_DIR / "apps").rglob("*.py"))
    return frozenset(name for source in sources for name in READ_HERE.findall(source))


def names() -> list[str]:
    """What any page reads of a question or of a form."""
    fields = {
        name for form in kinds_of(forms.BaseForm) for name in getattr(form, "base_fields", ())
    }
    return sorted(names_in_source() | fields)


def kinds_of(kind: type) -> Iterator[type]:
    for one in kind.__subclasses__():
        yield one
        yield from kinds_of(one)


def asked_for(path: str, start: int, *, many: int) -> Iterator[tuple[str, str, dict]]:
    """Ways to ask for one address, beginning at a number so that the next has others."""

    def some(ways: list) -> Iterator:
        return islice(cycle(ways), start * many % len(ways), start * many % len(ways) + many)

    called = names()
    for value in some(VALUES):
        same = "&".join(f"{name}={value}" for name in called)
        yield "GET", f"{path}?{same}", {}
        twice = f"{same}&{same}".encode()
        yield "POST", path, {"data": twice, "content_type": FORM}
    for value, name in zip(some(VALUES), some(called), strict=False):
        others = "&".join(f"{one}=1" for one in called if one != name)
        yield "POST", path, {"data": f"{others}&{name}={value}".encode(), "content_type": FORM}
    for kind, body in some(BODIES):
        yield "POST", path, {"data": body, "content_type": kind}
    for headers in some(HEADERS):
        yield "GET", path, {"headers": headers}
    yield next(some(METHODS)), path, {}


def fault(client: Client, method: str, path: str, said: dict) -> str:
    """What is wrong with the answer, if anything is; whatever it changed is undone."""
    try:
        with transaction.atomic():
            answer = client.generic(method, path, **said)
            body = b"".join(answer.streaming_content) if answer.streaming else answer.content
            transaction.set_rollback(True)
    except Exception as error:
        return f"{method} {path[:80]} {str(said)[:80]}: {error!r}"
    is_page = "html" in answer.headers.get("Content-Type", "")
    if answer.status_code >= 500:
        return f"{method} {path[:80]} {said.get('content_type', '')}: {answer.status_code}"
    return (
        f"{method} {path[:80]}: the question came back" if is_page and MARK.encode() in body else ""
    )


@pytest.fixture
def place(db, settings) -> Place:
    from tests.pipeline.network import build

    settings.EMAIL_HOST = "mail.example"  # or there is no page for a lost password
    return settle(build())


@pytest.fixture
def paths(place) -> list[str]:
    """Each address once, of something that is there if it names anything."""
    asked = {name for _, name, _ in EXPECTED} - LEAVE
    ours = {place.paths(name, "own").partition("?")[0] for name in asked}
    rows = objects_of_admin(place.network)
    pages = {f"/admin/{label.replace('.', '/')}/" for label in rows}
    for label, row in rows.items():
        root = f"/admin/{label.replace('.', '/')}/"
        pages |= {f"{root}{row['own']}/{page}/" for page in ("change", "delete", "history")}
    assert len(rows) == len(admin.site._registry)
    return sorted(ours | pages | {f"{page}add/" for page in pages if page.count("/") == 4})


def test_whoever_may_open_every_address_makes_none_of_them_fail(paths):
    User.objects.create_superuser("root")
    root = browser_of("root")
    found = [fault(root, *way) for number, path in enumerate(paths)
             for way in asked_for(path, number, many=1)]  # fmt: skip
    assert "\n".join(filter(None, found)) == ""


def test_nor_does_who_is_not_signed_in(paths):
    outside = [path for path in paths if path.startswith(BEFORE_SIGN_IN)]
    assert len(outside) > 6
    found = [fault(Client(), *way) for number, path in enumerate(outside)
             for way in asked_for(path, number, many=6)]  # fmt: skip
    assert "\n".join(filter(None, found)) == ""
