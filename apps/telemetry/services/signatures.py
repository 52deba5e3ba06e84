"""Signed requests: who changed or repeated a body on its way is found out.

The header is `Throughline-Signature: t=<unix seconds>,v1=<hex>`, and v1 the HMAC-SHA256, keyed by
the signing secret, of the seconds, a full stop and the body as sent. Several v1 may be given. A
signature is good once, within five minutes of its time; sending again means signing again.
"""

import hmac
import time
from hashlib import sha256

from apps.core.db import execute
from apps.telemetry.services.keys import Sender, signing_secret

HEADER = "Throughline-Signature"
WINDOW_SECONDS = 300

FORGET_SIGNATURES = """
DELETE FROM telemetry_usedsignature WHERE used_at < now() - make_interval(secs => %(seconds)s)
"""


class BadSignature(Exception):
    """The signature is missing, malformed, out of its window, wrong or used."""


def sign(body: bytes, *, secret: str, at: int) -> str:
    """The header's value for a body sent at a time."""
    digest = hmac.new(secret.encode(), b"%d.%b" % (at, body), sha256).hexdigest()
    return f"t={at},v1={digest}"


def check_signature(header: str, body: bytes, sender: Sender) -> bytes:
    """The signature that fits, to be used up with the journal's row."""
    parts = [part.strip().partition("=") for part in header.split(",")[:8]]
    times = [value for name, _, value in parts if name == "t"]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdigit() and len(times[0]) < 12):
        raise BadSignature(f"{HEADER} must read t=<unix seconds>,v1=<hexadecimal HMAC>.")
    at = int(times[0])
    if abs(time.time() - at) > WINDOW_SECONDS:
        raise BadSignature("The signature's time is more than five minutes from ours.")
    expected = sign(body, secret=signing_secret(sender.prefix), at=at).partition("v1=")[2]
    given = [value for name, _, value in parts if name == "v1" and value.isascii()]
    if not any(hmac.compare_digest(expected, value) for value in given):
        raise BadSignature("The signature does not fit the body.")
    return bytes.fromhex(expected)


def forget_signatures() -> int:
    """Drop signatures whose window is long over; their time alone refuses them now."""
    return execute(FORGET_SIGNATURES, {"seconds": 2 * WINDOW_SECONDS})
