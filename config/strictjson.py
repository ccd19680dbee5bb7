"""JSON as Waybill admits it: what cannot be stored, digested and delivered unchanged is refused.

`parse` accepts RFC 8259 documents whose nesting is at most 64, whose integers fit 64 bits
and whose strings hold no NUL and no lone surrogate. orjson does the work; documents with 19
or more digits in a row are read again with exact integers, because orjson turns integers
over 64 bits into floats.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from typing import Any

import orjson

from config.errors import BadRequestError

JSON = Any
MAX_DEPTH = 64

_LONG_NUMBER = b"0" * 19
_DIGITS = bytes(ord("0") if chr(c) in "0123456789" else c for c in range(256))
_STRINGS = re.compile(rb'"[^"]*"')
_NOT_STRUCTURE = bytes(c for c in range(256) if c not in b'{}[]"')
_STEP = bytes(1 if c in b"{[" else 255 if c in b"}]" else 0 for c in range(256))
INTEGERS = range(-(2**63), 2**64)


def parse(body: bytes, *, deepest: int = MAX_DEPTH) -> JSON:
    """The value of a JSON document; `BadRequestError` (`MALFORMED_JSON`) says what is wrong."""
    # What has fewer brackets than that is surely not so deep.
    if body.count(b"{") + body.count(b"[") > deepest and depth(body) > deepest:
        raise _malformed(f"Nesting is deeper than {deepest}.")
    if b"\\u0000" in body and _holds_nul(body):
        raise _malformed("A string holds the NUL character (\\u0000), which cannot be stored.")
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise _malformed(f"Not valid JSON: {error}.") from error
    if not has_long_number(body):
        return value
    # The one makes room for the other.
    del value
    return _parse_exactly(body)


def has_long_number(body: bytes) -> bool:
    """Whether 19 digits stand in a row, in a text or as a number that may not fit 64 bits."""
    return _LONG_NUMBER in body.translate(_DIGITS)


def dumps(value: JSON) -> bytes:
    """The bytes that are stored, digested and delivered: compact, key order kept."""
    return orjson.dumps(value)


def digest(value: JSON) -> bytes:
    """Sha256 of the value with sorted keys: equal for values that differ in key order only."""
    return hashlib.sha256(orjson.dumps(value, option=orjson.OPT_SORT_KEYS)).digest()


def depth(body: bytes) -> int:
    """How deep arrays and objects nest, without parsing.

    Only brackets and quotes are kept; strings are then cut out whole. Two strings that
    become neighbours by that melt into one, which is cut out all the same.
    """
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    brackets = _STRINGS.sub(b"", body.translate(None, _NOT_STRUCTURE).replace(b'""', b""))
    steps = memoryview(brackets.translate(_STEP)).cast("b")
    return max(itertools.accumulate(steps), default=0)


def _holds_nul(body: bytes) -> bool:
    return b"\\u0000" in body.replace(b"\\\\", b"")


def _parse_exactly(body: bytes) -> JSON:
    return json.loads(body, parse_int=_exact_integer)


def _exact_integer(digits: str) -> int:
    # At most 309 digits: orjson has refused what overflows a double.
    number = int(digits)
    if number not in INTEGERS:
        raise _malformed(f"The integer {digits[:24]} does not fit 64 bits.")
    return number


def _malformed(message: str) -> BadRequestError:
    return BadRequestError(message, code="MALFORMED_JSON")
