"""What a schema says beside the types: lines for the documentation of a value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from actions.consumers.texts import tell

CONSTRAINTS = (
    "format", "pattern", "minLength", "maxLength",
    "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum", "multipleOf",
    "minItems", "maxItems", "uniqueItems", "contains", "minContains", "maxContains",
    "minProperties", "maxProperties", "propertyNames", "patternProperties",
    "dependencies", "dependentRequired", "dependentSchemas",
    "if", "then", "else", "not", "unevaluatedItems", "unevaluatedProperties",
    "contentEncoding", "contentMediaType", "contentSchema",
)  # fmt: skip
ANNOTATIONS = ("default", "readOnly", "writeOnly")


def describe(schema: dict[str, Any]) -> Iterator[str]:
    """Its title and description, as they are written."""
    for keyword in ("title", "description"):
        text = schema.get(keyword)
        if isinstance(text, str) and text.strip():
            yield text.strip()


def constrain(schema: dict[str, Any]) -> Iterator[str]:
    """`keyword: value` for each keyword that types do not say."""
    for keyword in CONSTRAINTS + ANNOTATIONS:
        if keyword in schema:
            yield f"{keyword}: {tell(schema[keyword])}"
    if "oneOf" in schema and len(schema["oneOf"]) > 1:
        yield "oneOf: exactly one of the alternatives"
