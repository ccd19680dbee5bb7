"""A receiver that costs next to nothing: `python -m benchmarks.receiver PORT`.

Answers every request at once with 200 and the signal `ack`, and `GET /count` with how many
POSTs it has had.
"""

from __future__ import annotations

import asyncio
import sys

ACK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx-arklow-signaling: ack\r\n\r\n"
count = 0


class Receiver(asyncio.Protocol):
    """One connection; requests are told apart by their content-length."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        """Answer every whole request in the buffer."""
        global count  # noqa: PLW0603 -- one process, one number
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end].lower()
            start = head.find(b"content-length:")
            length = int(head[start + 15 :].split(b"\r\n", 1)[0]) if start >= 0 else 0
            if len(self.buffer) < end + 4 + length:
                return
            self.buffer = self.buffer[end + 4 + length :]
            if head.startswith(b"get"):
                body = str(count).encode()
                answer = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
            else:
                count += 1
                answer = ACK
            self.transport.write(answer)  # type: ignore[attr-defined]


async def serve(port: int) -> None:
    """Listen until the process is ended."""
    server = await asyncio.get_running_loop().create_server(
        Receiver, "127.0.0.1", port, backlog=1024
    )
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
