"""Who is calling, as far as their address tells it."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest

# An address in brackets with a port, and some more. Whatever is longer is none.
LONGEST = 64


def client_address(request: HttpRequest) -> str:
    """The address that a request comes from, for limits and for the audit."""
    return address_of(request.META)


def address_of(environ: Mapping[str, Any]) -> str:
    """The same, of a request that Django has not seen yet.

    Each proxy appends to `X-Forwarded-For` whom it was called by, and the last one calls us. So
    of N proxies that are ours (`WAYBILL_TRUSTED_PROXIES`) the Nth entry from the right is the
    truth, and everything left of it is what a client says of itself.
    """
    peer: str = environ.get("REMOTE_ADDR") or ""
    proxies: int = settings.TRUSTED_PROXIES
    told = environ.get("HTTP_X_FORWARDED_FOR", "").split(",")
    if not 1 <= proxies <= len(told):
        return _plain(peer) or peer
    return _plain(told[-proxies].strip()[:LONGEST]) or _plain(peer) or peer


@lru_cache(1024)
def network_of(address: str) -> str:
    """What counts as one address: of IPv6 a /64, which is what one customer gets."""
    try:
        plain = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if plain.version == 4:
        return str(plain)
    return str(ipaddress.ip_network((plain, 64), strict=False))


@lru_cache(1024)
def _plain(text: str) -> str:
    """An address as it is written plainly, without its port; empty where it is none."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    return str(getattr(address, "ipv4_mapped", None) or address)
