"""Arguments of a tool that its server wants in headers as well, for those who route requests.

Since MCP 2026-07-28 a property of a tool's input schema may say `"x-mcp-header": "Region"`: its
value is then repeated as `Mcp-Param-Region`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import orjson

from destinations.mcp import protocol

MARK = "x-mcp-header"
MOST_MARKS = 64
DEEPEST = 16
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
# Which argument, by the keys that lead to it, goes into which header.
Marks = dict[tuple[str, ...], str]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of a server's tools: what the one asked for wants, and where the next page is."""

    marks: Marks
    cursor: str | None


def read_page(result: Any, tool: str) -> Page:
    """What the result of `tools/list` says of a tool."""
    if not isinstance(result, dict):
        return Page({}, None)
    listed, cursor = result.get("tools"), result.get("nextCursor")
    tools = listed if isinstance(listed, list) else []
    schemas = [
        one.get("inputSchema") for one in tools if isinstance(one, dict) and one.get("name") == tool
    ]
    marks = {path: header for schema in schemas for path, header in _find_marks(schema, ())}
    return Page(dict(list(marks.items())[:MOST_MARKS]), cursor if isinstance(cursor, str) else None)


def write_headers(marks: Marks, arguments: bytes) -> dict[str, str]:
    """The headers for these arguments; what is not there, or no scalar, has none."""
    given = orjson.loads(arguments)
    headers = {}
    for path, name in marks.items():
        value = given
        for key in path:
            value = value.get(key) if isinstance(value, dict) else None
        if isinstance(value, bool):
            value = "true" if value else "false"
        if isinstance(value, str | int | float):
            headers[name] = protocol.encode_header(str(value))
    return headers


def _find_marks(schema: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if not isinstance(schema, dict) or len(path) > DEEPEST:
        return
    mark = schema.get(MARK)
    if path and isinstance(mark, str) and _TOKEN.fullmatch(mark):
        yield path, f"mcp-param-{mark.lower()}"
    properties = schema.get("properties")
    for name, inner in (properties if isinstance(properties, dict) else {}).items():
        yield from _find_marks(inner, (*path, name))
