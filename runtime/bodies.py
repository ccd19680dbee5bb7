"""Bodies: a request's is here, all of it, before the request takes a slot and works.

A client sends its body as slowly as it likes, or not at all. That costs a thread, and neither a
slot nor a connection to the database, and it is bounded: how many bodies are read at once, how
many bytes wait for a slot, what of both is one address's, and how long a body may take. Who is
calling, and what they may do, is looked up when the body is there, and so holds when it is used.
"""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Mapping
from typing import Any

from django.conf import settings

from config.addresses import address_of, network_of
from config.errors import BadRequestError, BusyError, DomainError, TooLargeError
from runtime.shares import Share

AT_ONCE = 256
HELD_BYTES = 256 * 1_048_576
SECONDS = 60
TICK = 1.0
# Under these names a request has what the server answers it by, and what is wrong with its body.
PROTOCOL = "waybill.protocol"
FAULT = "waybill.fault"
# Whose body is held, and how many bytes it has.
Held = tuple[str, int]


def check(environ: Mapping[str, Any]) -> None:
    """Refuse a request whose body is too long, did not come whole, or found no room."""
    fault: DomainError | None = environ.get(FAULT)
    if fault:
        raise fault


class Body(io.BytesIO):
    """A body that is forgotten when it has been read, for its request may wait for long."""

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self._size = len(body)

    def read(self, size: int | None = -1, /) -> bytes:
        """So many bytes, or all."""
        read = super().read(size)
        if self.tell() == self._size:
            self.seek(0)
            self.truncate()
        return read


class Bodies:
    """Those of one web process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # By the address that they come from.
        self._reading: Share[str] = Share(AT_ONCE)
        self._held: Share[str] = Share(HELD_BYTES)
        self._ends: dict[Any, float] = {}

    def fetch(self, environ: dict[str, Any]) -> Held:
        """Put the body in place of what it comes from. It counts as held until `release`."""
        length = environ.get("CONTENT_LENGTH") or ""
        size = int(length) if length.isdigit() else 0
        if not size:
            return "", 0
        address, body, held = network_of(address_of(environ)), b"", 0
        try:
            _check_size(size, environ["PATH_INFO"])
            self._enter(address, size)
            held = size
            body = self._read(environ, address, size)
        except DomainError as fault:
            environ[FAULT] = fault
        environ["wsgi.input"] = Body(body)
        return address, held

    def release(self, held: Held) -> None:
        """The body is no longer held: its request works."""
        address, size = held
        if size:
            with self._lock:
                self._held.move(address, -size)

    def watch(self) -> None:
        """Break off what takes too long, for ever."""
        while True:
            time.sleep(TICK)
            self.break_off(time.monotonic())

    def break_off(self, now: float) -> None:
        """Close the connections of the bodies that are not there by now."""
        for protocol, ends in self._ends.copy().items():
            if ends <= now and self._ends.pop(protocol, None) is not None:
                # Short of the byte that it announces: the server can only close the connection,
                # and whoever reads from it is told that there is no more.
                protocol.response_iter(408, [("Content-Length", "1")], iter(()))

    def _enter(self, address: str, size: int) -> None:
        with self._lock:
            if not (self._reading.has_room(address) and self._held.has_room(address, size)):
                raise BusyError("Too many bodies are on their way. Try again.")
            self._reading.move(address, 1)
            self._held.move(address, size)

    def _read(self, environ: dict[str, Any], address: str, size: int) -> bytes:
        protocol = environ[PROTOCOL]
        self._ends[protocol] = time.monotonic() + SECONDS
        try:
            body: bytes = environ["wsgi.input"].read(size)
        finally:
            is_late = self._ends.pop(protocol, None) is None
            with self._lock:
                self._reading.move(address, -1)
        if is_late or len(body) < size:
            raise BadRequestError(f"The body ends after {len(body)} of {size} bytes.")
        return body


def _check_size(size: int, path: str) -> None:
    larger = (most for start, most in settings.LARGER_BODIES.items() if path.startswith(start))
    most = next(larger, settings.MAX_BODY_BYTES)
    if size > most:
        raise TooLargeError(f"The body is larger than {most} bytes.")
