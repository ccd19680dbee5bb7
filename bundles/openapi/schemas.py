"""Schemas of an OpenAPI document as those of JSON Schema 2020-12, each translated once.

A `$ref` becomes one into `$defs`, whose names depend on nothing but where the schema stands: a
component has its own, anything else that of its JSON Pointer. The translations are shared by all
contracts, and never changed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson
from django.conf import settings

from bundles.openapi.faults import Path, TooLargeError, UnconvertibleError
from bundles.openapi.keywords import (
    ANNOTATIONS,
    DATA,
    LISTS,
    MAPS,
    SINGLE,
    Dialect,
    find_dialect,
    modernize,
)
from bundles.openapi.specification import Specification
from config.errors import pointer

COMPONENTS = ("components", "schemas")
Schema = Any


@dataclass(frozen=True, slots=True)
class Fragment:
    """A translated schema, and the paths of those that it refers to."""

    schema: Schema
    references: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Definition:
    """A translated schema that others refer to."""

    fragment: Fragment
    name: str
    bytes: int


class Schemas:
    """The translated schemas of a document; without annotations where those are too much."""

    def __init__(self, specification: Specification, *, annotated: bool = True) -> None:
        self.specification = specification
        self.annotated = annotated
        self._dialect = find_dialect(specification)
        self._definitions: dict[Path, Definition | UnconvertibleError] = {}
        self._paths: dict[str, Path] = {}

    def translate(self, schema: Any, path: Path) -> Fragment:
        """The schema at this path; `UnconvertibleError` where it has no translation."""
        translation = _Translation(self)
        translated = translation.translate(schema, path, self._dialect)
        return Fragment(translated, tuple(translation.references))

    def look_up(self, reference: str) -> Schema:
        """What a translated `$ref` means."""
        return self._define(self.path_of(reference)).fragment.schema

    def path_of(self, reference: str) -> Path:
        """Where in the document a translated `$ref` leads."""
        return self._paths[reference]

    def refer(self, path: Path) -> str:
        """The `$ref` to the schema at this path, in any contract."""
        reference = "#/$defs/" + quote(pointer([_name(path)])[1:], safe="~")
        self._paths[reference] = path
        return reference

    def bundle(self, references: Iterable[Path], at: Path) -> dict[str, Schema]:
        """The `$defs` of a contract: what it refers to, and what that refers to, by name."""
        found: dict[Path, Definition] = {}
        left, size = list(references), 0
        while left:
            path = left.pop()
            if path in found:
                continue
            found[path] = definition = self._define(path)
            size += definition.bytes
            if size > settings.MAX_BODY_BYTES:
                raise TooLargeError(TOO_LARGE, at)
            left += definition.fragment.references
        return {one.name: one.fragment.schema for one in sorted(found.values(), key=_by_name)}

    def _define(self, path: Path) -> Definition:
        """The definition of what stands there, made when it is first asked for."""
        if path not in self._definitions:
            self._definitions[path] = self._make(path)
        made = self._definitions[path]
        if isinstance(made, UnconvertibleError):
            raise made
        return made

    def _make(self, path: Path) -> Definition | UnconvertibleError:
        value: Any = self.specification.value
        for part in path:
            value = value[part]
        try:
            fragment = self.translate(value, path)
        except UnconvertibleError as error:
            return error
        return Definition(fragment, _name(path), len(orjson.dumps(fragment.schema)))


class _Translation:
    """One schema on its way, and what it was found to refer to."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self._specification = schemas.specification
        self.references: dict[Path, None] = {}

    def translate(self, node: Any, path: Path, dialect: Dialect) -> Schema:
        """The schema, with all in it."""
        if isinstance(node, bool):
            return node
        if not isinstance(node, dict):
            raise UnconvertibleError("A schema is missing, or is no object.", path)
        dialect = dialect.inside(node, path)
        if isinstance(node.get("$ref"), str):
            target = self._specification.find(node["$ref"], path).path
            self.references[target] = None
            reference = {"$ref": self._schemas.refer(target)}
            if dialect.lone_ref:
                return reference
            return reference | self._keywords(node, path, dialect)
        return self._keywords(node, path, dialect)

    def _keywords(self, node: dict[str, Any], path: Path, dialect: Dialect) -> dict[str, Schema]:
        made: dict[str, Any] = {}
        for keyword, value in modernize(node, dialect, path).items():
            if keyword in DATA:
                made[keyword] = value
            elif keyword in ANNOTATIONS:
                if self._schemas.annotated and isinstance(value, ANNOTATIONS[keyword]):
                    made[keyword] = value
            elif keyword in SINGLE:
                made[keyword] = self.translate(value, (*path, keyword), dialect)
            elif keyword in LISTS or keyword in MAPS:
                made[keyword] = self._inside(keyword, value, path, dialect)
        if dialect.is_openapi and "required" in made:
            self._relax(made, node, path)
        return made

    def _inside(self, keyword: str, value: Any, path: Path, dialect: Dialect) -> Any:
        """The schemas under a keyword that holds several; what is none is judged when compiling."""
        at = (*path, keyword)
        if keyword in LISTS and isinstance(value, list):
            return [
                self.translate(inner, (*at, index), dialect) for index, inner in enumerate(value)
            ]
        if keyword in MAPS and isinstance(value, dict):
            return {
                name: self.translate(inner, (*at, name), dialect) for name, inner in value.items()
            }
        raise UnconvertibleError(f"`{keyword}` has no schemas in it.", at)

    def _relax(self, made: dict[str, Any], node: dict[str, Any], path: Path) -> None:
        """In 3.0 a property that only answers have is required in none but them."""
        properties, required = node.get("properties"), made["required"]
        if not isinstance(properties, dict) or not isinstance(required, list):
            return
        at = (*path, "properties")
        made["required"] = [
            name
            for name in required
            if not (
                isinstance(name, str)
                and name in properties
                and self._is_read_only(properties[name], (*at, name))
            )
        ]

    def _is_read_only(self, node: Any, path: Path) -> bool:
        meant = self._specification.follow(node, path).value
        return isinstance(meant, dict) and meant.get("readOnly") is True


TOO_LARGE = "Its contract is larger than an action's definition may be."


def _name(path: Path) -> str:
    """A component's own name, in which no `/` stands, else the whole pointer, which has some."""
    at = pointer(path)[1:]
    is_component = path[:2] == COMPONENTS and len(path) == len(COMPONENTS) + 1
    return at.rpartition("/")[2] if is_component else at


def _by_name(definition: Definition) -> str:
    return definition.name
