"""The standard streams of a command: nobody may read them any more, the disk may be full, or they
may be closed from the start."""

from __future__ import annotations

import io
import os
import sys
from contextlib import suppress
from typing import Any


class LostError(Exception):
    """Standard output cannot be written."""

    def __init__(self, reason: str, *, unread: bool = False) -> None:
        super().__init__(reason)
        # Whoever read it has gone: no fault, but the end.
        self.unread = unread


class Stream:
    """A stream, or None where there is none; what is not here is the stream's."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


class Output(Stream):
    """Standard output, whose loss is told apart from that of any file: once, by a `LostError`."""

    _is_lost = False

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        # YAML and JSON are UTF-8, wherever they are written; a path may be no text at all.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")

    def write(self, text: str) -> None:
        """Write it."""
        self._call("write", text)

    def flush(self) -> None:
        """Write what is left."""
        self._call("flush")

    def _call(self, name: str, *given: str) -> None:
        if self._is_lost:
            return
        if self._stream is None:
            self._is_lost = True
            raise LostError("Standard output is closed.")
        try:
            getattr(self._stream, name)(*given)
        except BrokenPipeError as error:
            self._let_go()
            raise LostError("Nobody reads standard output any more.", unread=True) from error
        except OSError as error:
            self._let_go()
            raise LostError(f"Standard output cannot be written: {error.strerror}.") from error

    def _let_go(self) -> None:
        """So that the interpreter does not try once more at its end."""
        self._is_lost = True
        if self._stream is sys.stdout:
            with suppress(io.UnsupportedOperation):
                os.dup2(os.open(os.devnull, os.O_WRONLY), self._stream.fileno())


class Complaints(Stream):
    """Standard error. Where it cannot be written nobody can be told, and the work goes on."""

    def write(self, text: str) -> None:
        """Write what can be."""
        self._call("write", text)

    def flush(self) -> None:
        """Write what is left."""
        self._call("flush")

    def _call(self, name: str, *given: str) -> None:
        if self._stream is not None:
            with suppress(OSError):
                getattr(self._stream, name)(*given)
