"""A small load generator: prepared requests over kept connections, answers counted."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence


def prepare(path: str, key: str, body: bytes) -> bytes:
    """The bytes of one POST."""
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nx-arklow-auth: {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def _send(port: int, request: bytes, times: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(times):
        writer.write(request)
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        if not head.startswith(b"http/1.1 200"):
            raise RuntimeError(head)
        length = head[head.index(b"content-length:") + 15 :].split(b"\r\n", 1)[0]
        await reader.readexactly(int(length))
    writer.close()


def measure(port: int, requests: Sequence[bytes], times: int) -> float:
    """Seconds that it took to send each request `times` times, one connection a request."""

    async def all_at_once() -> None:
        await asyncio.gather(*(_send(port, request, times) for request in requests))

    began = time.perf_counter()
    asyncio.run(all_at_once())
    return time.perf_counter() - began
