"""Actions at a steady rate through the HTTP API, whatever becomes of the ones before.

An action's time counts from the moment it was due, so that a server that stalls is seen to
stall: those that had to wait for a free connection have waited, too.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

CONNECTIONS = 64


@dataclass(frozen=True, slots=True)
class Accepted:
    """An action that was accepted: when it was due, and when its answer came (monotonic)."""

    record_id: str
    due: float
    answered: float


@dataclass
class Pace:
    """Sends one of the prepared requests after the other, `rate` a second, for so long."""

    port: int
    requests: Sequence[bytes]
    rate: float
    seconds: float
    accepted: list[Accepted] = field(default_factory=list)
    # What came instead of an acceptance.
    refused: list[str] = field(default_factory=list)

    async def run(self) -> None:
        """Return when the last one has been answered."""
        due: asyncio.Queue[tuple[float, bytes] | None] = asyncio.Queue()
        senders = [asyncio.create_task(self._send_from(due)) for _ in range(CONNECTIONS)]
        began = time.monotonic()
        for number in range(round(self.rate * self.seconds)):
            at = began + number / self.rate
            if (ahead := at - time.monotonic()) > 0:
                await asyncio.sleep(ahead)
            due.put_nowait((at, self.requests[number % len(self.requests)]))
        for _ in senders:
            due.put_nowait(None)
        await asyncio.gather(*senders)

    async def _send_from(self, due: asyncio.Queue[tuple[float, bytes] | None]) -> None:
        wires: list[Wire] = []
        while (job := await due.get()) is not None:
            at, request = job
            try:
                wire = wires.pop() if wires else await Wire.open(self.port)
                status, body = await wire.exchange(request)
            except (OSError, EOFError, ValueError) as error:
                self.refused.append(repr(error))
                continue
            wires.append(wire)
            if status == 200:
                record_id = json.loads(body)["data"]["id"]
                self.accepted.append(Accepted(record_id, at, time.monotonic()))
            else:
                self.refused.append(f"HTTP {status}")
        for wire in wires:
            wire.close()


@dataclass(frozen=True)
class Wire:
    """A kept connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def open(cls, port: int) -> Wire:
        """A new one, to a port of this machine."""
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def exchange(self, request: bytes) -> tuple[int, bytes]:
        """The status and the body that answer a request."""
        self.writer.write(request)
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        length = head[head.index(b"content-length:") + 15 :].split(b"\r\n", 1)[0]
        return int(head[9:12]), await self.reader.readexactly(int(length))

    def close(self) -> None:
        """Hang up."""
        self.writer.close()
