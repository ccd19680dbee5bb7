"""Arrays that demands allow."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from actions.samples.demands import Contains, Demand, Items
from actions.samples.documents import Node
from actions.samples.objects import MAX_EACH, OPTIONAL_DEPTH, Source

MAX_ITEMS = 100


class Array:
    """The arrays that some demands allow; those it builds may break what is not seen here."""

    def __init__(self, demands: Iterable[Demand], source: Source, depth: int) -> None:
        self._source, self._depth = source, depth
        self.rules: list[Items] = []
        self.contained: list[Contains] = []
        self.least, self.most = 0, MAX_ITEMS
        self.unique = False
        for demand in demands:
            match demand.kind:
                case "items":
                    self.rules.append(demand.data)
                case "contains":
                    self.contained.append(demand.data)
                case "minItems":
                    self.least = max(self.least, demand.data)
                case "maxItems":
                    self.most = min(self.most, demand.data)
                case "uniqueItems":
                    self.unique = True

    def at(self, index: int) -> tuple[Node, ...]:
        """The schemas that the item at an index has to satisfy."""
        return tuple(rule.at(index) for rule in self.rules)

    @property
    def listed(self) -> int:
        """How many items have a schema of their own."""
        return max((len(rule.prefix) for rule in self.rules), default=0)

    def build(self, *, fixed: Mapping[int, Any], length: int = 0) -> Iterator[list[Any]]:
        """The array with these items, and as many more as must be there, or are asked for."""
        contained = [
            rule.node for rule in self.contained for _ in range(min(rule.least, MAX_ITEMS + 1))
        ]
        least = max(self.least, length, len(contained), *(index + 1 for index in fixed), 0)
        if least > max(MAX_ITEMS, length):
            return
        built: list[Any] = []
        taken: set[str] = set()
        for index in range(least):
            if index in fixed:
                value = [fixed[index]]
            else:
                inner = [contained.pop(0)] if contained else []
                value = list(self._next((*self.at(index), *inner), taken))
            if not value:
                return
            taken.add(json.dumps(value[0], sort_keys=True))
            built += value
        yield built

    def _next(self, nodes: tuple[Node, ...], taken: set[str]) -> Iterator[Any]:
        for value in self._source.find(nodes, self._depth + 1):
            if not self.unique or json.dumps(value, sort_keys=True) not in taken:
                yield value
                return

    def variants(self) -> Iterator[list[Any]]:
        """Short ones, full ones, and those at each limit of each item."""
        optional = self._depth < OPTIONAL_DEPTH
        lengths = [max(self.least, 1), self.least, self.listed, self.least + 1, self.least + 2]
        if self.most < MAX_ITEMS:
            lengths.append(self.most)
        if not optional:
            lengths = [self.least]
        for length in dict.fromkeys(lengths):
            if self.least <= length <= self.most:
                yield from self.build(fixed={}, length=length)
        if optional:
            yield from self._varied()

    def _varied(self) -> Iterator[list[Any]]:
        for index in range(min(self.listed + 1, self.most)):
            values = itertools.islice(self._source.find(self.at(index), self._depth + 1), MAX_EACH)
            for value in values:
                yield from self.build(fixed={index: value})
                if not self.unique and self.most > index + 1:
                    yield from self.build(fixed={index: value, index + 1: value})
