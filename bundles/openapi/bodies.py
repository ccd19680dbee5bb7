"""The body of an operation's request: of all it may be, what a payload can hold."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from bundles.openapi.faults import Path, UnconvertibleError
from bundles.openapi.operations import Operation
from bundles.openapi.specification import Specification

# Payloads are JSON: what is JSON comes first, then forms, whose fields are an object's
# properties, then text.
_TAKEN = (
    re.compile(r"application/json|text/json|.+/.+\+json"),
    re.compile(r"\*/\*|application/\*"),
    re.compile(r"application/x-www-form-urlencoded|multipart/.+"),
    re.compile(r"text/plain|text/\*"),
)


@dataclass(frozen=True, slots=True)
class Body:
    """What is said of a body: its schema, where that stands, and whether there must be one."""

    schema: Any
    path: Path
    required: bool


def find_body(operation: Operation, specification: Specification) -> Body | None:
    """The body of an operation; None where it has none."""
    if operation.value.get("requestBody") is None:
        return None
    meant = specification.follow(operation.value["requestBody"], (*operation.path, "requestBody"))
    value, path = meant.value, (*meant.path, "content")
    content = value.get("content") if isinstance(value, dict) else None
    if not isinstance(content, dict):
        raise UnconvertibleError("Its request body has no `content`.", path)
    if not content:
        return None
    media_type = _choose(content, path)
    described = specification.follow(content[media_type], (*path, media_type))
    if not isinstance(described.value, dict):
        raise UnconvertibleError("A media type is no object.", described.path)
    if "itemSchema" in described.value:
        raise UnconvertibleError("Its body is a stream of values, no payload.", described.path)
    schema = described.value.get("schema", True)
    return Body(schema, (*described.path, "schema"), value.get("required") is True)


def _choose(content: dict[str, Any], path: Path) -> str:
    """The media type that a payload suits best; the first of several that suit alike."""
    for taken in _TAKEN:
        for media_type in content:
            if taken.fullmatch(media_type.partition(";")[0].strip().lower()):
                return media_type
    listed = ", ".join(content)[:200]
    raise UnconvertibleError(f"Its body is {listed}: a payload is JSON, a form or text.", path)
