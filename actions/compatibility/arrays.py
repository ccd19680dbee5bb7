"""Whether arrays that are so and so also satisfy a demand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

from actions.compatibility import declared
from actions.compatibility.obstacles import Facts, Obstacle, Prover
from actions.compatibility.scalars import blame, count_range
from actions.samples.demands import Demand
from actions.samples.documents import Node

MAX_PLACES = 200


def decide(prover: Prover, facts: Facts, atoms: Sequence[Demand]) -> list[Obstacle]:
    """The obstacles where arrays are allowed."""
    return _Arrays(prover, facts, atoms).decide()


class _Arrays:
    def __init__(self, prover: Prover, facts: Facts, atoms: Sequence[Demand]) -> None:
        self._prover, self._facts, self._atoms = prover, facts, atoms
        self._rules = [one.data for one in facts.of_kind("items")]
        self._least, self._most = count_range(facts, atoms, "minItems", "maxItems")
        for one in facts.of_kind("contains"):
            self._least = max(self._least, one.data.least)
        goals = [one.data for one in atoms if one.kind == "items"]
        self._span = max((len(rule.prefix) for rule in [*self._rules, *goals]), default=0)

    def decide(self) -> list[Obstacle]:
        if self._least > self._most or self._span > MAX_PLACES:
            return [] if self._least > self._most else blame(self._facts, self._atoms)
        for index in range(self._span + 1):
            if index < self._most and not self._prove_at(index, ()):
                self._most = index
        if self._least > self._most or any(self._holds(one) for one in self._atoms):
            return []
        return self._decide_items()

    def _at(self, index: int) -> list[Node]:
        return [rule.at(index) for rule in self._rules]

    def _prove_at(self, index: int, goals: Sequence[Node]) -> list[Obstacle]:
        maybe = self._maybe_from(index, later=index >= self._span)
        return self._prover.prove(self._at(index), goals, maybe)

    def _maybe_from(self, index: int, *, later: bool) -> frozenset[Node]:
        """What the sender's contract may have for an item, in whichever branches hold."""
        found = declared.find_in_item(self._sent, index, later=later)
        return frozenset([*found, *declared.find_contained(self._sent)])

    @cached_property
    def _sent(self) -> list[Node]:
        return declared.find_sent(self._prover.sender, self._facts)

    def _holds(self, atom: Demand) -> bool:
        if atom.kind == "uniqueItems":
            return self._most <= 1 or bool(self._facts.of_kind("uniqueItems"))
        if atom.kind == "opaque":
            return False
        if atom.kind == "contains":
            return self._has_enough(atom) and self._has_few(atom)
        return False

    def _has_enough(self, atom: Demand) -> bool:
        rule = atom.data
        if rule.least <= 0:
            return True
        if self._least >= rule.least and all(
            not self._prove_at(index, (rule.node,))
            for index in range(self._span + 1)
            if index < self._most
        ):
            return True
        anywhere = self._maybe_from(0, later=True)
        return any(
            one.data.least >= rule.least
            and not self._prover.prove([one.data.node], (rule.node,), anywhere)
            for one in self._facts.of_kind("contains")
        )

    def _has_few(self, atom: Demand) -> bool:
        rule = atom.data
        if rule.most is None or self._most <= rule.most:
            return True
        return any(
            one.data.most is not None
            and one.data.most <= rule.most
            and not self._prover.prove([rule.node], (one.data.node,))
            for one in self._facts.of_kind("contains")
        )

    def _decide_items(self) -> list[Obstacle]:
        """Arrays break several demands at once, so one that all satisfy is enough."""
        failing: list[dict[int, list[Obstacle]]] = []
        for atom in self._atoms:
            if atom.kind != "items":
                continue
            places = {
                index: found
                for index in range(self._span + 1)
                if index < self._most and (found := self._prove_at(index, (atom.data.at(index),)))
            }
            if not places:
                return []
            failing.append(places)
        if len(failing) > 1 and self._prove_together(failing):
            return []
        return self._blame(failing)

    def _prove_together(self, failing: list[dict[int, list[Obstacle]]]) -> bool:
        """Where all break at the same single place, that item would have to break all."""
        if any(places.keys() != failing[0].keys() or len(places) > 1 for places in failing):
            return False
        (index,) = failing[0]
        # What is after the listed ones are many items, each of which may break another.
        if index >= self._span and self._most > index + 1:
            return False
        goals = tuple(one.data.at(index) for one in self._atoms if one.kind == "items")
        return not self._prove_at(index, goals)

    def _blame(self, failing: list[dict[int, list[Obstacle]]]) -> list[Obstacle]:
        items = [one for one in self._atoms if one.kind == "items"]
        if len(items) != 1 or len(self._atoms) > 1:
            return blame(self._facts, self._atoms, self._candidates(failing))
        found = []
        for index, inner in failing[0].items():
            for one in inner:
                values = self._prover.breaking(
                    self._facts,
                    self._atoms,
                    (
                        value
                        for item in one.candidates
                        for value in self._prover.sampler.arrays(
                            self._facts.given, fixed={index: item}
                        )
                    ),
                )
                node = items[0].data.at(index)
                if node.is_false:
                    added, where = self._facts.places("items")
                    found.append(Obstacle("items_closed", added, where, items[0].path, values))
                else:
                    found.append(one.holding(values))
        return found

    def _candidates(self, failing: list[dict[int, list[Obstacle]]]) -> tuple[Any, ...]:
        fixed = {
            index: one.candidates[0]
            for places in failing
            for index, found in list(places.items())[:1]
            for one in found[:1]
            if one.candidates
        }
        return self._prover.breaking(self._facts, self._atoms, self._tried(fixed))

    def _tried(self, fixed: dict[int, Any]) -> Iterator[Any]:
        sampler, given = self._prover.sampler, self._facts.given
        lengths = {
            length
            for one in self._atoms
            if one.kind in ("minItems", "maxItems")
            for length in (one.data - 1, one.data + 1)
            if length >= 0
        }
        for length in sorted(lengths):
            yield from sampler.arrays(given, fixed=fixed, length=length)
        yield from sampler.arrays(given, fixed=fixed)
        for first in sampler.find(self._at(0)) if self._most >= 2 else ():
            yield [first, first]
            break
        yield from (value for value in sampler.find(given) if isinstance(value, list))
