"""Where a request comes from, when proxies that are known to stand in front say so."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def address_of(request: HttpRequest) -> str | None:
    """The sender's address: the entry that the outermost of our own proxies wrote.

    What stands further left in the header anybody may have sent. A header with fewer entries did
    not pass all proxies, so it proves nothing.
    """
    said = request.headers.get("X-Forwarded-For", "").split(",")
    count = settings.THROUGHLINE_TRUSTED_PROXIES
    address = said[-count] if 0 < count <= len(said) else request.META.get("REMOTE_ADDR", "")
    try:
        return str(ipaddress.ip_address(address.strip()))
    except ValueError:
        return None
