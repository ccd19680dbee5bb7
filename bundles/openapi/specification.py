"""An OpenAPI document as it was read: its version, and where its references lead."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import unquote, urljoin

from bundles.openapi.faults import Path, UnconvertibleError, UnusableError
from config.errors import pointer, split_pointer

VERSIONS = ("3.0", "3.1", "3.2")
_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Place:
    """A value of the document, and its path."""

    value: Any
    path: Path


class Specification:
    """An OpenAPI document of a version that can be imported; `UnusableError` for any other."""

    def __init__(self, value: Any) -> None:
        self.value = _check(value)
        self.version = _version(value)

    @property
    def is_old(self) -> bool:
        """Whether its schemas are those of OpenAPI 3.0, which are no JSON Schemas yet."""
        return self.version == "3.0"

    def follow(self, value: Any, path: Path) -> Place:
        """The value that is meant: at the end of its `$ref`s, where it is one."""
        seen: set[Path] = set()
        while isinstance(value, dict) and isinstance(value.get("$ref"), str):
            if path in seen:
                raise UnconvertibleError("A `$ref` leads back to itself.", path)
            seen.add(path)
            found = self.find(value["$ref"], path)
            value, path = found.value, found.path
        return Place(value, path)

    def find(self, reference: str, path: Path) -> Place:
        """What the `$ref` of the value at this path leads to."""
        base = self._resources.enclosing(path)
        uri, fragment = _locate(base.uri, reference)
        root = base.path if uri == base.uri else self._resources.paths.get(uri)
        if root is None:
            said = f"It refers to another document, {reference[:_SHOWN]}: nothing is fetched."
            raise UnconvertibleError(said, (*path, "$ref"))
        start = root if fragment[:1] in ("", "/") else self._resources.anchors.get((uri, fragment))
        found = None if start is None else self._walk(start, fragment)
        if found is None:
            said = f"Its `$ref` leads to nothing: {reference[:_SHOWN]}"
            raise UnconvertibleError(said, (*path, "$ref"))
        return found

    def _walk(self, start: Path, fragment: str) -> Place | None:
        """What a JSON Pointer leads to, in a part of the document; an anchor is there already."""
        parts = split_pointer(unquote(fragment)) if fragment.startswith("/") else []
        value: Any = self.value
        path = start
        for part in start:
            value = value[part]
        for part in parts:
            key: str | int = part
            if isinstance(value, list) and part.isdecimal() and int(part) < len(value):
                key = int(part)
            elif not isinstance(value, dict) or key not in value:
                return None
            value, path = value[key], (*path, key)
        return Place(value, path)

    @cached_property
    def _resources(self) -> Resources:
        return Resources() if self.is_old else Resources.of(self.value)


@dataclass(frozen=True, slots=True)
class Resource:
    """A schema that has an `$id`, inside which references mean parts of itself."""

    uri: str
    path: Path


@dataclass(slots=True)
class Resources:
    """What the names in a document lead to: `$id`, `$anchor` and `$self`. 3.0 has none."""

    root: Resource = Resource("", ())
    paths: dict[str, Path] = field(default_factory=dict)
    anchors: dict[tuple[str, str], Path] = field(default_factory=dict)
    _by_path: dict[Path, Resource] = field(default_factory=dict)

    @classmethod
    def of(cls, document: dict[str, Any]) -> Resources:
        """Those of a document; gone through once."""
        own = document.get("$self")
        uri = _locate("", own)[0] if isinstance(own, str) else ""
        made = cls(Resource(uri, ()), {uri: ()})
        for node, path in _named(document):
            made._add(node, path)
        return made

    def enclosing(self, path: Path) -> Resource:
        """The innermost resource around a path."""
        if self._by_path:
            for length in range(len(path), 0, -1):
                if path[:length] in self._by_path:
                    return self._by_path[path[:length]]
        return self.root

    def _add(self, node: dict[str, Any], path: Path) -> None:
        around = self.enclosing(path)
        if isinstance(node.get("$id"), str):
            uri = _locate(around.uri, node["$id"])[0]
            around = self._by_path[path] = Resource(uri, path)
            self.paths[uri] = path
        for keyword in ("$anchor", "$dynamicAnchor"):
            if isinstance(node.get(keyword), str):
                self.anchors[around.uri, node[keyword]] = path


def _locate(base: str, reference: str) -> tuple[str, str]:
    """The URI that a reference means, seen from a base, and its fragment."""
    uri, _, fragment = reference.partition("#")
    try:
        return urljoin(base, uri) if uri else base, fragment
    except ValueError:
        # Brackets that are no address; nothing else has such a name.
        return uri, fragment


def _named(document: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Path]]:
    """The objects that have a name of their own, the outer ones first."""
    left: list[tuple[Any, Path]] = [(document, ())]
    while left:
        node, path = left.pop()
        if isinstance(node, dict):
            if not node.keys().isdisjoint(("$id", "$anchor", "$dynamicAnchor")):
                yield node, path
            left += ((inner, (*path, key)) for key, inner in node.items())
        elif isinstance(node, list):
            left += ((inner, (*path, index)) for index, inner in enumerate(node))


def _check(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise UnusableError("This is no OpenAPI document: it is not an object.", pointer="")
    if "swagger" in value:
        raise UnusableError(
            f"This is Swagger {str(value['swagger'])[:_SHOWN]}: convert it to OpenAPI 3 first.",
            pointer="/swagger",
        )
    if "openapi" not in value:
        raise UnusableError("This is no OpenAPI document: it has no `openapi`.", pointer="")
    return value


def _version(value: dict[str, Any]) -> str:
    said = str(value["openapi"])
    version = ".".join(said.split(".")[:2])
    if version not in VERSIONS:
        known = ", ".join(VERSIONS)
        raise UnusableError(
            f"This is OpenAPI {said[:_SHOWN]}; what can be imported is {known}.",
            pointer=pointer(["openapi"]),
        )
    return version
