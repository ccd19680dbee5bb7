"""A wire between a dispatcher and the database that a test can cut, or freeze."""

from __future__ import annotations

import asyncio
from contextlib import suppress

import psycopg

from dispatch.engine import lines

PORT = 5432


class Proxy:
    """Forwards TCP to the database's own socket."""

    def __init__(self) -> None:
        self.flowing = asyncio.Event()
        self.flowing.set()
        self.whole = True
        self.pumps: set[asyncio.Task[None]] = set()
        self.ends: list[asyncio.StreamWriter] = []

    async def start(self) -> None:
        self.server = await asyncio.start_server(self.connect, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]

    @property
    def conninfo(self) -> str:
        """How to reach the database through here."""
        return psycopg.conninfo.make_conninfo(
            lines.read_conninfo(), host="127.0.0.1", port=self.port, connect_timeout=2
        )

    async def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not self.whole:
            writer.close()
            return
        known = psycopg.conninfo.conninfo_to_dict(lines.read_conninfo())
        host, port = str(known["host"]), int(known.get("port", PORT))
        if host.startswith("/"):
            ends = await asyncio.open_unix_connection(f"{host}/.s.PGSQL.{port}")
        else:
            ends = await asyncio.open_connection(host, port)
        self.ends += [writer, ends[1]]
        for source, target in ((reader, ends[1]), (ends[0], writer)):
            pump = asyncio.create_task(self.pump(source, target))
            self.pumps.add(pump)
            pump.add_done_callback(self.pumps.discard)

    async def pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65_536):
                await self.flowing.wait()
                target.write(data)
                await target.drain()
        target.close()

    async def freeze(self) -> None:
        """Let nothing through, without a word."""
        self.flowing.clear()

    async def cut(self) -> None:
        """End every connection, and new ones as well."""
        self.whole = False
        for end in self.ends:
            end.close()

    async def mend(self) -> None:
        """Be a wire again."""
        self.whole = True
        self.flowing.set()

    async def stop(self) -> None:
        await self.cut()
        self.server.close()
        for pump in list(self.pumps):
            pump.cancel()
        await asyncio.gather(*self.pumps, return_exceptions=True)
