"""JSON built piece by piece, and counted like that: slower, but what repeats is there once."""

from __future__ import annotations

import re
from typing import Any

import orjson

from bundles.reading import memory
from bundles.reading.faults import MAX_TEXT, UnreadableError, too_large, too_long
from bundles.reading.memory import Budget
from config.strictjson import INTEGERS, MAX_DEPTH

_PIECE = re.compile(rb'[ \t\r\n]*+("(?:[^"\\]++|\\.)*+"|[{}\[\]:,]|[^\s{}\[\]:,"]++|\Z)', re.DOTALL)
_INTEGER = re.compile(rb"-?[0-9]{19,}")


def build(name: str, data: bytes, budget: Budget) -> Any:
    """The value; `UnreadableError` names the line of what is wrong."""
    return _Builder(name, data, budget).build()


def is_refused(token: bytes) -> bool:
    """Whether a string holds a NUL, or an integer does not fit."""
    if token.startswith(b'"'):
        return b"\\u0000" in token.replace(b"\\\\", b"")
    # As many digits as an integer can have that orjson reads.
    return bool(_INTEGER.fullmatch(token)) and int(token[:400]) not in INTEGERS


class _Builder:
    """Goes through a document once."""

    def __init__(self, name: str, data: bytes, budget: Budget) -> None:
        self._name = name
        self._data = data
        self._budget = budget
        self._at = 0
        self._texts = memory.Texts()

    def build(self) -> Any:
        """The value, after which nothing comes."""
        value = self._build(self._next(), 0)
        if self._next():
            raise self._fault("Not valid JSON: something comes after its end.")
        return value

    def _next(self) -> bytes:
        """The next piece; none at the end."""
        found = _PIECE.match(self._data, self._at)
        if found is None:
            raise self._fault("Not valid JSON.")
        self._at = found.end()
        return found[1]

    def _build(self, token: bytes, depth: int) -> Any:
        if token not in (b"{", b"["):
            return self._read(token, memory.ITEM)
        if depth >= MAX_DEPTH:
            raise self._fault(f"Nesting is deeper than {MAX_DEPTH}.")
        if token == b"{":
            self._take(memory.OBJECT + memory.ITEM)
            return self._build_object(depth + 1)
        self._take(memory.ARRAY + memory.ITEM)
        return self._build_array(depth + 1)

    def _build_object(self, depth: int) -> dict[str, Any]:
        built: dict[str, Any] = {}
        token = self._next()
        while token != b"}":
            key = self._read(token, memory.MEMBER)
            if not isinstance(key, str) or self._next() != b":":
                raise self._fault("Not valid JSON: a key and a colon are missing.")
            if key in built:
                raise self._fault(f"the key {key[:100]!r} is there twice.")
            built[key] = self._build(self._next(), depth)
            token = self._go_on(b"}")
        return built

    def _build_array(self, depth: int) -> list[Any]:
        built = []
        token = self._next()
        while token != b"]":
            built.append(self._build(token, depth))
            token = self._go_on(b"]")
        return built

    def _go_on(self, end: bytes) -> bytes:
        """What comes after a comma; or the end."""
        token = self._next()
        if token == end:
            return end
        following = self._next() if token == b"," else end
        if following == end:
            raise self._fault("Not valid JSON: a comma is missing, or there is one too many.")
        return following

    def _read(self, token: bytes, weight: int) -> Any:
        """The text or the number of a piece."""
        if len(token) > MAX_TEXT:
            raise too_long(self._place())
        try:
            value = orjson.loads(token)
        except orjson.JSONDecodeError as error:
            raise self._fault(f"Not valid JSON: {error}.") from error
        if is_refused(token):
            raise self._fault("an integer does not fit 64 bits, or a text holds the NUL character.")
        if _INTEGER.fullmatch(token):
            value = int(token)
        if isinstance(value, str):
            value, more = self._texts.keep(value)
        else:
            more = memory.NUMBER
        self._take(weight + more)
        return value

    def _take(self, weight: int) -> None:
        if not self._budget.take(weight):
            raise too_large(self._place())

    def _place(self) -> str:
        line = self._data.count(b"\n", 0, self._at) + 1
        return f"{self._name}:{line}"

    def _fault(self, what: str) -> UnreadableError:
        return UnreadableError(f"{self._place()}: {what}")
