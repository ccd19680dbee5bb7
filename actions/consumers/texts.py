"""A tenant's text in somebody's source: nothing invisible, and nothing that ends what holds it."""

from __future__ import annotations

import re
from typing import Any

import orjson

MAX_TEXT = 1_000
MAX_VALUE = 200


def clean(text: str, most: int = MAX_TEXT) -> str:
    """The text without control characters and marks that reorder it; cut when it is long."""
    shown = "".join(
        char if char.isprintable() or char == "\n" else " " for char in text[: most + 1]
    )
    return f"{shown[:most]}..." if len(shown) > most else shown


def tell(value: Any, most: int = MAX_VALUE) -> str:
    """A value as JSON on one line; cut when it is long."""
    return clean(orjson.dumps(value).decode(), most)


def quote(text: str) -> str:
    """The text as a JSON string, which is one of JavaScript and Python, too, all of it visible."""
    return visible(orjson.dumps(text).decode())


def visible(source: str) -> str:
    """JSON or code, in which what cannot be seen is written as JSON escapes it."""
    return "".join(char if char.isprintable() or char == "\n" else _escape(char) for char in source)


def _escape(char: str) -> str:
    units = char.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{unit}" for unit in re.findall("....", units))
