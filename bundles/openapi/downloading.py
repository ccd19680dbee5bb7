"""An OpenAPI document from a URL, by the one way out."""

from __future__ import annotations

import asyncio

import aiohttp

from bundles.reading.faults import MAX_BYTES
from config.commands import UnableError
from destinations.outward import errands, outbound

SECONDS = 60.0
_HEADERS = {"Accept": "application/json, application/yaml, */*;q=0.5"}


def is_url(source: str) -> bool:
    """Whether it is fetched, and no file."""
    return source.lower().startswith(("https://", "http://"))


def download(url: str, *, seconds: float = SECONDS) -> bytes:
    """What is there, in full; `UnableError` where it does not come within so many seconds.

    Of what is larger than a document may be, one byte more than that. Redirects are not followed,
    and an address that may not be called is an `AddressRefusedError`.
    """
    try:
        return asyncio.run(_download(url, seconds))
    except TimeoutError as error:
        raise UnableError(f"{url} has not answered in full within {seconds:g} seconds.") from error
    except aiohttp.ClientError as error:
        raise UnableError(f"{url}: {outbound.describe_error(error)}") from error


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
        return await outbound.read_start(response, MAX_BYTES + 1)
