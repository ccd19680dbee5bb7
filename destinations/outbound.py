"""Every HTTP call Waybill makes goes out here: checked, pinned, bounded.

The name is resolved once for a connection and every address it has is judged; one that is
not public refuses the host. aiohttp connects to the very addresses that were judged, so a
name cannot point elsewhere between check and use. Redirects are not followed.
"""

from __future__ import annotations

import asyncio
import functools
import ipaddress
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, AbstractStreamWriter, ResolveResult
from aiohttp.resolver import ThreadedResolver
from yarl import URL

from config.errors import RuleError

KEPT_BYTES = 65_536
CONNECT_SECONDS = 5
IDLE_SECONDS = 15
# Hop-by-hop (RFC 9110 section 7.6.1), or decided by the connection.
RESERVED_HEADERS = frozenset(
    [
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "proxy-connection",
        "te",
        "trailer",
        "upgrade",
        "proxy-authenticate",
        "proxy-authorization",
        "expect",
    ]
)
# As Debian's /etc/hosts and RFC 6761 name it.
LOOPBACK_NAMES = frozenset(["localhost", "localhost.localdomain", "ip6-localhost", "ip6-loopback"])
# Special-purpose addresses that `ipaddress` calls global, or does in some of its releases.
SPECIAL_NETWORKS = tuple(
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",  # IETF protocol assignments
        "192.88.99.0/24",  # relays of 6to4, which are no more (RFC 7526)
        "64:ff9b:1::/48",  # NAT64 inside a network (RFC 8215)
        "2001::/23",  # IETF protocol assignments, Teredo among them
        "3fff::/20",  # documentation (RFC 9637)
        "5f00::/16",  # segment routing (RFC 9602)
        "fec0::/10",  # site-local (RFC 3879)
    )
)


class AddressRefusedError(RuleError):
    """The URL may not be called: its scheme, its shape, or where it leads."""

    code = "ADDRESS_REFUSED"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: status, headers with lower-case names, and the first 64 KB of the body."""

    status: int
    headers: dict[str, str]
    body: bytes


class RequestBody(aiohttp.BytesPayload):
    """The bytes of one request; `sent` says whether any of it may have left this machine."""

    sent = False

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        """Writes them, with the head of the request, which has waited for them until now."""
        # A kept connection that is closed by now takes nothing any more.
        self.sent = writer.transport is not None and not writer.transport.is_closing()
        await super().write_with_length(writer, content_length)


@functools.lru_cache(maxsize=4_096)
def check_url(url: str, *, allow_private: bool) -> None:
    """Refuse what can be refused without the network: `AddressRefusedError` says why."""
    try:
        # Read as aiohttp will read it, so that both mean the same host.
        target = URL(url)
        host = (target.raw_host or "").rstrip(".")
        host.encode("idna")
        has_credentials = "@" in urlsplit(url).netloc
    except ValueError as error:
        raise AddressRefusedError(f"The URL cannot be read: {error}.") from error
    if target.scheme not in {"http", "https"}:
        raise AddressRefusedError("The URL must start with https:// or http://.")
    if not host:
        raise AddressRefusedError("The URL names no host.")
    if target.port == 0:
        raise AddressRefusedError("The URL's port is 0.")
    if has_credentials:
        raise AddressRefusedError("The URL holds credentials; put them into a credential.")
    if not allow_private:
        _check_host(host)


def _check_host(host: str) -> None:
    if host in LOOPBACK_NAMES or host.endswith(".localhost"):
        raise AddressRefusedError(f"{host} is this machine.")
    try:
        # Reads 127.1, 0x7f000001 and 2130706433 as the resolver would; asks no name server.
        found = socket.getaddrinfo(host, None, flags=socket.AI_NUMERICHOST)
    except OSError as error:
        if ":" in host:
            raise AddressRefusedError(f"{host} is no IPv6 address.") from error
        return
    for *_, address in found:
        check_address(str(address[0]))


def check_address(address: str) -> None:
    """Refuse an address that is not public, also when it is wrapped in an IPv6 one."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or ip.sixtofour or _nat64(ip) or ip
    special = any(ip in network for network in SPECIAL_NETWORKS)
    if special or not ip.is_global or ip.is_multicast or ip.is_reserved:
        raise AddressRefusedError(f"{address} is not a public address.")


def _nat64(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address inside 64:ff9b::/96 (RFC 6052)."""
    inside = ip in ipaddress.IPv6Network("64:ff9b::/96")
    return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF) if inside else None


class CheckedResolver(AbstractResolver):
    """Resolves names and refuses those with any address that may not be called."""

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of the host, all of them public."""
        found = await self._resolver.resolve(host, port, family)
        for result in found:
            check_address(result["host"])
        return found

    async def close(self) -> None:
        """Nothing is held open."""


def open_session(*, allow_private: bool, connections: int) -> aiohttp.ClientSession:
    """A session for many calls at once; close it when done."""
    connector = aiohttp.TCPConnector(
        limit=connections,
        resolver=ThreadedResolver() if allow_private else CheckedResolver(),
        ttl_dns_cache=30,
        keepalive_timeout=IDLE_SECONDS,
    )
    return aiohttp.ClientSession(
        connector=connector,
        auto_decompress=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        # Uncompressed: signals are read from the bytes as they come, and nothing can blow up.
        headers={"User-Agent": "Waybill", "Accept-Encoding": "identity"},
        # `connect` covers the name, the connection and TLS; `post` bounds the whole.
        timeout=aiohttp.ClientTimeout(total=None, connect=CONNECT_SECONDS),
    )


async def post(
    session: aiohttp.ClientSession,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes | RequestBody,
    seconds: float,
    allow_private: bool,
) -> Answer:
    """POST the body and read the answer within `seconds`, all included.

    Raises `AddressRefusedError`, `aiohttp.ClientError` or `TimeoutError`; a `RequestBody`
    knows whether it was sent.
    """
    check_url(url, allow_private=allow_private)
    async with (
        asyncio.timeout(seconds),
        session.post(url, data=body, headers=headers, allow_redirects=False) as response,
    ):
        kept = await _read_start(response)
        if not response.content.at_eof():
            response.close()
        lowered = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, lowered, kept)


async def _read_start(response: aiohttp.ClientResponse) -> bytes:
    kept: list[bytes] = []
    size = 0
    while size < KEPT_BYTES and (chunk := await response.content.read(KEPT_BYTES - size)):
        kept.append(chunk)
        size += len(chunk)
    return b"".join(kept)


def check_headers(headers: Mapping[str, Any]) -> dict[str, str]:
    """The faults of configured headers: name -> why it is refused (RFC 9110 section 5)."""
    faults = {}
    for name, value in headers.items():
        if not _HEADER_NAME.fullmatch(name):
            faults[name] = "This is not a header name."
        elif name.lower() in RESERVED_HEADERS:
            faults[name] = "This header belongs to the connection."
        elif not isinstance(value, str) or not _PRINTABLE.issuperset(value):
            faults[name] = "A header value is printable ASCII text."
    return faults


_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_PRINTABLE = frozenset(map(chr, [9, *range(32, 127)]))
