"""Where an act comes from, for the audit trail: known to the request, needed far below it."""

import ipaddress
import secrets
from contextvars import ContextVar
from dataclasses import dataclass

from django.http import HttpRequest

from apps.accounts.addresses import address_of
from config.logs import PROCESS


@dataclass(frozen=True, slots=True)
class Origin:
    """A network and a request, or only the process that acts by itself."""

    place: str
    request: str = ""


THIS_PROCESS = Origin(PROCESS)
_current: ContextVar[Origin] = ContextVar("origin", default=THIS_PROCESS)


def current() -> Origin:
    """Where what happens now comes from."""
    return _current.get()


def of_request(request: HttpRequest) -> Origin:
    """The sender's network: which desk it was is nobody's business six years later."""
    return Origin(network_of(address_of(request) or ""), secrets.token_hex(8))


def network_of(address: str) -> str:
    """An address without its last part: /24, or /48 of the newer kind."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return ""
    length = 24 if parsed.version == 4 else 48
    return str(ipaddress.ip_network((parsed, length), strict=False))


enter = _current.set
leave = _current.reset
