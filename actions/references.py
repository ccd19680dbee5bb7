"""References inside one schema: what leads back to itself, and what multiplies.

A keyword like `$ref` or `allOf` applies a further schema to the *same* value (JSON Schema
2020-12 core, section 7.5 and 10.2). A cycle of such steps never ends, and a chain of them
that branches costs a number of steps that grows exponentially with its length. Both are
found here, by counting from every schema the steps that stay on the same value.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

MAX_STEPS = 10_000

_ONE = ("not", "if", "then", "else")
_MANY = ("allOf", "anyOf", "oneOf")
_NAMED = ("dependentSchemas", "dependencies")
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_DATA = ("const", "enum", "default", "examples")


def find_fault(schema: Any) -> tuple[str, tuple[str | int, ...]] | None:
    """The sentence and the path of what makes the schema unusable, or None."""
    graph = _Graph(schema)
    for node, path in graph.schemas:
        try:
            if graph.count_steps(node, ()) > MAX_STEPS:
                return "Its references multiply: one value takes too many steps.", path
        except RecursionError:
            return "A `$ref` leads back to itself without an end.", path
    return None


class _Graph:
    """The subschemas of a document, what they are called, and how many steps each takes."""

    def __init__(self, schema: Any) -> None:
        self.schemas: list[tuple[dict[str, Any], tuple[str | int, ...]]] = []
        self._bases: dict[int, str] = {}
        self._named: dict[str, Any] = {"": schema}
        self._steps: dict[int, int] = {}
        self._collect(schema, (), "")

    def count_steps(self, node: Any, above: tuple[int, ...]) -> int:
        """How many schemas one value meets from here; RecursionError where there is no end."""
        if not isinstance(node, dict):
            return 1
        if id(node) in above:
            raise RecursionError
        if id(node) not in self._steps:
            inner = (*above, id(node))
            steps = 1 + sum(self.count_steps(child, inner) for child in self._same_value(node))
            self._steps[id(node)] = min(steps, MAX_STEPS + 1)
        return self._steps[id(node)]

    def _collect(self, node: Any, path: tuple[str | int, ...], base: str) -> None:
        if isinstance(node, dict):
            base = self._name(node, base)
            self._bases[id(node)] = base
            self.schemas.append((node, path))
            for key, value in node.items():
                if key not in _DATA:
                    self._collect(value, (*path, key), base)
        elif isinstance(node, list):
            for index, value in enumerate(node):
                self._collect(value, (*path, index), base)

    def _name(self, node: dict[str, Any], base: str) -> str:
        own = node.get("$id", node.get("id"))
        if isinstance(own, str):
            base = urljoin(base, urldefrag(own).url)
            self._named[base] = node
        for keyword in ("$anchor", "$dynamicAnchor"):
            if isinstance(node.get(keyword), str):
                self._named[f"{base}#{node[keyword]}"] = node
        return base

    def _same_value(self, node: dict[str, Any]) -> Iterator[Any]:
        for keyword in _REFERENCES:
            if isinstance(node.get(keyword), str):
                yield self._resolve(node[keyword], self._bases.get(id(node), ""))
        yield from (node[keyword] for keyword in _ONE if keyword in node)
        for keyword in _MANY:
            if isinstance(node.get(keyword), list):
                yield from node[keyword]
        for keyword in _NAMED:
            if isinstance(node.get(keyword), dict):
                yield from node[keyword].values()

    def _resolve(self, reference: str, base: str) -> Any:
        """The schema a reference names; None where compiling has the last word."""
        uri, fragment = urldefrag(urljoin(base, reference))
        if fragment and not fragment.startswith("/"):
            return self._named.get(f"{uri}#{fragment}")
        node = self._named.get(uri)
        for part in unquote(fragment).split("/")[1:]:
            key = part.replace("~1", "/").replace("~0", "~")
            if isinstance(node, list):
                node = node[int(key)] if key.isdigit() and int(key) < len(node) else None
            else:
                node = node.get(key) if isinstance(node, dict) else None
        return node
