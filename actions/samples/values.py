"""Values that some schemas all accept, plain ones first, found by what the schemas demand."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from actions.samples import scalars
from actions.samples.arrays import Array
from actions.samples.demands import ALL, Demand, Reader
from actions.samples.documents import Judge, Node
from actions.samples.objects import Object

MAX_DEPTH = 12
MAX_ALTERNATIVES = 64
# What is larger shows nobody anything. Where a schema leads back to itself in several places,
# values would otherwise grow by that factor with each level of depth.
MAX_PARTS = 10_000
PARTS_A_STEP = 100
# Of more properties, only those that must be there are sent beside the one that is of interest.
MAX_FULL = 200
_ORDER = ("object", "array", "string", "number", "boolean", "null")
_PLAIN = ("string", "number", "boolean", "null", "array", "object")


class OutOfStepsError(Exception):
    """What was allowed is used up."""


class Steps:
    """A number of steps that work may take."""

    def __init__(self, most: int) -> None:
        self.left = most

    def take(self, count: int = 1) -> None:
        """Take some; `OutOfStepsError` when there are none left."""
        self.left -= count
        if self.left < 0:
            raise OutOfStepsError


class Sampler:
    """Finds values; each that it gives was accepted by all schemas it was asked for."""

    def __init__(self, judge: Judge, reader: Reader, steps: Steps) -> None:
        self._judge, self._reader, self._steps = judge, reader, steps
        self._found: dict[tuple[frozenset[Node], int], _Kept] = {}

    def find(self, nodes: Iterable[Node], depth: int = 0) -> Iterator[Any]:
        """Values that all these schemas accept, each once."""
        nodes = frozenset(node for node in nodes if not node.is_true)
        if (nodes, depth) not in self._found:
            self._found[nodes, depth] = _Kept(self._search(nodes, depth))
        return iter(self._found[nodes, depth])

    def spend(self, count: int) -> None:
        """Count steps; `OutOfStepsError` when there are none left."""
        self._steps.take(count)

    def first(self, nodes: Iterable[Node], depth: int = 0) -> Iterator[Any]:
        """The plainest value, if there is any."""
        return itertools.islice(self.find(nodes, depth), 1)

    def accepted(self, nodes: Iterable[Node], candidates: Iterable[Any]) -> Iterator[Any]:
        """Those of the candidates that all these schemas accept, each once."""
        nodes = tuple(nodes)
        seen = set()
        for value in candidates:
            parts = count_parts(value, most=MAX_PARTS)
            self._steps.take(1 + parts // PARTS_A_STEP)
            if parts > MAX_PARTS:
                continue
            text = json.dumps(value, sort_keys=True)
            if text not in seen:
                seen.add(text)
                if self._judge.accept(nodes, value):
                    yield value

    def objects(
        self,
        nodes: Iterable[Node],
        *,
        fixed: Mapping[str, Any],
        absent: Iterable[str] = (),
        depth: int = 0,
    ) -> Iterator[Any]:
        """Candidates for objects that hold these properties, and lack those."""
        for demands in self._alternatives(frozenset(nodes)):
            shape = Object(demands, self, depth)
            for full in (False, True) if len(shape.declared) <= MAX_FULL else (False,):
                yield from shape.build(fixed=fixed, absent=frozenset(absent), full=full)

    def arrays(
        self, nodes: Iterable[Node], *, fixed: Mapping[int, Any], length: int = 0, depth: int = 0
    ) -> Iterator[Any]:
        """Candidates for arrays that hold these items, and at least `length`."""
        for demands in self._alternatives(frozenset(nodes)):
            yield from Array(demands, self, depth).build(fixed=fixed, length=length)

    def matches(self, pattern: str, name: str) -> bool:
        """Whether a name matches, as the validator sees it."""
        return self._judge.accepts({"pattern": pattern}, name)

    def expand(
        self, nodes: Iterable[Node], choices: Mapping[Demand, int] | None = None
    ) -> tuple[list[Demand], list[tuple[Demand, int]]]:
        """All that the schemas demand with one branch of each choice, and the choices."""
        demands: list[Demand] = []
        met: list[tuple[Demand, int]] = []
        left = list(nodes)
        # Nothing leads back to itself on the same value: such schemas are not admitted.
        while left:
            self._steps.take()
            for demand in self._reader.read(left.pop(0)):
                options = _options(demand)
                if options is None:
                    demands.append(demand)
                    continue
                if len(options) > 1:
                    met.append((demand, len(options)))
                chosen = (choices or {}).get(demand, 0)
                left += options[chosen]
        return demands, met

    def _alternatives(self, nodes: frozenset[Node]) -> Iterator[list[Demand]]:
        """What the schemas demand, by one branch after the other of each choice."""
        ordered = sorted(nodes, key=lambda node: node.order)
        return itertools.islice(self._branches(ordered), MAX_ALTERNATIVES)

    def _branches(self, nodes: list[Node]) -> Iterator[list[Demand]]:
        demands, met = self.expand(nodes)
        yield demands
        left: list[dict[Demand, int]] = [
            {demand: index} for demand, count in met for index in range(1, count)
        ]
        known = {demand for demand, _ in met}
        while left:
            choices = left.pop(0)
            demands, now = self.expand(nodes, choices)
            yield demands
            # A branch may hold choices of its own; and two may have to be made together.
            left += [
                {**choices, demand: index}
                for demand, count in now
                if demand not in choices and (demand not in known or len(choices) < 2)
                for index in range(0 if demand in known else 1, count)
                if index
            ][: MAX_ALTERNATIVES - min(len(left), MAX_ALTERNATIVES)]

    def _search(self, nodes: frozenset[Node], depth: int) -> Iterator[Any]:
        if depth > MAX_DEPTH:
            return
        streams = (self._of(demands, depth) for demands in self._alternatives(nodes))
        yield from self.accepted(nodes, _in_turn(streams))

    def _of(self, demands: list[Demand], depth: int) -> Iterator[Any]:
        enums = [demand.data for demand in demands if demand.kind == "enum"]
        if enums:
            yield from min(enums, key=len)
            return
        if any(demand.kind == "false" for demand in demands):
            return
        named = [demand.data.types for demand in demands if demand.kind == "type"]
        types = ALL.intersection(*named)
        # What has no type is most likely meant for the one that its keywords are about.
        meant = types if named else types.intersection(_meant(demands))
        streams = [self._of_type(name, demands, depth) for name in _ORDER if name in meant]
        others = [self._of_type(name, demands, depth) for name in _PLAIN if name in types - meant]
        yield from _in_turn(iter(streams))
        yield from _in_turn(iter(others))

    def _of_type(self, name: str, demands: list[Demand], depth: int) -> Iterator[Any]:
        match name:
            case "object":
                yield from Object(demands, self, depth).variants()
            case "array":
                yield from Array(demands, self, depth).variants()
            case "string":
                yield from scalars.find_texts(demands)
            case "number":
                yield from scalars.find_numbers(demands)
            case "boolean":
                yield from (True, False)
            case _:
                yield None


def count_parts(value: Any, *, most: int) -> int:
    """How many values a value consists of, itself among them; just over `most` where it is more."""
    count, left = 0, [value]
    while left and count <= most:
        one = left.pop()
        count += 1
        if isinstance(one, dict):
            left += one.values()
        elif isinstance(one, list):
            left += one
    return count


def _meant(demands: Iterable[Demand]) -> frozenset[str]:
    return frozenset().union(*(demand.types for demand in demands if demand.types != ALL))


class _Kept:
    """What an iterator has given, for those who ask again; it is asked only when need be."""

    def __init__(self, source: Iterator[Any]) -> None:
        self._source, self._values = source, list[Any]()

    def __iter__(self) -> Iterator[Any]:
        for index in itertools.count():
            if index == len(self._values):
                try:
                    self._values.append(next(self._source))
                except StopIteration:
                    return
            yield self._values[index]


def _options(demand: Demand) -> list[list[Node]] | None:
    """The schemas that each branch of a choice adds; None for what is no choice."""
    match demand.kind:
        case "ref":
            return [[demand.data]]
        case "allOf":
            return [demand.data]
        case "anyOf" | "oneOf":
            return [[branch] for branch in demand.data]
        case "if":
            rule = demand.data
            return [[rule.test, rule.then], [rule.otherwise]]
    return None


def _in_turn(streams: Iterator[Iterator[Any]]) -> Iterator[Any]:
    """One value of each stream after the other, until all have ended."""
    running = list(streams)
    while running:
        for stream in list(running):
            try:
                yield next(stream)
            except StopIteration:
                running.remove(stream)
