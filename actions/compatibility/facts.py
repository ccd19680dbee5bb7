"""What schemas say about a value, taken apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from actions.compatibility.obstacles import Facts
from actions.samples.demands import Demand, Reader
from actions.samples.documents import Node, are_same
from actions.samples.values import Steps


@dataclass(slots=True)
class _Said:
    """What schemas say, as far as they were read: each schema once, `left` those that are not."""

    left: list[Node]
    denied: list[Node]
    nodes: dict[Node, None] = field(default_factory=dict)
    demands: list[Demand] = field(default_factory=list)
    choices: list[Demand] = field(default_factory=list)

    def add(self, demand: Demand) -> None:
        """Take in what a schema demands."""
        match demand.kind:
            case "ref":
                self.left.append(demand.data)
            case "allOf":
                self.left += demand.data
            case "not":
                self.denied.append(demand.data)
            case "anyOf" | "oneOf" | "if" | "dependency":
                self.choices.append(demand)
            case _:
                self.demands.append(demand)

    @property
    def is_impossible(self) -> bool:
        """Whether no value is like that."""
        return any(demand.kind == "false" for demand in self.demands) or any(
            no.is_true or any(are_same(no, node) for node in self.nodes) for no in self.denied
        )


class Known:
    """Takes schemas apart, as facts and as goals."""

    def __init__(self, reader: Reader, steps: Steps) -> None:
        self._reader, self._steps = reader, steps

    def know(
        self,
        given: frozenset[Node],
        chosen: frozenset[Demand] = frozenset(),
        refuted: Iterable[Node] = (),
        maybe: frozenset[Node] = frozenset(),
    ) -> Facts:
        """The facts that schemas give, but for choices that were made already."""
        left = sorted(given, key=lambda node: node.order, reverse=True)
        said = self._read(_Said(left, list(refuted)))
        return Facts(
            given,
            tuple(said.nodes),
            tuple(said.demands),
            tuple(choice for choice in said.choices if choice not in chosen),
            tuple(said.denied),
            said.is_impossible,
            chosen,
            maybe,
        )

    def _read(self, said: _Said) -> _Said:
        """The same, when nothing is left."""
        while said.left:
            node = said.left.pop()
            if node in said.nodes:
                continue
            self._steps.take()
            said.nodes[node] = None
            for demand in self._reader.read(node):
                said.add(demand)
        return said

    def know_also(
        self,
        facts: Facts,
        more: Iterable[Node],
        *,
        chosen: Iterable[Demand] = (),
        refuted: Iterable[Node] = (),
    ) -> Facts:
        """The facts, and those that further schemas give."""
        return self.know(
            facts.given | frozenset(more),
            facts.chosen | frozenset(chosen),
            list(dict.fromkeys((*facts.refuted, *refuted))),
            facts.maybe,
        )

    def conjuncts(self, goal: Node, facts: Facts) -> Iterator[Demand]:
        """What a goal demands, but for what the facts say word for word."""
        left = [goal]
        seen: set[Node] = set()
        while left:
            node = left.pop(0)
            if node in seen or any(are_same(node, known) for known in facts.nodes):
                continue
            seen.add(node)
            self._steps.take()
            for demand in self._reader.read(node):
                if demand.kind == "ref":
                    left.append(demand.data)
                elif demand.kind == "allOf":
                    left += demand.data
                else:
                    yield demand
