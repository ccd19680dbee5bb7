"""Senders as `lenient` takes them: of payloads that a contract accepts, which ones they send."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from actions.samples.documents import Document, Judge, Node
from actions.samples.keywords import REASONED
from tests.actions.compatibility.oracles import are_equal

LISTS = ("properties", "patternProperties")
OTHERS = ("additionalProperties", "unevaluatedProperties")
# The dialects in which nothing counts beside a reference.
ALONE = ("draft-04", "draft-06", "draft-07")


class Sender:
    """Sends no undeclared properties in objects whose contract lists some.

    It lists some where a schema that applies to the object has `properties` or `patternProperties`.
    Declared is what a schema that applies, or would in another branch, lists or requires, and all
    that there is where one says of other properties more than that they may be there.
    """

    def __init__(self, schema: Any, dialect: str) -> None:
        self._document = Document("sender", schema, dialect)
        self._judge = Judge([self._document])
        # Where that is not to be told, nothing is taken of them.
        self._knows = not (self._document.dynamic or self._document.unseen)

    def sends(self, payload: Any) -> bool:
        """Whether they may send the payload, if their contract accepts it."""
        return are_equal(self.keep_declared(payload), payload)

    def keep_declared(self, payload: Any) -> Any:
        """The payload without what they do not send."""
        return self._keep([self._document.root], [], payload) if self._knows else payload

    def _keep(self, given: list[Node], others: list[Node], value: Any) -> Any:
        """What is kept of a value that some schemas apply to, and others would."""
        applied, every = self._find_applied(given, value), self._find_every([*given, *others])
        if isinstance(value, list):
            inside = (
                (self._items(applied, at, item), self._items(every, at), item)
                for at, item in enumerate(value)
            )
            return [self._keep(*one) for one in inside]
        if not isinstance(value, dict):
            return value
        listed = any(word in self._said(node) for node in applied for word in LISTS)
        kept = (name for name in value if not listed or self._declares(every, name))
        return {
            name: self._keep(
                self._properties(applied, name, value),
                self._properties(every, name),
                value[name],
            )
            for name in kept
        }

    def _declares(self, nodes: Iterable[Node], name: str) -> bool:
        for node in nodes:
            said = self._said(node)
            needed = [said.get("required", []), *said.get("dependentRequired", {}).values()]
            needed += said.get("dependencies", {}).values()
            if any(isinstance(names, list) and name in names for names in needed):
                return True
            if self._listed(node, name):
                return True
            if any(word in said and said[word] not in (True, {}) for word in OTHERS):
                return True
        return False

    # --- what applies to a value ------------------------------------------------------------------

    def _find_applied(self, nodes: list[Node], value: Any) -> list[Node]:
        def lead_on(node: Node) -> Iterator[Node]:
            said = self._said(node)
            named = value if isinstance(value, dict) else {}
            tested = "if" in said and self._accept(node.child("if"), value)
            for word, inner in self._in_place(node):
                missing = word.startswith("dependen") and inner.path[-1] not in named
                untaken = word == ("else" if tested else "then")
                if not missing and not untaken and self._accept(inner, value):
                    yield inner

        return _reach(nodes, lead_on)

    def _find_every(self, nodes: list[Node]) -> list[Node]:
        """What would apply, were it in whichever branch."""
        return _reach(nodes, lambda node: (inner for _, inner in self._in_place(node)))

    def _in_place(self, node: Node) -> Iterator[tuple[str, Node]]:
        said = self._said(node)
        if "$ref" in said:
            yield "$ref", self._document.follow(said["$ref"])
        for word in ("allOf", "anyOf", "oneOf"):
            yield from ((word, node.child(word, at)) for at in range(len(said.get(word, []))))
        if "if" in said:
            yield from ((word, node.child(word)) for word in ("if", "then", "else") if word in said)
        for word in ("dependentSchemas", "dependencies"):
            for name, inner in said.get(word, {}).items():
                if not isinstance(inner, list):
                    yield word, node.child(word, name)

    def _accept(self, node: Node, value: Any) -> bool:
        return self._judge.accept([node], value)

    def _said(self, node: Node) -> dict[str, Any]:
        """What the dialect knows of it."""
        dialect = self._document.dialect
        if "$ref" in node.schema and any(name in dialect for name in ALONE):
            return {"$ref": node.schema["$ref"]}
        return {word: part for word, part in node.schema.items() if word in REASONED[dialect]}

    # --- what applies inside of it ----------------------------------------------------------------

    def _properties(self, nodes: list[Node], name: str, value: Any = None) -> list[Node]:
        """The schemas of a property, of the object if there is one."""
        found: list[Node] = []
        for node in nodes:
            said = self._said(node)
            if listed := self._listed(node, name):
                found += listed
            elif "additionalProperties" in said:
                found.append(node.child("additionalProperties"))
            elif "unevaluatedProperties" in said and not self._evaluates(node, name, value):
                found.append(node.child("unevaluatedProperties"))
        return found

    def _listed(self, node: Node, name: str) -> list[Node]:
        said = self._said(node)
        patterns = said.get("patternProperties", {})
        matching = (text for text in patterns if self._judge.accepts({"pattern": text}, name))
        found = [node.child("properties", name)] if name in said.get("properties", {}) else []
        return found + [node.child("patternProperties", text) for text in matching]

    def _evaluates(self, node: Node, name: str, value: Any) -> bool:
        """Whether a schema in the same place has taken the object's property already."""
        if value is None:
            return False
        inner = [one for one in self._find_applied([node], value) if one != node]
        return any(
            self._listed(one, name) or any(word in self._said(one) for word in OTHERS)
            for one in inner
        )

    def _items(self, nodes: list[Node], at: int, *items: Any) -> list[Node]:
        """The schemas of an item; of what an array has to contain, those that it satisfies."""
        found: list[Node] = []
        for node in nodes:
            said = self._said(node)
            word = "prefixItems" if "prefixItems" in said else "items"
            first = said.get(word) if isinstance(said.get(word), list) else None
            rest = "items" if word == "prefixItems" or first is None else "additionalItems"
            if at < len(first or []):
                found.append(node.child(word, at))
            else:
                rest = rest if rest in said else "unevaluatedItems"
                found += [node.child(rest)] if rest in said else []
            if "contains" in said:
                inner = node.child("contains")
                found += [inner] if all(self._accept(inner, item) for item in items) else []
        return found


def _reach(nodes: list[Node], lead_on: Any) -> list[Node]:
    """The schemas, and those that they lead to, each once; booleans lead nowhere."""
    found: dict[Node, None] = {}
    left = list(nodes)
    while left:
        node = left.pop()
        if node not in found and isinstance(node.schema, dict):
            found[node] = None
            left += lead_on(node)
    return list(found)
