"""A receiver that costs next to nothing: `python -m benchmarks.receiver PORT [MILLISECONDS]`.

Answers every POST with 200 and the signal `ack`, at once or after so many milliseconds, and a
batch of messages as SQS does. `GET /count` says how many POSTs and messages have been answered;
`GET /arrivals/N` which actions were sent to `/timed`, from the Nth on, and when they arrived (by
the clock that all processes of a machine share).
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

import orjson

ACK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-arklow-signaling: ack\r\n\r\n"
SQS = b"x-amz-target: amazonsqs."
ID = b"x-arklow-actionid:"


class Tally:
    """What has been received so far."""

    count = 0
    arrivals: list[tuple[str, float]] = []


class Receiver(asyncio.Protocol):
    """One connection; requests are told apart by their content-length."""

    delay = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 -- tells mypy
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        """Answer every whole request in the buffer."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            start = head.find(b"content-length:")
            length = int(head[start + 15 :].split(b"\r\n", 1)[0]) if start >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            body = self.buffer[end + 4 : end + 4 + length]
            self.buffer = self.buffer[end + 4 + length :]
            self.answer(head, body)

    def answer(self, head: bytes, body: bytes) -> None:
        """Answer one request."""
        if SQS in head:
            entries = orjson.loads(body)["Entries"]
            Tally.count += len(entries)
            taken = [{"Id": one["Id"], "MessageId": "1", "MD5OfMessageBody": ""} for one in entries]
            self.show(orjson.dumps({"Successful": taken}))
        elif head.startswith(b"get /arrivals/"):
            start = int(head.split(b" ", 2)[1].rpartition(b"/")[2])
            self.show(json.dumps(Tally.arrivals[start:]).encode())
        elif head.startswith(b"get"):
            self.show(str(Tally.count).encode())
        else:
            if head.startswith(b"post /timed"):
                arrived = time.monotonic()
                record_id = head[head.index(ID) + len(ID) :].split(b"\r\n", 1)[0]
                Tally.arrivals.append((record_id.strip().decode(), arrived))
            if self.delay:
                asyncio.get_running_loop().call_later(self.delay, self.acknowledge)
            else:
                self.acknowledge()

    def acknowledge(self) -> None:
        """Say that it is done, where somebody is still there to hear it."""
        Tally.count += 1
        self.transport.write(ACK)

    def show(self, body: bytes) -> None:
        """Answer a question."""
        self.transport.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))


async def serve(port: int, milliseconds: float) -> None:
    """Listen until the process is ended."""
    Receiver.delay = milliseconds / 1000
    server = await asyncio.get_running_loop().create_server(
        Receiver, "127.0.0.1", port, backlog=1024
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else 0))
