"""The parameters of an operation as properties of its contract."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from bundles.openapi.faults import Path, UnconvertibleError
from bundles.openapi.operations import Operation
from bundles.openapi.schemas import Fragment, Schemas

# Who keeps a name that two of them have: the first of these.
PLACES = ("path", "query", "querystring", "header", "cookie")
# A parameter of one of these names is void: they belong to the body, the answer, the credential.
_VOID_HEADERS = frozenset(["accept", "content-type", "authorization"])


@dataclass(frozen=True, slots=True)
class Parameter:
    """One of an operation's parameters; `schema` says also where it is."""

    name: str
    place: str
    required: bool
    schema: dict[str, Any]
    references: tuple[Path, ...]


class Parameters:
    """The parameters of a document, each translated once however many operations share it."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self._made: dict[Path, Parameter] = {}

    def of(self, operation: Operation) -> list[Parameter]:
        """Those of an operation, and those of its path that it does not have itself."""
        above = self._listed(operation.item.get("parameters"), (*operation.item_path, "parameters"))
        own = self._listed(operation.value.get("parameters"), (*operation.path, "parameters"))
        found = sorted((above | own).values(), key=lambda one: PLACES.index(one.place))
        return [one for one in found if not _is_void(one)]

    def _listed(self, listed: Any, path: Path) -> dict[tuple[str, str], Parameter]:
        found: dict[tuple[str, str], Parameter] = {}
        if listed is None:
            return found
        if not isinstance(listed, list):
            raise UnconvertibleError("`parameters` is no list.", path)
        for index, value in enumerate(listed):
            one = self._read(value, (*path, index))
            if (one.name, one.place) in found:
                said = f"It has two parameters {one.name!r} in {one.place}."
                raise UnconvertibleError(said, (*path, index))
            found[one.name, one.place] = one
        return found

    def _read(self, value: Any, path: Path) -> Parameter:
        meant = self._schemas.specification.follow(value, path)
        if meant.path not in self._made:
            self._made[meant.path] = self._make(meant.value, meant.path)
        return self._made[meant.path]

    def _make(self, value: Any, path: Path) -> Parameter:
        if not isinstance(value, dict) or not isinstance(value.get("name"), str):
            raise UnconvertibleError("A parameter has no name.", path)
        name, place = value["name"], value.get("in")
        if place not in PLACES:
            raise UnconvertibleError(f"The parameter {name!r} is in no place that is known.", path)
        fragment = self._translate(value, path)
        return Parameter(
            name,
            place,
            # What is in the path has to be there.
            place == "path" or value.get("required") is True,
            self._describe(value, fragment.schema) | {"$comment": f"in {place}"},
            fragment.references,
        )

    def _translate(self, value: dict[str, Any], path: Path) -> Fragment:
        """Its schema; how it would be written, `style` and `explode`, says nothing of its value."""
        if "schema" in value:
            return self._schemas.translate(value["schema"], (*path, "schema"))
        content = value.get("content")
        for media_type, described in content.items() if isinstance(content, dict) else ():
            at = (*path, "content", media_type)
            meant = self._schemas.specification.follow(described, at)
            if isinstance(meant.value, dict) and "schema" in meant.value:
                return self._schemas.translate(meant.value["schema"], (*meant.path, "schema"))
            return Fragment({})
        raise UnconvertibleError(f"The parameter {value['name']!r} has no schema.", path)

    def _describe(self, value: dict[str, Any], schema: Any) -> dict[str, Any]:
        described = {} if schema is True else {"not": {}} if schema is False else dict(schema)
        if self._schemas.annotated:
            described |= dict(_annotate(value))
        return described


def _annotate(value: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What a parameter says of itself, which says more than what its schema does."""
    if isinstance(value.get("description"), str) and value["description"]:
        yield "description", value["description"]
    if value.get("deprecated") is True:
        yield "deprecated", True
    if "example" in value:
        yield "examples", [value["example"]]


def _is_void(parameter: Parameter) -> bool:
    return parameter.place == "header" and parameter.name.lower() in _VOID_HEADERS
