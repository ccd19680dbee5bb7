"""Proofs that whatever some schemas accept, one of some others accepts.

A proof takes the facts apart into single demands, type by type, and the goals likewise: a goal
that demands several things is proved one by one, a choice among the facts in each of its
branches, a choice among the goals in any. What remains are demands of one kind on one type, which
`scalars`, `arrays` and `objects` decide; these ask for proofs about properties and items in turn.
Leaving facts or goals out never makes a proof wrong, so what is not understood is left out.

A pair that leads back to itself inside its own values is taken as proved while it is being
proved: values are finite, so that is induction on their depth.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from actions.compatibility import arrays, objects, scalars
from actions.compatibility.facts import Known
from actions.compatibility.kinds import (
    holds_large_numbers,
    holds_numbers,
    is_hopeless,
    is_vacuous,
    spell,
    type_of,
)
from actions.compatibility.obstacles import MAX_CANDIDATES, Facts, Obstacle, merge
from actions.samples.demands import Demand, Reader
from actions.samples.documents import Document, Judge, Node, are_same
from actions.samples.keywords import DRAFT4, TYPES
from actions.samples.values import Sampler, Steps

MAX_TRIED = 40
MAX_PAIRS = 1_000
MAX_SHY = 4
_ANY_TYPE = ("ref", "allOf", "anyOf", "oneOf", "if", "not", "dependency", "false")
_THEORIES = {
    "null": scalars.decide_null,
    "boolean": scalars.decide_boolean,
    "number": scalars.decide_number,
    "string": scalars.decide_string,
    "array": arrays.decide,
    "object": objects.decide,
}
# Demands whose obstacles are called otherwise.
_ABOUT = {
    "anyOf": "union",
    "oneOf": "union",
    "if": "condition",
    "properties": "pattern_properties",
}
Key = tuple[frozenset[Node], frozenset[Node], frozenset[Node]]


class Proofs:
    """Looks for proofs, and gives what stands in their way."""

    def __init__(
        self,
        judge: Judge,
        reader: Reader,
        sampler: Sampler,
        steps: Steps,
        *,
        sender: Document | None,
    ) -> None:
        self.judge, self.sampler, self.sender = judge, sampler, sender
        self._facts, self._steps = Known(reader, steps), steps
        # What passed only because senders are taken not to send what is undeclared.
        self.assumed: list[Obstacle] = []
        self._active: set[Key] = set()
        self._proved: dict[Key, None] = {}
        self._failed: dict[Key, list[Obstacle]] = {}

    def prove(
        self, given: Iterable[Node], goals: Sequence[Node], maybe: frozenset[Node] = frozenset()
    ) -> list[Obstacle]:
        """The obstacles to a proof that what all given schemas accept, one goal accepts.

        What others `maybe` declare for the same value, the sender may send.
        """
        known = frozenset(node for node in given if not node.is_true)
        if any(goal.is_true for goal in goals) or any(node.is_false for node in known):
            return []
        if any(are_same(goal, node) for goal in goals for node in known):
            return []
        key = known, frozenset(goals), maybe
        if key in self._active or key in self._proved:
            return []
        if key in self._failed:
            return self._failed[key]
        self._active.add(key)
        before = len(self._proved)
        found = self._prove(known, goals, maybe)
        self._active.discard(key)
        if found:
            # Proofs found meanwhile may rest on this one.
            for later in list(itertools.islice(self._proved, before, None)):
                del self._proved[later]
            self._failed[key] = found
        else:
            self._proved[key] = None
        return found

    def _prove(
        self, known: frozenset[Node], goals: Sequence[Node], maybe: frozenset[Node]
    ) -> list[Obstacle]:
        facts = self._facts.know(known, maybe=maybe)
        found: list[Obstacle] = []
        for name in TYPES:
            found += self._prove_all(name, facts, goals, [])
        return merge(found)

    # --- goals ------------------------------------------------------------------------------------

    def _prove_all(
        self, name: str, facts: Facts, goals: Sequence[Node], atoms: list[Demand]
    ) -> list[Obstacle]:
        """Prove for values of one type that a goal, or one of the demands, holds."""
        self._steps.take()
        if facts.impossible or not self._may_be(name, facts):
            return []
        if any(are_same(goal, node) for goal in goals for node in facts.nodes):
            return []
        if facts.of_kind("enum"):
            return self._enumerate(name, facts, goals, atoms)
        if not goals:
            return self._decide(name, facts, atoms)
        goal, *others = goals
        found: list[Obstacle] = []
        for demand in self._facts.conjuncts(goal, facts):
            if is_vacuous(name, demand):
                continue
            found += self._prove_one(name, facts, others, atoms, demand)
            if found and (others or atoms):
                break
        return found

    def _prove_one(
        self, name: str, facts: Facts, goals: Sequence[Node], atoms: list[Demand], demand: Demand
    ) -> list[Obstacle]:
        """Prove that this demand holds, or one of the others does."""
        match demand.kind:
            case "anyOf":
                found = self._prove_any(name, facts, [*demand.data, *goals], atoms)
                return self._renamed("union", facts, demand, found)
            case "oneOf":
                return self._renamed(
                    "union", facts, demand, self._prove_one_of(name, facts, goals, atoms, demand)
                )
            case "not":
                more = self._facts.know_also(facts, [demand.data])
                return self._renamed(
                    "not", facts, demand, self._prove_all(name, more, goals, atoms)
                )
            case "if":
                rule = demand.data
                more = self._facts.know_also(facts, [rule.test])
                found = self._prove_all(name, more, [rule.then, *goals], atoms)
                found = found + self._prove_all(
                    name, facts, [rule.test, rule.otherwise, *goals], atoms
                )
                return self._renamed("condition", facts, demand, found)
            case "dependency":
                needed = demand.node.make({"required": [demand.data.name]})
                more = self._facts.know_also(facts, [needed])
                found = self._prove_all(name, more, [demand.data.then, *goals], atoms)
                return self._renamed("dependency", facts, demand, found)
        if (goals or atoms) and not self._decide(name, facts, [demand], split=False):
            return []
        return self._prove_all(name, facts, goals, [*atoms, demand])

    def _prove_any(
        self, name: str, facts: Facts, goals: Sequence[Node], atoms: list[Demand]
    ) -> list[Obstacle]:
        """Prove that one of several goals holds: in each branch of a union, one alone at best."""
        unions = [one for one in facts.choices if one.kind in ("anyOf", "oneOf")]
        if not unions:
            return self._prove_all(name, facts, goals, atoms)
        for more, refuted in self._branches(unions[0]):
            # That other branches do not hold is seldom needed, and dear.
            known = self._facts.know_also(facts, more, chosen=unions[:1])
            if self._has_one_alone(name, known, sorted(goals, key=_likeness(more))):
                continue
            further = self._facts.know_also(known, (), refuted=refuted)
            if found := self._prove_any(name, further, goals, atoms):
                return found
        return []

    def _has_one_alone(self, name: str, facts: Facts, goals: Sequence[Node]) -> bool:
        if facts.impossible or any(are_same(goal, node) for goal in goals for node in facts.nodes):
            return True
        return any(not self._prove_all(name, facts, [goal], []) for goal in goals)

    def _prove_one_of(
        self, name: str, facts: Facts, goals: Sequence[Node], atoms: list[Demand], demand: Demand
    ) -> list[Obstacle]:
        found = self._prove_any(name, facts, [*demand.data, *goals], atoms)
        pairs = list(itertools.islice(itertools.combinations(demand.data, 2), MAX_PAIRS + 1))
        if len(pairs) > MAX_PAIRS:
            return found or [self._obstacle(facts, demand, "union")]
        for pair in pairs:
            if not found:
                found = self._prove_all(name, self._facts.know_also(facts, pair), goals, atoms)
        return found

    def _renamed(
        self, about: str, facts: Facts, demand: Demand, found: list[Obstacle]
    ) -> list[Obstacle]:
        """The obstacles inside a choice as one to the choice."""
        if not found:
            return []
        kinds = {"union": ("anyOf", "oneOf"), "condition": ("if",), "dependency": ("dependency",)}
        same = [choice for choice in facts.choices if choice.kind in kinds.get(about, ())]
        where = same[0].path if same else facts.path
        candidates = [value for one in found for value in one.candidates]
        return [
            Obstacle(about, not same, where, demand.path, tuple(candidates[: 3 * MAX_CANDIDATES]))
        ]

    # --- what remains -----------------------------------------------------------------------------

    def _decide(
        self, name: str, facts: Facts, atoms: list[Demand], *, split: bool = True
    ) -> list[Obstacle]:
        """Prove that one of single demands holds; by the branches of a choice if need be."""
        self._steps.take()
        shy, intricate = self._denials(name, facts)
        if shy is None:
            return []
        hopeful = [atom for atom in atoms if not is_hopeless(name, atom)]
        found = _THEORIES[name](self, facts, [*hopeful, *shy])
        if not found or not split:
            return found
        for demands in intricate:
            if all(not _THEORIES[name](self, facts, [*hopeful, *shy, one]) for one in demands):
                return []
        choices = [one for one in facts.choices if name == "object" or one.kind != "dependency"]
        if choices:
            return self._split(name, facts, atoms, choices)
        if atoms and not hopeful:
            candidates = tuple(value for one in found for value in one.candidates)
            return scalars.blame(facts, atoms, candidates[:MAX_CANDIDATES])
        return found

    def _denials(self, name: str, facts: Facts) -> tuple[list[Demand] | None, list[list[Demand]]]:
        """Demands that do not hold: single ones, and lists of which one does not; None: absurd."""
        single: list[Demand] = []
        several: list[list[Demand]] = []
        left = list(facts.refuted)
        while left:
            demands = [
                one for one in self._facts.conjuncts(left.pop(), facts) if not is_vacuous(name, one)
            ]
            if not demands:
                return None, []
            if any(is_hopeless(name, one) for one in demands):
                continue
            if len(demands) == 1 and demands[0].kind == "anyOf":
                left += demands[0].data
            elif any(one.kind in _ANY_TYPE for one in demands):
                continue
            elif len(demands) == 1:
                single += demands
            elif len(demands) <= MAX_SHY:
                several.append(demands)
        return single, several

    def _split(
        self, name: str, facts: Facts, atoms: list[Demand], choices: Sequence[Demand]
    ) -> list[Obstacle]:
        choice = min(choices, key=lambda one: len(one.data) if isinstance(one.data, list) else 2)
        for more, refuted in self._branches(choice):
            further = self._facts.know_also(facts, more, chosen=[choice], refuted=refuted)
            found = self._prove_all(name, further, [], atoms)
            if found:
                return found
        return []

    def _branches(self, choice: Demand) -> Iterator[tuple[list[Node], list[Node]]]:
        """What holds, and what does not, in each branch of a choice."""
        data = choice.data
        match choice.kind:
            case "if":
                yield [data.test, data.then], []
                yield [data.otherwise], [data.test]
            case "dependency":
                yield [data.then], []
                yield [], [choice.node.make({"required": [data.name]})]
            case "anyOf":
                yield from (([branch], []) for branch in data)
            case _:
                for branch in data:
                    yield [branch], [other for other in data if other is not branch]

    def _may_be(self, name: str, facts: Facts) -> bool:
        return all(name in one.data.types for one in facts.of_kind("type"))

    def _enumerate(
        self, name: str, facts: Facts, goals: Sequence[Node], atoms: list[Demand]
    ) -> list[Obstacle]:
        """Of a list of values, each one is judged."""
        (listed, *_) = sorted(facts.of_kind("enum"), key=lambda one: len(one.data))
        breaking: list[Any] = []
        certain = True
        for value in listed.data:
            self._steps.take()
            if type_of(value) != name:
                continue
            if listed.node.document.dialect == DRAFT4 and holds_numbers(value):
                # There, 1 and 1.0 are equal, and one is an integer.
                breaking += [
                    each for each in spell(value) if self.breaks(facts, atoms, each, goals)
                ]
                certain = certain and name == "number"
            elif self.breaks(facts, atoms, value, goals):
                breaking.append(value)
            # What equals one of these is the validator's own affair.
            certain = certain and not holds_large_numbers(value)
        if not breaking and certain:
            return []
        blamed = self._blame(name, goals, atoms, facts)
        if blamed is None:
            return [
                Obstacle(
                    "false",
                    added=True,
                    sub=listed.path,
                    sup=(),
                    candidates=tuple(breaking[:MAX_CANDIDATES]),
                )
            ]
        if blamed.kind == "enum":
            return [
                Obstacle("enum", False, listed.path, blamed.path, tuple(breaking[:MAX_CANDIDATES]))
            ]
        return [self._obstacle(facts, blamed, blamed.kind).holding(breaking[:MAX_CANDIDATES])]

    def _blame(
        self, name: str, goals: Sequence[Node], atoms: list[Demand], facts: Facts
    ) -> Demand | None:
        demands = [*atoms, *(one for goal in goals for one in self._facts.conjuncts(goal, facts))]
        listed = [one for one in demands if one.kind == "enum"]
        other = [one for one in demands if not is_vacuous(name, one)]
        return next(iter([*listed, *other]), None)

    # --- for the theories -------------------------------------------------------------------------

    def breaks(
        self, facts: Facts, atoms: Iterable[Demand], value: Any, goals: Iterable[Node] = ()
    ) -> bool:
        """Whether a value is as the facts say, and breaks all goals."""
        return (
            self.judge.accept(facts.given, value)
            and not any(self.judge.accept([no], value) for no in facts.refuted)
            and not any(self.holds(atom, value) for atom in atoms)
            and not any(self.judge.accept([goal], value) for goal in goals)
        )

    def holds(self, demand: Demand, value: Any) -> bool:
        """Whether a value satisfies a demand."""
        if demand.kind == "false":
            return False
        if demand.kind == "opaque":
            return self.judge.accept([demand.node], value)
        return self.judge.accepts(demand.fragment, value, key=demand)

    def breaking(
        self, facts: Facts, atoms: Sequence[Demand], values: Iterable[Any]
    ) -> tuple[Any, ...]:
        """Some values, of those given, that are as the facts say and break the demands."""
        tried = itertools.islice(values, MAX_TRIED)
        found = (value for value in tried if self.breaks(facts, atoms, value))
        return tuple(itertools.islice(found, MAX_CANDIDATES))

    def _obstacle(self, facts: Facts, demand: Demand, about: str) -> Obstacle:
        added, where = facts.places(demand.kind)
        return Obstacle(_ABOUT.get(about, about), added, where, demand.path)


def _likeness(branches: Sequence[Node]) -> Callable[[Node], int]:
    """Orders goals: first those that stand in the same place of a list as a branch."""
    places = {node.path[-1:] for node in branches}
    return lambda goal: 0 if goal.path[-1:] in places else 1
