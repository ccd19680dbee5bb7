"""References inside one schema: what leads outside, what leads back, what multiplies.

A keyword like `$ref` or `allOf` applies a further schema to the *same* value (JSON Schema
2020-12 core, sections 7.5 and 10.2), one like `properties` or `items` to values inside it. A
cycle of steps on the same value never ends. Where steps branch, a chain of references takes
a number of them that grows exponentially with its length, because each reference is followed
anew. Those that lead back up do not add to it: validation remembers what they gave.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

from config.errors import split_pointer

# Lists that every value is compared with, and what a regular expression cannot do in one go.
_UNEVALUATED = ("unevaluatedItems", "unevaluatedProperties")
_LISTS = ("enum", "required", "dependentRequired", "dependencies")
_LOOKS_AROUND = re.compile(r"\(\?[=!<]|\\[1-9k]")
MAX_STEPS = 10_000
MAX_SUBSCHEMAS = 20_000

Path = tuple[str | int, ...]
Node = dict[str, Any]

_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_ANCHORS = ("$anchor", "$dynamicAnchor")
# Keywords that hold a schema, a list of schemas, or schemas by name: of the same value ...
_SAME = frozenset(
    ["not", "if", "then", "else", "allOf", "anyOf", "oneOf", "dependentSchemas", "dependencies"]
)
# ... and of values inside it, where more than one may apply to one of them.
_INSIDE = frozenset(
    [
        "additionalItems",
        "additionalProperties",
        "contains",
        "items",
        "patternProperties",
        "prefixItems",
        "propertyNames",
        "unevaluatedItems",
        "unevaluatedProperties",
    ]
)
# These hold schemas by name: their keys are no keywords.
_BY_NAME = frozenset(
    ["$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"]
)
_DATA = frozenset(["const", "default", "enum", "examples"])


def find_fault(schema: Any) -> tuple[str, Path] | None:
    """The sentence and the path of what makes a schema that compiles unusable, or None."""
    document = _Document(schema)
    if len(document.paths) > MAX_SUBSCHEMAS:
        return f"It holds more than {MAX_SUBSCHEMAS:,} schemas.", ()
    # Compiling does not miss the metaschemas, which it knows by heart, nor what nothing uses.
    outside = next(document.find_dangling(), None)
    if outside is not None:
        return "A reference leads out of the schema.", outside
    order = list(_deepest_first(document.paths, document.leads_to))
    try:
        TopologicalSorter({number: document.same[number] for number in order}).prepare()
    except CycleError as error:
        path = min((document.paths.get(number, ()) for number in error.args[1]), key=len)
        return "A `$ref` leads back to itself without an end.", path
    steps = _count_steps(document, order, lambda _: 1, MAX_STEPS + 1)
    costly = next((number for number in order if steps[number] > MAX_STEPS), None)
    if costly is not None:
        return "Its references multiply: one value takes too many steps.", document.path_of(costly)
    return None


@dataclass(frozen=True, slots=True)
class Cost:
    """What judging by a schema may take.

    `steps` for each value of a payload; more where the schema is `recursive`, whose branches
    multiply with the payload's depth, and where a pattern `looks_around`, which goes over a
    string again from each of its characters.
    """

    steps: int
    recursive: bool
    looks_around: bool


def find_cost(schema: Any) -> Cost:
    """The cost of an admitted schema, from above."""
    document = _Document(schema)
    order = list(_deepest_first(document.paths, document.leads_to))
    steps = _count_steps(document, order, document.own_steps, sys.maxsize).get(id(schema), 1)
    return Cost(steps, document.leads_back(order), document.looks_around())


class Targets:
    """Where the references of an admitted schema lead."""

    def __init__(self, schema: Any) -> None:
        self._document = _Document(schema)

    def of(self, node: Node) -> list[list[Any]]:
        """For each reference of a subschema, the schemas of which it means one."""
        return self._document.meanings(node)

    def path_of(self, node: Any) -> Path:
        """Where a subschema is; the root stands for one inside plain data."""
        return self._document.path_of(id(node))


def _own_steps(node: Node) -> int:
    """The steps of the keywords that compare a value with a list of others."""
    return 1 + sum(len(node[name]) for name in _LISTS if isinstance(node.get(name), list | dict))


def find_dangling(schema: Any) -> Path:
    """The path of the first reference that leads nowhere in the schema; of the root if none."""
    return next(_Document(schema).find_dangling(), ())


def find_links(schema: Any) -> Iterator[tuple[Path, str, Path]]:
    """Each reference of an admitted schema: where, by which keyword, and where it leads first.

    Of a schema that was parsed: one in which no object stands in two places.
    """
    yield from _Document(schema).find_links()


def _count_steps(
    document: _Document, order: Iterable[int], own: Callable[[int], int], most: int
) -> dict[int, int]:
    """How many steps each schema takes, down to one value; those beyond `most` count alike."""
    steps: dict[int, int] = {}
    for number in order:
        counted = (
            own(number)
            + sum(steps.get(inner, 1) for inner in document.same[number])
            + sum(steps.get(inner, 1) for inner in document.inside[number])
            + max((steps.get(inner, 1) for inner in document.properties[number]), default=0)
        )
        # What is unevaluated is found by evaluating everything else once more.
        again = 2 if document.evaluates_again(number) else 1
        steps[number] = min(again * counted, most)
    return steps


def _deepest_first(
    starts: Iterable[int], leads_to: Callable[[int], Iterable[int]]
) -> Iterator[int]:
    """Each schema once, after those it leads to, but for those that lead back to it."""
    seen: set[int] = set()
    stack = [(number, False) for number in starts]
    while stack:
        number, left = stack.pop()
        if left:
            yield number
        elif number not in seen:
            seen.add(number)
            stack.append((number, True))
            stack += [(inner, False) for inner in leads_to(number)]


class _Document:
    """The subschemas of a document, by the `id()` of each: where it is and where it leads."""

    def __init__(self, schema: Any) -> None:
        self.paths: dict[int, Path] = {}
        self.same: dict[int, list[int]] = {}
        self.inside: dict[int, list[int]] = {}
        self.properties: dict[int, list[int]] = {}
        self._nodes: dict[int, Node] = {}
        self._bases: dict[int, str] = {}
        self._named: dict[str, tuple[Path, Any]] = {"": ((), schema)}
        # What a dynamic reference may mean, as one schema: each of its anchors.
        self._dynamic: dict[str, Node] = {}
        dialect = schema.get("$schema", "") if isinstance(schema, dict) else ""
        self._id = "id" if "draft-04" in dialect else "$id"
        # Up to draft 7 a `$ref` makes its neighbours void, `$id` among them.
        self._lone_ref = "/draft-0" in dialect
        self._collect(schema, (), "")

    def leads_to(self, number: int) -> list[int]:
        """The schemas that this one applies; kept apart in `same`, `inside` and `properties`."""
        node = self._nodes[number]
        same = [*self._targets(node), *_held(node, _SAME)]
        self.same[number] = self._numbers(same)
        self.inside[number] = self._numbers(_held(node, _INSIDE))
        self.properties[number] = self._numbers(_held(node, ("properties",)))
        return self.same[number] + self.inside[number] + self.properties[number]

    def own_steps(self, number: int) -> int:
        """The steps that the schema takes by itself."""
        return _own_steps(self._nodes[number])

    def evaluates_again(self, number: int) -> bool:
        """Whether the schema depends on what the others beside it have evaluated."""
        return not self._nodes[number].keys().isdisjoint(_UNEVALUATED)

    def leads_back(self, order: Iterable[int]) -> bool:
        """Whether a schema leads to one that leads to it."""
        try:
            TopologicalSorter(
                {
                    number: self.same[number] + self.inside[number] + self.properties[number]
                    for number in order
                }
            ).prepare()
        except CycleError:
            return True
        return False

    def looks_around(self) -> bool:
        """Whether a pattern needs more than going over a string once."""
        return any(
            _LOOKS_AROUND.search(pattern)
            for node in self._nodes.values()
            for pattern in _patterns(node)
        )

    def path_of(self, number: int) -> Path:
        """Where the schema is; the root stands for one inside plain data."""
        return self.paths.get(number, ())

    def find_dangling(self) -> Iterator[Path]:
        """The paths of the references that lead to nothing in this document."""
        for number, path in self.paths.items():
            node, base = self._nodes[number], self._bases[number]
            for keyword in _REFERENCES:
                reference = node.get(keyword)
                if isinstance(reference, str) and self._resolve(reference, base) is None:
                    yield (*path, keyword)

    def find_links(self) -> Iterator[tuple[Path, str, Path]]:
        """Where each reference is, its keyword, and the path of what it names."""
        for number, path in self.paths.items():
            node, base = self._nodes[number], self._bases[number]
            for keyword in _REFERENCES:
                reference = node.get(keyword)
                if isinstance(reference, str):
                    yield path, keyword, self._locate(reference, base)[0]

    def _collect(self, node: Any, path: Path, base: str) -> None:
        if isinstance(node, list):
            for index, value in enumerate(node):
                self._collect(value, (*path, index), base)
        elif isinstance(node, dict) and len(self.paths) <= MAX_SUBSCHEMAS:
            base = self._name(node, path, base)
            self._nodes[id(node)], self._bases[id(node)], self.paths[id(node)] = node, base, path
            for key, value in node.items():
                if key in _BY_NAME and isinstance(value, dict):
                    for name, inner in value.items():
                        self._collect(inner, (*path, key, name), base)
                elif key not in _DATA:
                    self._collect(value, (*path, key), base)

    def _name(self, node: Node, path: Path, base: str) -> str:
        own = node.get(self._id)
        if isinstance(own, str) and not (self._lone_ref and "$ref" in node):
            uri, anchor = urldefrag(_join(base, own))
            self._named[f"{uri}#{anchor}" if anchor else uri] = path, node
            base = uri
        for keyword in _ANCHORS:
            if isinstance(node.get(keyword), str):
                self._named[f"{base}#{node[keyword]}"] = path, node
        if isinstance(node.get("$dynamicAnchor"), str):
            self._add_dynamic(node["$dynamicAnchor"], node)
        if node.get("$recursiveAnchor") is True:
            self._add_dynamic("", node)
        return base

    def _add_dynamic(self, anchor: str, node: Node) -> None:
        self._dynamic.setdefault(anchor, {"anyOf": []})["anyOf"].append(node)

    def meanings(self, node: Node) -> list[list[Any]]:
        """For each of the node's references what it names; a dynamic one also names whatever has
        its anchor."""
        found = []
        for keyword in _REFERENCES:
            reference = node.get(keyword)
            if isinstance(reference, str):
                named = [self._resolve(reference, self._bases.get(id(node), ""))]
                if keyword != "$ref":
                    anchored = self._dynamic.get(urldefrag(reference).fragment, {"anyOf": []})
                    named += [other for other in anchored["anyOf"] if other is not named[0]]
                found.append(named)
        return found

    def _targets(self, node: Node) -> Iterator[Any]:
        """What the node's references name; a dynamic one also whatever has its anchor."""
        for keyword in _REFERENCES:
            reference = node.get(keyword)
            if isinstance(reference, str):
                yield self._resolve(reference, self._bases.get(id(node), ""))
                if keyword != "$ref":
                    yield self._dynamic.get(urldefrag(reference).fragment)

    def _resolve(self, reference: str, base: str) -> Any:
        return self._locate(reference, base)[1]

    def _locate(self, reference: str, base: str) -> tuple[Path, Any]:
        uri, fragment = urldefrag(_join(base, reference))
        if fragment and not fragment.startswith("/"):
            return self._named.get(f"{uri}#{fragment}", ((), None))
        path, node = self._named.get(uri, ((), None))
        for part in split_pointer(unquote(fragment)):
            key: str | int = part
            if isinstance(node, list):
                key = int(part) if part.isdecimal() else -1
                node = node[key] if 0 <= key < len(node) else None
            else:
                node = node.get(key) if isinstance(node, dict) else None
            path = *path, key
        return path, node

    def _numbers(self, nodes: Iterable[Any]) -> list[int]:
        found = [node for node in nodes if isinstance(node, dict)]
        self._nodes |= {id(node): node for node in found}
        return [id(node) for node in found]


def _patterns(node: Node) -> Iterator[str]:
    """The regular expressions of a schema."""
    if isinstance(node.get("pattern"), str):
        yield node["pattern"]
    if isinstance(node.get("patternProperties"), dict):
        yield from node["patternProperties"]


def _held(node: Node, keywords: Container[str]) -> Iterator[Any]:
    """The schemas that stand under these keywords."""
    for keyword, value in node.items():
        if keyword not in keywords:
            continue
        if isinstance(value, list):
            yield from value
        elif keyword in _BY_NAME and isinstance(value, dict):
            yield from value.values()
        else:
            yield value


def _join(base: str, reference: str) -> str:
    # `urljoin` drops a base that is no URL, like `urn:example:order`.
    return base + reference if reference.startswith("#") else urljoin(base, reference)
