"""The languages of schemas: which keywords are kept, and what older ones are called by now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bundles.openapi.faults import Path, UnconvertibleError, UnusableError
from bundles.openapi.specification import Specification

# Kept as they are.
DATA = frozenset(
    [
        "const",
        "contentEncoding",
        "contentMediaType",
        "dependentRequired",
        "enum",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "format",
        "maxContains",
        "maxItems",
        "maxLength",
        "maxProperties",
        "maximum",
        "minContains",
        "minItems",
        "minLength",
        "minProperties",
        "minimum",
        "multipleOf",
        "pattern",
        "required",
        "type",
        "uniqueItems",
    ]
)
# These judge nothing: kept where they are what they have to be.
ANNOTATIONS: dict[str, type] = {
    "$comment": str,
    "default": object,
    "deprecated": bool,
    "description": str,
    "examples": list,
    "readOnly": bool,
    "title": str,
    "writeOnly": bool,
}
# These hold a schema, several of them, or several by name.
SINGLE = frozenset(
    [
        "additionalProperties",
        "contains",
        "else",
        "if",
        "items",
        "not",
        "propertyNames",
        "then",
        "unevaluatedItems",
        "unevaluatedProperties",
    ]
)
LISTS = frozenset(["allOf", "anyOf", "oneOf", "prefixItems"])
MAPS = frozenset(["dependentSchemas", "patternProperties", "properties"])
_DYNAMIC = ("$dynamicRef", "$recursiveRef")
_LIMITS = (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum"))


@dataclass(frozen=True, slots=True)
class Dialect:
    """What is particular to it. `lone_ref`: what stands beside a `$ref` is void."""

    is_openapi: bool = False
    lone_ref: bool = False

    def inside(self, node: dict[str, Any], path: Path) -> Dialect:
        """That of a schema, which may name its own. Those of 3.0 may not."""
        named = node.get("$schema")
        if self.is_openapi or not isinstance(named, str):
            return self
        return _of(named, (*path, "$schema"))


OPENAPI_3_0 = Dialect(is_openapi=True, lone_ref=True)
JSON_SCHEMA = Dialect()
# Up to draft 7.
DRAFT = Dialect(lone_ref=True)
_URIS = {
    "https://json-schema.org/draft/2020-12/schema": JSON_SCHEMA,
    "https://json-schema.org/draft/2019-09/schema": JSON_SCHEMA,
    **{
        f"{scheme}://json-schema.org/draft-0{number}/schema": DRAFT
        for scheme in ("http", "https")
        for number in (4, 5, 6, 7)
    },
}
# 2020-12, and words that judge nothing.
_OWN = ("https://spec.openapis.org/oas/3.1/", "https://spec.openapis.org/oas/3.2/")


def find_dialect(specification: Specification) -> Dialect:
    """That of all schemas that name none."""
    if specification.is_old:
        return OPENAPI_3_0
    named = specification.value.get("jsonSchemaDialect")
    if not isinstance(named, str):
        return JSON_SCHEMA
    try:
        return _of(named, ("jsonSchemaDialect",))
    except UnconvertibleError as error:
        raise UnusableError(error.reason, pointer=error.pointer) from error


def _of(uri: str, path: Path) -> Dialect:
    known = JSON_SCHEMA if uri.startswith(_OWN) else _URIS.get(uri.removesuffix("#"))
    if known is None:
        raise UnconvertibleError(
            f"Its schemas are of a dialect that is not known: {uri[:255]}", path
        )
    return known


def modernize(node: dict[str, Any], dialect: Dialect, path: Path) -> dict[str, Any]:
    """The keywords of one schema as 2020-12 names them; what is inside is as it was."""
    for keyword in _DYNAMIC:
        if keyword in node:
            said = f"What its `{keyword}` means depends on who refers to it."
            raise UnconvertibleError(said, (*path, keyword))
    made = dict(node)
    _number_limits(made)
    if isinstance(made.get("items"), list):
        _number_items(made)
    if "example" in made and "examples" not in made:
        made["examples"] = [made["example"]]
    if dialect.is_openapi:
        _widen(made)
    elif dialect.lone_ref and isinstance(made.get("dependencies"), dict):
        _part_dependencies(made)
    return made


def _number_limits(made: dict[str, Any]) -> None:
    """An exclusive limit is a number of its own, no longer a word about another one."""
    for exclusive, limit in _LIMITS:
        if isinstance(made.get(exclusive), bool):
            is_exclusive = made.pop(exclusive)
            if is_exclusive and limit in made:
                made[exclusive] = made.pop(limit)


def _widen(made: dict[str, Any]) -> None:
    """`nullable` is a word of 3.0 and says something of a `type` only, as 3.0.3 has it.

    A file is what older documents say for the text that a form holds.
    """
    kind = made.get("type")
    if kind == "file":
        kind = made["type"] = "string"
    if made.get("nullable") is True and isinstance(kind, str):
        made["type"] = [kind, "null"]


def _number_items(made: dict[str, Any]) -> None:
    """A list of `items` says what each of them is, in that order."""
    listed = made.pop("items")
    if listed:
        made["prefixItems"] = listed
    if "additionalItems" in made:
        made["items"] = made["additionalItems"]


def _part_dependencies(made: dict[str, Any]) -> None:
    needed = made["dependencies"]
    for keyword, kind in (("dependentRequired", list), ("dependentSchemas", dict | bool)):
        found = {name: value for name, value in needed.items() if isinstance(value, kind)}
        if found:
            made[keyword] = found
