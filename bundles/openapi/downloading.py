"""An OpenAPI document from a URL, by the one way out."""

from __future__ import annotations

import asyncio
import io
import zlib

import aiohttp

from bundles.reading.faults import MAX_BYTES
from config.commands import UnableError
from destinations.outward import errands, outbound

SECONDS = 60.0
# What a gzip member begins with, and no text.
_GZIP = b"\x1f\x8b"
_PIECE = 65_536
# A coding that changes nothing; gzip is known by how it begins.
_PLAIN = frozenset(["", "identity", "gzip", "x-gzip"])
_BLANK = b"\xef\xbb\xbf \t\r\n"
_HEADERS = {"Accept": "application/json, application/yaml, */*;q=0.5"}


def is_url(source: str) -> bool:
    """Whether it is fetched, and no file."""
    return source.lower().startswith(("https://", "http://"))


def download(url: str, *, seconds: float = SECONDS) -> bytes:
    """What is there, in full; `UnableError` where it does not come within so many seconds.

    Of what is larger than a document may be, one byte more than that. Redirects are not followed,
    and an address that may not be called is an `AddressRefusedError`. What comes packed by gzip,
    which nobody has asked for, is unpacked.
    """
    try:
        return asyncio.run(_download(url, seconds))
    except aiohttp.ClientError as error:
        raise UnableError(f"{url}: {outbound.word_error(error)}") from error
    except TimeoutError as error:
        raise UnableError(f"{url} has not answered in full within {seconds:g} seconds.") from error


async def _download(url: str, seconds: float) -> bytes:
    async with (
        errands.opened(seconds=seconds, connections=1) as session,
        outbound.call(session, "GET", url, headers=_HEADERS, body=None) as response,
    ):
        if 300 <= response.status < 400:
            led = response.headers.get("location", "nowhere")[:1_000]
            raise UnableError(f"{url} redirects to {led}, which is not followed: name that.")
        if response.status != 200:
            raise UnableError(f"{url} answered with status {response.status}.")
        data = await outbound.read_start(response, MAX_BYTES + 1)
        return _read(url, data, response)


def _read(url: str, data: bytes, response: aiohttp.ClientResponse) -> bytes:
    """The document in an answer; `UnableError` says what it is where it cannot be one."""
    coding = response.headers.get("content-encoding", "identity").strip().lower()
    if data.startswith(_GZIP):
        data = _unpack(url, data)
    elif coding not in _PLAIN:
        raise UnableError(f"{url} answered in the coding {coding[:100]}: only gzip is unpacked.")
    if data[:1_000].lstrip(_BLANK).startswith(b"<"):
        kind = response.headers.get("content-type", "no content-type")[:100]
        said = "a page of HTML, or XML, and no document: does it want you to log in?"
        raise UnableError(f"{url} answered with {said} ({kind})")
    return data


def _unpack(url: str, packed: bytes) -> bytes:
    """What was packed, and no more of it than is read of anything."""
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    made = io.BytesIO()
    try:
        for start in range(0, len(packed), _PIECE):
            most = MAX_BYTES + 1 - made.tell()
            made.write(unpacker.decompress(packed[start : start + _PIECE], most))
            if made.tell() > MAX_BYTES or unpacker.eof:
                return made.getvalue()
    except zlib.error as error:
        raise UnableError(f"{url} answered with what gzip cannot unpack: {error}.") from error
    raise UnableError(f"{url} answered with the beginning of what gzip has packed.")
