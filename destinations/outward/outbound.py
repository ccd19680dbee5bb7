"""Every HTTP call Waybill makes goes out here: checked, pinned, bounded.

The name is resolved once for a connection and every address it has is judged (`addresses`); one
that may not be called refuses the host. aiohttp connects to the very addresses that were judged,
so a name cannot point elsewhere between check and use. Redirects are not followed.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import queue
import re
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple

import aiohttp
from aiohttp.abc import AbstractResolver, AbstractStreamWriter, ResolveResult
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import RawResponseMessage
from aiohttp.resolver import ThreadedResolver
from aiohttp.streams import StreamReader
from yarl import URL

from config import strictjson
from config.errors import Fault, pointer
from destinations.outcomes import Outcome, Verdict
from destinations.outward import addresses
from destinations.outward.addresses import AddressRefusedError as AddressRefusedError
from destinations.outward.addresses import Policy
from runtime.seats import Seats

KEPT_BYTES = 65_536
CONNECT_SECONDS = 5
IDLE_SECONDS = 15
# How long the addresses of a name are used for further connections.
NAME_SECONDS = 30
# What a resolver says of itself: it reached no name server, or had no memory. That there is no
# such name is another answer, and the destination's fault.
RESOLVER_FAULTS = frozenset({socket.EAI_AGAIN, socket.EAI_MEMORY, socket.EAI_SYSTEM})
SOCKET_FAULTS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.EADDRNOTAVAIL})
# Their messages may hold bytes of what could not be read.
QUOTING_ERRORS = (
    aiohttp.ClientResponseError,
    aiohttp.ClientPayloadError,
    aiohttp.ServerDisconnectedError,
)
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
# Interim answers (100 Continue, 103 Early Hints) that a server may give before its answer.
MOST_INTERIM = 16
# How long a save waits for a name server; what is not known by then is judged at each attempt.
LOOK_UP_SECONDS = 2.0
# How many of these a process asks for at once: a resolver may keep its thread for long.
MOST_LOOK_UPS = 32
_looking = threading.BoundedSemaphore(MOST_LOOK_UPS)
# For as many, who are all nobody's: half of the seats.
_seats = Seats(2 * MOST_LOOK_UPS)


class Answer(NamedTuple):
    """What came back: status, headers by names in any case, and the first 64 KB of the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def is_readable(answer: bytes) -> bool:
    """Whether all of an answer is there, and what is in it can be kept and shown again."""
    return len(answer) < KEPT_BYTES and strictjson.depth(answer) <= strictjson.MAX_DEPTH


class BrokenAnswerError(aiohttp.ClientPayloadError):
    """An answer that is given up; the message is ours."""


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


def check_url(url: str, *, allow_private: bool) -> None:
    """Refuse what can be refused without the network: `AddressRefusedError` says why."""
    addresses.check_url(url, addresses.read_policy(allow_private=allow_private))


def check_target(url: str, *, allow_private: bool) -> None:
    """Refuse also what the name leads to now. Blocks, for two seconds at most.

    A name that does not resolve, or not by then, passes: each attempt asks again.
    """
    policy = addresses.read_policy(allow_private=allow_private)
    addresses.check_url(url, policy)
    host = URL(url).raw_host or ""
    # Then it is only a cloud's metadata that an attempt would refuse: not worth the wait.
    if not allow_private:
        for address in look_up(host, LOOK_UP_SECONDS):
            addresses.check_address(address, policy, host=host)


def find_target_faults(url: str, at: tuple[str | int, ...], *, allow_private: bool) -> list[Fault]:
    """The same as a fault with its pointer."""
    try:
        check_target(url, allow_private=allow_private)
    except AddressRefusedError as error:
        return [Fault(error.code, str(error), pointer(at))]
    return []


def look_up(host: str, seconds: float) -> list[str]:
    """The addresses of a name; none where a name server has none, or is slow, or too much asked.

    Whoever waits for them has left its slot to others meanwhile.
    """
    with _seats.waiting(None) as may_wait:
        if not may_wait or not _looking.acquire(blocking=False):
            return []
        try:
            found = _start_look_up(host)
        except RuntimeError:
            # No thread could be started.
            _looking.release()
            raise
        try:
            return found.get(timeout=seconds)
        except queue.Empty:
            return []


def _start_look_up(host: str) -> queue.SimpleQueue[list[str]]:
    """Where the addresses are going to be; then another one may be asked for."""
    found: queue.SimpleQueue[list[str]] = queue.SimpleQueue()

    def ask() -> None:
        try:
            known = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            known = []
        finally:
            _looking.release()
        found.put([str(address[0]) for *_, address in known])

    # A resolver cannot be interrupted: its thread is left to end by itself.
    threading.Thread(target=ask, name="look up", daemon=True).start()
    return found


class CheckedResolver(AbstractResolver):
    """Resolves names and refuses those with any address that may not be called."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of the host, all of which may be called."""
        found = await self._resolver.resolve(host, port, family)
        for result in found:
            addresses.check_address(result["host"], self._policy, host=host)
        return found

    async def close(self) -> None:
        """Nothing is held open."""


class BoundedHandler(ResponseHandler):
    """A connection that ends when a server gives interim answers without end."""

    interim = 0

    def feed_data(self, data: tuple[RawResponseMessage, StreamReader], size: int = 0) -> None:
        """Passes on what has been read: an interim answer, or the head of the answer."""
        if 100 <= data[0].code < 200:
            self.interim += 1
        elif self.interim <= MOST_INTERIM:
            # The answer itself: what comes after it belongs to the next one.
            self.interim = 0
        if self.interim <= MOST_INTERIM:
            super().feed_data(data, size)
        elif self.transport is not None and not self.transport.is_closing():
            self.transport.close()
            self.set_exception(BrokenAnswerError("Interim answers without end."))


class Connector(aiohttp.TCPConnector):
    """Connects to checked addresses only."""

    def __init__(self, policy: Policy, **options: Any) -> None:
        super().__init__(resolver=CheckedResolver(policy), ssl=make_tls_context(), **options)
        self.policy = policy
        # There is no public way to say what a connection is read by.
        factory: Any = functools.partial(BoundedHandler, loop=self._loop)
        self._factory = factory


def make_tls_context() -> ssl.SSLContext:
    """A context that verifies servers by the machine's certificates, or `SSL_CERT_FILE`'s."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


def open_session(*, allow_private: bool, connections: int) -> aiohttp.ClientSession:
    """A session for many calls at once; close it when done."""
    connector = Connector(
        addresses.read_policy(allow_private=allow_private),
        limit=connections,
        ttl_dns_cache=NAME_SECONDS,
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
    tls: ssl.SSLContext | None = None,
) -> Answer:
    """POST the body and read the answer within `seconds`, all included.

    `tls` shows the server a certificate of ours; connections are kept apart by it. Raises
    `AddressRefusedError`, `aiohttp.ClientError` or `TimeoutError`; a `RequestBody` knows whether
    it was sent.
    """
    request = _request(session, "POST", url, headers=headers, body=body, tls=tls)
    async with asyncio.timeout(seconds), request as response:
        kept = await read_start(response, KEPT_BYTES)
        _end(response)
        return Answer(response.status, response.headers, kept)


@contextlib.asynccontextmanager
async def call(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes | RequestBody | None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[aiohttp.ClientResponse]:
    """The answer as it begins; whoever reads it bounds its size, and the time of all of it.

    What is not read by the end ends the connection. Raises what `post` raises.
    """
    async with _request(session, method, url, headers=headers, body=body, tls=tls) as response:
        yield response
        _end(response)


def _request(
    session: aiohttp.ClientSession,
    method: str,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes | RequestBody | None,
    tls: ssl.SSLContext | None,
) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
    """The request, sent when it is entered. Each delivery makes one: no generator stands around."""
    connector = session.connector
    if not isinstance(connector, Connector):
        raise TypeError("This session does not check where it connects to: use `open_session`.")
    addresses.check_url(url, connector.policy)
    return session.request(
        method, url, data=body, headers=headers, allow_redirects=False, ssl=tls or True
    )


def _end(response: aiohttp.ClientResponse) -> None:
    """End the connection where there is more than has been read."""
    if not response.content.at_eof():
        response.close()


def judge_silence(error: Exception, *, sent: bool) -> Outcome:
    """What it means that no answer came to a `post`: whether the request was sent decides."""
    if sent:
        said = "no answer in time" if isinstance(error, TimeoutError) else describe_error(error)
        message = f"Sent, but {said}; it may have been done."
        return Outcome(Verdict.AMBIGUOUS, message, said=False, sent=True)
    if isinstance(error, TimeoutError):
        message = "No connection in time; nothing was sent."
        return Outcome(Verdict.UNAVAILABLE, message, said=False, sent=False)
    verdict = Verdict.OURS if _is_ours(error) else Verdict.UNAVAILABLE
    return Outcome(verdict, describe_error(error), said=False, sent=False)


def describe_error(error: Exception) -> str:
    """What has happened, and what kind of error it is."""
    return f"{type(error).__name__}: {word_error(error)}"


def word_error(error: Exception) -> str:
    """What has happened, in words that quote no answer: it may repeat pieces of what is secret."""
    is_quoting = isinstance(error, QUOTING_ERRORS) and not isinstance(error, BrokenAnswerError)
    return "the answer is malformed, or broke off" if is_quoting else str(error)


def _is_ours(error: Exception) -> bool:
    """Whether it is this machine that failed: its resolver, which says so, or its sockets."""
    if not isinstance(error, aiohttp.ClientConnectorError):
        return False
    ours = RESOLVER_FAULTS if isinstance(error, aiohttp.ClientConnectorDNSError) else SOCKET_FAULTS
    return error.os_error.errno in ours


async def read_start(response: aiohttp.ClientResponse, most: int) -> bytes:
    """So many bytes of the body, or all of it."""
    kept: list[bytes] = []
    size = 0
    content = response.content
    while size < most and not content.at_eof():
        chunk = await content.read(most - size)
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
