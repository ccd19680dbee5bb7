"""What stands in the way of a proof, and what is known of the values that are reasoned about."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from actions.references import Path
from actions.samples.demands import Demand
from actions.samples.documents import Document, Judge, Node
from actions.samples.values import Sampler

MAX_CANDIDATES = 4


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A demand that could not be shown to hold: where, and values that may well break it.

    `about` names the rule; `added` where nothing of its kind was demanded before. The paths lead
    into the narrower schema, whose payloads are to be accepted, and the one that is to accept them.
    """

    about: str
    added: bool
    sub: Path
    sup: Path
    candidates: tuple[Any, ...] = ()

    def holding(self, candidates: Iterable[Any]) -> Obstacle:
        """The same with other candidates: values that hold this one's."""
        return Obstacle(self.about, self.added, self.sub, self.sup, tuple(candidates))


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a value: all that some schemas demand of it.

    `given` are the schemas; `nodes` also those that they lead to; `choices` are demands one branch
    of which holds; `refuted` are schemas that do not accept the value. What `maybe` applies, in
    branches that are left aside, is declared all the same.
    """

    given: frozenset[Node]
    nodes: tuple[Node, ...] = ()
    demands: tuple[Demand, ...] = ()
    choices: tuple[Demand, ...] = ()
    refuted: tuple[Node, ...] = ()
    impossible: bool = False
    chosen: frozenset[Demand] = field(default=frozenset())
    maybe: frozenset[Node] = field(default=frozenset())

    @property
    def path(self) -> Path:
        """Where the value's schema is."""
        paths = (node.path for node in self.given)
        return min(paths, key=lambda path: (len(path), str(path)), default=())

    def of_kind(self, *kinds: str) -> list[Demand]:
        """The demands of these kinds."""
        return [demand for demand in self.demands if demand.kind in kinds]

    def places(self, *kinds: str) -> tuple[bool, Path]:
        """Whether none of the kinds is demanded, and where the first one is."""
        for demand in self.of_kind(*kinds):
            return False, demand.path
        return True, self.path


class Prover(Protocol):
    """What the deciding of single demands asks of whoever looks for the whole proof."""

    judge: Judge
    sampler: Sampler
    # The contract whose senders are taken to send only what it lists; None: whatever it accepts.
    sender: Document | None
    assumed: list[Obstacle]

    def prove(
        self, given: Iterable[Node], goals: Sequence[Node], maybe: frozenset[Node] = frozenset()
    ) -> list[Obstacle]:
        """The obstacles to a proof that what all given schemas accept, one goal accepts."""

    def breaks(self, facts: Facts, atoms: Iterable[Demand], value: Any) -> bool:
        """Whether a value is as the facts say, and breaks all demands."""

    def breaking(
        self, facts: Facts, atoms: Sequence[Demand], values: Iterable[Any]
    ) -> tuple[Any, ...]:
        """Some values, of those given, that are as the facts say and break the demands."""


def merge(obstacles: Iterable[Obstacle]) -> list[Obstacle]:
    """Each obstacle once, with the candidates of all that are alike."""
    found: dict[tuple[Any, ...], Obstacle] = {}
    for one in obstacles:
        key = (one.about, one.added, one.sub, one.sup)
        before = found[key].candidates if key in found else ()
        found[key] = one.holding((*before, *one.candidates)[: 3 * MAX_CANDIDATES])
    return list(found.values())
