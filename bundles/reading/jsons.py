"""JSON of a file: the checks of a request's body, no key twice, and where everything stands."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import orjson

from bundles.reading import building, memory
from bundles.reading.faults import MAX_MEMORY, MAX_TEXT, UnreadableError, too_long
from bundles.reading.memory import Budget
from bundles.reading.places import Kind, Step
from config import strictjson
from config.errors import BadRequestError

_TOKENS = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[{}\[\]:,]|[^\s{}\[\]:,"]++', re.DOTALL)
_TEXTS = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_STRINGS = re.compile(rb'"[^"]*"')
# What of a text makes all its characters take two bytes, and what makes them take four.
_WIDE = re.compile(rb"[\x80-\xff]|\\u")
_WIDEST = re.compile(rb"[\xf0-\xff]|\\u[dD][89abAB]")
_NO_BACKSLASH = re.compile(rb"[^\\]")
# Looked at together: what that takes is little beside what is read.
_PIECE = 65_536
_STARTS = {b"{": Kind.OBJECT, b"[": Kind.ARRAY}


def parse(name: str, data: bytes, budget: Budget) -> Any:
    """The value; `UnreadableError` names the line of what is wrong."""
    there = _count(data)
    weight = _weigh(data, there)
    if weight + _weigh_parsing(data, there) > budget.left:
        # It may be less, for keys repeat: that shows when it is built piece by piece.
        return building.build(name, data, budget)
    budget.take(weight)
    try:
        value = strictjson.parse(data)
    except BadRequestError as error:
        raise UnreadableError(f"{_place(name, data, error)}: {error}") from error
    keys, longest = _measure(value)
    if longest > MAX_TEXT:
        line = next(line for line, token in _tokenize(data) if len(token) > MAX_TEXT)
        raise too_long(f"{name}:{line}")
    if keys != there[":"]:
        # Makes room for the keys by which the first one is found that is there twice.
        del value
        step = next(_find_repeated(data))
        raise UnreadableError(f"{name}:{step.line}: the key {step.key[:100]!r} is there twice.")
    return value


def walk(data: bytes) -> Iterator[Step]:
    """The steps through a document that can be parsed."""
    objects: list[bool] = []
    is_key = False
    for line, token in _tokenize(data):
        if token in _STARTS:
            yield Step(_STARTS[token], line)
            is_key = token == b"{"
            objects.append(is_key)
        elif token in (b"}", b"]"):
            objects.pop()
            yield Step(Kind.END, line)
        elif token in (b",", b":"):
            is_key = token == b"," and objects[-1]
        elif is_key:
            yield Step(Kind.KEY, line, orjson.loads(token))
        else:
            yield Step(Kind.VALUE, line)


def _tokenize(data: bytes) -> Iterator[tuple[int, bytes]]:
    line, seen = 1, 0
    for found in _TOKENS.finditer(data):
        line += data.count(b"\n", seen, found.start())
        seen = found.start()
        yield line, found[0]


def _count(data: bytes) -> Counter[str]:
    """How often each sign of the structure is there, and how many texts (`"`) of what length."""
    there: Counter[str] = Counter()
    is_open = False
    for piece in _cut(data):
        bare = piece.replace(b"\\\\", b"").replace(b'\\"', b"")
        # A text that goes on from the piece before, or goes on in the next one.
        bare = b'"' * is_open + bare
        is_open = bare.count(b'"') % 2 == 1
        bare += b'"' * is_open
        outside = _STRINGS.sub(b"", bare)
        there.update({sign: outside.count(sign.encode()) for sign in "{[:,"})
        there['"'] += bare.count(b'"') // 2
        there["length"] += len(piece) - len(outside) + 2
    return there


def _cut(data: bytes) -> Iterator[bytes]:
    """Its pieces, none of which ends within an escape."""
    start = 0
    while start < len(data):
        end = start + _PIECE
        if end < len(data):
            found = _NO_BACKSLASH.search(data, end - 1)
            end = found.end() if found else len(data)
        yield data[start:end]
        start = end


def _weigh(data: bytes, there: Counter[str]) -> int:
    """What the value takes at the most."""
    values = 1 + there[","] + there["{"] + there["["]
    scalars = values - there["{"] - there["["] - there['"'] + there[":"]
    weight = (
        there["{"] * memory.OBJECT
        + there[":"] * memory.MEMBER
        + there["["] * memory.ARRAY
        + values * memory.ITEM
        + there['"'] * memory.TEXT
        + there["length"]
        + max(scalars, 0) * memory.NUMBER
    )
    if weight < MAX_MEMORY and (not data.isascii() or b"\\u" in data):
        weight += sum(_weigh_wide(text[0]) for text in _TEXTS.finditer(data))
    return weight


def _weigh_parsing(data: bytes, there: Counter[str]) -> int:
    """What is taken beside the value, while it is made."""
    # The parser has a copy, and 16 bytes of each value and key.
    weight = len(data) + 16 * (1 + there[","] + there["{"] + there["["] + there[":"])
    if not strictjson.has_long_number(data):
        return weight
    # Read again, as text, by a parser that notes all keys.
    return max(weight, len(data) * (1 if data.isascii() else 4) + there[":"] * 64)


def _weigh_wide(text: bytes) -> int:
    """What a text takes beyond its bytes: once it was written as JSON, Python keeps that, too."""
    if not _WIDE.search(text):
        return 0
    return memory.WIDE + len(text) * (4 if _WIDEST.search(text) else 2)


def _measure(value: Any) -> tuple[int, int]:
    """How many members all objects have together, and how long the longest text or key is."""
    keys, longest, left = 0, 0, [value]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            keys += len(one)
            longest = max(longest, *map(len, one)) if one else longest
            left += one.values()
        elif isinstance(one, list):
            left += one
        elif isinstance(one, str) and len(one) > longest:
            longest = len(one)
    return keys, longest


def _find_repeated(data: bytes) -> Iterator[Step]:
    """The keys that their object has already."""
    known: list[set[str]] = []
    for step in walk(data):
        if step.kind in (Kind.OBJECT, Kind.ARRAY):
            known.append(set())
        elif step.kind is Kind.END:
            known.pop()
        elif step.kind is Kind.KEY:
            if step.key in known[-1]:
                yield step
            known[-1].add(step.key)


def _place(name: str, data: bytes, error: BadRequestError) -> str:
    """Where the parser stopped; or where what is not admitted stands, which it does not tell."""
    cause = error.__cause__
    if isinstance(cause, orjson.JSONDecodeError):
        return f"{name}:{cause.lineno}:{cause.colno}"
    depth = 0
    for line, token in _tokenize(data):
        depth += (token in _STARTS) - (token in (b"}", b"]"))
        if depth > strictjson.MAX_DEPTH or building.is_refused(token):
            return f"{name}:{line}"
    return name
