"""Objects that demands allow."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Protocol

from actions.samples import patterns
from actions.samples.demands import Demand, Properties
from actions.samples.documents import Node

# Below it, properties that need not be there are left out.
OPTIONAL_DEPTH = 3
MAX_EACH = 12
MAX_NAMES = 2_000
MAX_SHORTENED = 50
EXTRA_NAMES = ("extra", "ключ", "x", "y", "z", "a b", "0", "")


class Source(Protocol):
    """Where values for properties and items come from."""

    def find(self, nodes: Iterable[Node], depth: int = 0) -> Iterator[Any]:
        """Values that all schemas accept."""

    def spend(self, count: int) -> None:
        """Count steps."""

    def accepted(self, nodes: Iterable[Node], candidates: Iterable[Any]) -> Iterator[Any]:
        """Those of the candidates that all schemas accept."""

    def expand(self, nodes: Iterable[Node]) -> tuple[list[Demand], Any]:
        """All that schemas demand."""

    def matches(self, pattern: str, name: str) -> bool:
        """Whether a name matches, as the validator sees it."""


class Object:
    """The objects that some demands allow; those it builds may break what is not seen here."""

    def __init__(self, demands: Iterable[Demand], source: Source, depth: int) -> None:
        self._source, self._depth = source, depth
        self.rules: list[Properties] = []
        self.names: list[Node] = []
        self.required: dict[str, None] = {}
        self.avoided: set[str] = set()
        self.least, self.most = 0, MAX_NAMES
        self._dependencies: list[Demand] = []
        # The plainest value of each name, as long as the rules for them are the same.
        self._plain: dict[str, Any] = {}
        self._heed(demands)

    def _heed(self, demands: Iterable[Demand]) -> None:
        for demand in demands:
            match demand.kind:
                case "properties":
                    self.rules.append(demand.data)
                    self._plain = {}
                case "propertyNames":
                    self.names.append(demand.data)
                    self._plain = {}
                case "required":
                    self.required[demand.data] = None
                case "dependency":
                    self._dependencies.append(demand)
                case _:
                    self._heed_limit(demand)

    def _heed_limit(self, demand: Demand) -> None:
        match demand.kind:
            case "minProperties":
                self.least = max(self.least, demand.data)
            case "maxProperties":
                self.most = min(self.most, demand.data)
            case "not" if isinstance(demand.data.schema, dict):
                if list(demand.data.schema) == ["required"]:
                    self.avoided.update(demand.data.schema["required"])

    def at(self, name: str) -> tuple[Node, ...]:
        """The schemas that a property of this name has to satisfy."""
        return tuple(node for rule in self.rules for node in self._by(rule, name))

    def _by(self, rule: Properties, name: str) -> Iterator[Node]:
        found = [rule.named[name]] if name in rule.named else []
        found += [
            node for pattern, node in rule.patterns.items() if self._source.matches(pattern, name)
        ]
        yield from found or [rule.others]

    def is_allowed(self, name: str) -> bool:
        """Whether a property of this name may be there, as far as can be seen at once."""
        if any(node.is_false for node in self.at(name)):
            return False
        return not self.names or any(True for _ in self._source.accepted(self.names, [name]))

    @property
    def declared(self) -> list[str]:
        """The names that are written down, those that are required first."""
        named = (name for rule in self.rules for name in rule.named)
        return list(dict.fromkeys((*self.required, *named)))[:MAX_NAMES]

    def undeclared(self) -> Iterator[str]:
        """Other names, that patterns ask for, or that may be there because nothing forbids it."""
        for rule in self.rules:
            for pattern in rule.patterns:
                yield from itertools.islice(patterns.find_matching(pattern), 3)
        yield from EXTRA_NAMES
        for node in self.names:
            texts = self._source.find([node, node.make({"type": "string"})], self._depth + 1)
            yield from itertools.islice(texts, MAX_NAMES)
        yield from (f"x{number}" for number in range(min(self.least, MAX_NAMES)))

    def build(
        self, *, fixed: Mapping[str, Any], absent: Collection[str] = (), full: bool = False
    ) -> Iterator[dict[str, Any]]:
        """The object with these properties, and what must, or may, be beside them."""
        if self.least > MAX_NAMES:
            return
        self._source.spend(1 + len(self.required) // 10)
        wanted = dict.fromkeys((*self.required, *fixed))
        if full:
            wanted |= dict.fromkeys(self.declared)
        built: dict[str, Any] = {}
        left = list(wanted)
        heeded: set[str] = set()
        while left:
            name = left.pop(0)
            if name in built or name in absent or (name in self.avoided and name not in fixed):
                continue
            if not self._put(built, name, fixed):
                if name in self.required:
                    return
                continue
            left += self._follow(name, heeded)
        self._fill(built, absent)
        yield dict(itertools.islice(built.items(), max(self.most, len(self.required))))

    def _put(self, built: dict[str, Any], name: str, fixed: Mapping[str, Any]) -> bool:
        if name in fixed:
            built[name] = fixed[name]
        elif name in self._plain:
            built[name] = self._plain[name]
        elif self.is_allowed(name):
            for value in self._source.find(self.at(name), self._depth + 1):
                built[name] = self._plain[name] = value
                break
        return name in built

    def _follow(self, name: str, heeded: set[str]) -> list[str]:
        """What else has to be there because this is."""
        due = [demand for demand in self._dependencies if demand.data.name == name]
        if not due or name in heeded:
            return []
        heeded.add(name)
        before = set(self.required)
        for demand in due:
            self._heed(self._source.expand([demand.data.then])[0])
        return [needed for needed in self.required if needed not in before]

    def _fill(self, built: dict[str, Any], absent: Collection[str]) -> None:
        if len(built) >= self.least:
            return
        for name in itertools.chain(self.declared, self.undeclared()):
            if len(built) >= self.least:
                return
            if name not in built and name not in absent and name not in self.avoided:
                self._put(built, name, {})

    def variants(self) -> Iterator[dict[str, Any]]:
        """A full object, the smallest one, and those at each limit of each property."""
        optional = self._depth < OPTIONAL_DEPTH
        yield from self._fresh(fixed={}, full=optional)
        yield from self._fresh(fixed={})
        for name in self.declared:
            if not self.is_allowed(name) or not (optional or name in self.required):
                continue
            values = self._source.find(self.at(name), self._depth + 1)
            for value in itertools.islice(values, MAX_EACH if optional else 2):
                yield from self._fresh(fixed={name: value})
        if optional:
            yield from self._extended()
            yield from self._shortened()

    def _extended(self) -> Iterator[dict[str, Any]]:
        declared = set(self.declared)
        names = (name for name in self.undeclared() if name not in declared)
        for name in itertools.islice(dict.fromkeys(names), 8):
            if self.is_allowed(name):
                values = self._source.find(self.at(name), self._depth + 1)
                for value in itertools.islice(values, 2):
                    yield from self._fresh(fixed={name: value})

    def _shortened(self) -> Iterator[dict[str, Any]]:
        """Full ones that lack one property."""
        declared = self.declared
        for name in declared if len(declared) <= MAX_SHORTENED else []:
            if name not in self.required:
                yield from self._fresh(fixed={}, absent=[name], full=True)

    def _fresh(self, **how: Any) -> Iterator[dict[str, Any]]:
        # What building heeds beside, because a property is there, is forgotten again.
        kept = self.rules[:], self.names[:], dict(self.required), self._dependencies[:]
        limits, plain = (self.least, self.most), self._plain
        built = list(self.build(**how))
        self.rules, self.names, self.required, self._dependencies = kept
        (self.least, self.most), self._plain = limits, plain
        yield from built
