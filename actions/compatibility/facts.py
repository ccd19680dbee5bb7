"""What schemas say about a value, taken apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from actions.compatibility.obstacles import Facts
from actions.samples.demands import Demand, Reader
from actions.samples.documents import Node, are_same
from actions.samples.values import Steps


class Known:
    """Takes schemas apart, as facts and as goals."""

    def __init__(self, reader: Reader, steps: Steps) -> None:
        self._reader, self._steps = reader, steps

    def know(
        self,
        given: frozenset[Node],
        chosen: frozenset[Demand] = frozenset(),
        refuted: Iterable[Node] = (),
    ) -> Facts:
        """The facts that schemas give, but for choices that were made already."""
        nodes: dict[Node, None] = {}
        demands: list[Demand] = []
        choices: list[Demand] = []
        denied = list(refuted)
        left = sorted(given, key=lambda node: node.order, reverse=True)
        while left:
            node = left.pop()
            if node in nodes:
                continue
            self._steps.take()
            nodes[node] = None
            for demand in self._reader.read(node):
                match demand.kind:
                    case "ref":
                        left.append(demand.data)
                    case "allOf":
                        left += demand.data
                    case "not":
                        denied.append(demand.data)
                    case "anyOf" | "oneOf" | "if" | "dependency":
                        choices += [] if demand in chosen else [demand]
                    case _:
                        demands.append(demand)
        impossible = any(demand.kind == "false" for demand in demands) or any(
            no.is_true or any(are_same(no, node) for node in nodes) for no in denied
        )
        return Facts(
            given, tuple(nodes), tuple(demands), tuple(choices), tuple(denied), impossible, chosen
        )

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
