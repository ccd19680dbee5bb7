"""Who is calling, as far as their address tells it."""

from __future__ import annotations

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """The address that a request comes from, for limits and for the audit.

    Each proxy appends to `X-Forwarded-For` whom it was called by, and the last one calls us. So
    of N proxies that are ours (`WAYBILL_TRUSTED_PROXIES`) the Nth entry from the right is the
    truth, and everything left of it is what a client says of itself.
    """
    peer: str = request.META.get("REMOTE_ADDR") or ""
    proxies: int = settings.TRUSTED_PROXIES
    told = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    if not 1 <= proxies <= len(told):
        return _plain(peer) or peer
    return _plain(told[-proxies]) or _plain(peer) or peer


def _plain(text: str) -> str:
    """An address as it is written plainly, without its port; empty where it is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return ""
    return str(getattr(address, "ipv4_mapped", None) or address)
