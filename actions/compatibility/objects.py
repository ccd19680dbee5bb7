"""Whether objects that are so and so also satisfy a demand."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from actions.compatibility import declared
from actions.compatibility.obstacles import MAX_CANDIDATES, Facts, Obstacle, Prover
from actions.compatibility.scalars import blame, count_range, matches_all
from actions.samples import patterns
from actions.samples.demands import Demand, Properties
from actions.samples.documents import Node
from actions.samples.objects import EXTRA_NAMES

MAX_PATTERNS = 5
MAX_SHOWN = 100


def decide(prover: Prover, facts: Facts, atoms: Sequence[Demand]) -> list[Obstacle]:
    """The obstacles where objects are allowed."""
    return _Objects(prover, facts, atoms).decide()


@dataclass(frozen=True, slots=True)
class _Place:
    """A property of one name, or those names that match these patterns and have no other schema."""

    name: str | None
    matching: frozenset[str] = field(default=frozenset())


class _Objects:
    def __init__(self, prover: Prover, facts: Facts, atoms: Sequence[Demand]) -> None:
        self._prover, self._facts, self._atoms = prover, facts, atoms
        self._rules: list[Properties] = [one.data for one in facts.of_kind("properties")]
        self._names: list[Node] = [one.data for one in facts.of_kind("propertyNames")]
        self._required = {one.data for one in facts.of_kind("required")}
        self._absent = {one.data for one in atoms if one.kind == "required"}
        self._goals = [one for one in atoms if one.kind == "properties"]
        self._least, self._most = count_range(facts, atoms, "minProperties", "maxProperties")
        self._least = max(self._least, len(self._required))
        every = [*self._rules, *(one.data for one in self._goals)]
        self._patterns = list(dict.fromkeys(text for rule in every for text in rule.patterns))

    def decide(self) -> list[Obstacle]:
        if self._required & self._absent or self._least > min(self._most, self._count_possible()):
            return []
        if self._contradicts() or any(self._holds(one) for one in self._atoms):
            return []
        return self._decide_properties()

    # --- what is known ----------------------------------------------------------------------------

    def _at(self, place: _Place) -> list[Node]:
        return [node for rule in self._rules for node in self._by(rule, place)]

    def _by(self, rule: Properties, place: _Place) -> list[Node]:
        """The schemas that a rule has for a place."""
        found = [rule.named[place.name]] if place.name in rule.named else []
        for text, node in rule.patterns.items():
            if place.name is None:
                matches = text in place.matching
            else:
                matches = self._matches(text, place.name)
            found += [node] if matches else []
        return found or [rule.others]

    def _matches(self, text: str, name: str) -> bool:
        return self._prover.judge.accepts({"pattern": text}, name)

    def _prove_at(self, place: _Place, goals: Sequence[Node]) -> list[Obstacle]:
        return self._prover.prove(self._at(place), goals, self._maybe_at(place))

    @cached_property
    def _sent(self) -> list[Node]:
        return declared.find_sent(self._prover.sender, self._facts)

    def _maybe_at(self, place: _Place) -> frozenset[Node]:
        if place.name is not None:
            return frozenset(declared.find_in_property(self._prover.judge, self._sent, place.name))
        known = declared.Declared(self._named, set(self._patterns) - place.matching)
        return frozenset(declared.find_in_other_properties(self._sent, known))

    @cached_property
    def _named(self) -> set[str]:
        every = [*self._rules, *(one.data for one in self._goals)]
        return {name for rule in every for name in rule.named}

    def _may_be(self, name: str) -> bool:
        """Whether a property of this name can be there, as far as can be seen at once."""
        return (
            name not in self._absent
            and self._most > 0
            and not any(node.is_false for node in self._at(_Place(name)))
            and self._prover.judge.accept(self._names, name)
        )

    def _count_possible(self) -> float:
        """How many properties there can be: those listed, where all others are refused."""
        closed = [rule for rule in self._rules if rule.others.is_false and not rule.patterns]
        return min((sum(map(self._may_be, rule.named)) for rule in closed), default=math.inf)

    def _contradicts(self) -> bool:
        """Whether a property that must be there cannot be."""
        return any(
            not self._may_be(name) or not self._prove_at(_Place(name), ())
            for name in sorted(self._required)
        )

    def _holds(self, atom: Demand) -> bool:
        if atom.kind == "propertyNames":
            return self._names_hold(atom.data)
        # The others are among what is known already, or decided property by property.
        return False

    def _names_hold(self, goal: Node) -> bool:
        text = goal.make({"type": "string"})
        if not self._prover.prove([*self._names, text], (goal,)):
            return True
        for rule in self._rules:
            if not rule.others.is_false:
                continue
            listed = all(
                self._prover.judge.accept([goal], name) for name in rule.named if self._may_be(name)
            )
            matching = [
                node.make({"type": "string", "pattern": text})
                for text, node in rule.patterns.items()
            ]
            if listed and all(
                not self._prover.prove([*self._names, one], (goal,)) for one in matching
            ):
                return True
        return False

    # --- property by property ---------------------------------------------------------------------

    def _decide_properties(self) -> list[Obstacle]:
        """Objects break several demands at once, so one that all satisfy is enough."""
        if len(self._patterns) > MAX_PATTERNS and self._goals:
            return blame(self._facts, self._atoms, self._candidates([]))
        failing: list[dict[_Place, list[Obstacle]]] = []
        for atom in self._goals:
            places = dict(self._failing(atom))
            if not places:
                return []
            failing.append(places)
        if len(failing) > 1 and self._prove_together(failing):
            return []
        return self._blame(failing)

    def _failing(self, atom: Demand) -> Iterator[tuple[_Place, list[Obstacle]]]:
        """The places where a property may break the schemas that the demand has for it."""
        for place in self._places():
            if place.name is not None and not self._may_be(place.name):
                continue
            given = self._at(place)
            found = [
                one for goal in self._by(atom.data, place) for one in self._prove_at(place, (goal,))
            ]
            if found and self._is_assumed(place, given):
                self._prover.assumed.append(self._assume(atom, place))
            elif found:
                yield place, found

    def _places(self) -> Iterator[_Place]:
        every = [*self._rules, *(one.data for one in self._goals)]
        for name in dict.fromkeys(name for rule in every for name in rule.named):
            yield _Place(name)
        if self._most <= 0:
            return
        for size in range(len(self._patterns) + 1):
            for matching in itertools.combinations(self._patterns, size):
                if all(text in matching for text in self._patterns if matches_all(text)):
                    yield _Place(None, frozenset(matching))

    def _assume(self, atom: Demand, place: _Place) -> Obstacle:
        """What is told of it: where the sender's contract lists others, and who wants it so."""
        sender = self._prover.sender
        lists = next(one for one in self._lists if one.data.named or one.data.patterns)
        named = atom.data.named
        path = named[place.name].path if place.name in named else atom.path
        # What the sender's own contract forbids stands nowhere in the other one.
        path = () if atom.node.document is sender else path
        return Obstacle("property_undeclared", False, lists.path, path)

    @cached_property
    def _lists(self) -> list[Demand]:
        """The sender's own demands on properties."""
        sender = self._prover.sender
        return [one for one in self._facts.of_kind("properties") if one.node.document is sender]

    def _is_assumed(self, place: _Place, given: Iterable[Node]) -> bool:
        """Whether senders are taken not to send it: others are listed, and this is left open."""
        sender = self._prover.sender
        if sender is None or not all(node.is_true for node in given):
            return False
        return any(
            one.data.named or one.data.patterns for one in self._lists
        ) and not self._may_be_declared(place, declared.find(self._sent))

    def _may_be_declared(self, place: _Place, found: declared.Declared) -> bool:
        """Whether the sender's contract declares it, in whichever branches hold."""
        if found.others:
            return True
        if place.name is not None:
            return place.name in found.names or any(
                self._matches(text, place.name) for text in found.patterns
            )
        return (
            not found.names <= self._named
            or not found.patterns <= set(self._patterns)
            or not found.patterns.isdisjoint(place.matching)
        )

    def _declares(self, rule: Properties, place: _Place) -> bool:
        return self._by(rule, place) != [rule.others]

    def _prove_together(self, failing: list[dict[_Place, list[Obstacle]]]) -> bool:
        """Where all break at the same single property, that one would have to break all."""
        if any(places.keys() != failing[0].keys() or len(places) > 1 for places in failing):
            return False
        (place,) = failing[0]
        if place.name is None:
            return False
        goals = [self._by(one.data, place) for one in self._goals]
        if any(len(nodes) > 1 for nodes in goals):
            return False
        return not self._prove_at(place, tuple(node for (node,) in goals))

    # --- what is in the way -----------------------------------------------------------------------

    def _blame(self, failing: list[dict[_Place, list[Obstacle]]]) -> list[Obstacle]:
        if len(self._goals) != 1 or len(self._atoms) > 1:
            return blame(self._facts, self._atoms, self._candidates(failing))
        found: list[Obstacle] = []
        for place, inner in itertools.islice(failing[0].items(), MAX_SHOWN):
            found += self._blame_place(self._goals[0], place, inner)
        return found

    def _blame_place(self, atom: Demand, place: _Place, inner: list[Obstacle]) -> list[Obstacle]:
        names = self._spell(place)
        wrapped = [
            one.holding(
                self._prover.breaking(
                    self._facts,
                    self._atoms,
                    self._holding(names, one.candidates),
                )
            )
            for one in inner
        ]
        about = self._about(atom, place)
        if about is None:
            return wrapped
        added, where = self._facts.places("properties")
        if place.name is not None and not added:
            where = next(
                (rule.named[place.name].path for rule in self._rules if place.name in rule.named),
                where,
            )
        path = atom.data.named[place.name].path if place.name in atom.data.named else atom.path
        values = tuple(value for one in wrapped for value in one.candidates)[:MAX_CANDIDATES]
        return [Obstacle(about, added, where, path, values)]

    def _about(self, atom: Demand, place: _Place) -> str | None:
        """The rule, where the difference is the property's being there."""
        mine = any(self._declares(rule, place) for rule in self._rules)
        yours = self._declares(atom.data, place)
        refused = any(node.is_false for node in self._by(atom.data, place))
        if place.name is None:
            if place.matching:
                return "pattern_properties"
            return "additional_closed" if refused else "additional"
        if mine and refused:
            return "property_closed"
        if yours and not mine and all(node.is_true for node in self._at(place)):
            return "property_undeclared"
        return None

    def _spell(self, place: _Place) -> list[str]:
        """Names for a place."""
        if place.name is not None:
            return [place.name]
        texts = (text for one in sorted(place.matching) for text in patterns.find_matching(one))
        named = (
            self._prover.sampler.find([*self._names, self._names[0].make({"type": "string"})])
            if self._names
            else iter(())
        )
        spelled = (
            name
            for name in itertools.islice(itertools.chain(EXTRA_NAMES, texts, named), 60)
            if name not in self._named
            and self._may_be(name)
            and all(self._matches(one, name) == (one in place.matching) for one in self._patterns)
        )
        return list(itertools.islice(spelled, 2))

    def _holding(self, names: Sequence[str], values: Sequence[Any]) -> Iterator[Any]:
        for value, name in itertools.product(values, names):
            yield from self._prover.sampler.objects(
                self._facts.given, fixed={name: value}, absent=self._absent
            )

    def _candidates(self, failing: list[dict[_Place, list[Obstacle]]]) -> tuple[Any, ...]:
        """Values that break several demands, or one about the object itself."""
        fixed: dict[str, Any] = {}
        for places in failing:
            for place, found in list(places.items())[:1]:
                for name in self._spell(place)[:1]:
                    if found[0].candidates:
                        fixed[name] = found[0].candidates[0]
        sampler, given = self._prover.sampler, self._facts.given
        tried = itertools.chain(
            sampler.objects(given, fixed=fixed, absent=self._absent),
            self._counted(fixed),
            (
                value
                for value in itertools.islice(sampler.find(given), 60)
                if isinstance(value, dict)
            ),
        )
        return self._prover.breaking(self._facts, self._atoms, tried)

    def _counted(self, fixed: dict[str, Any]) -> Iterator[Any]:
        """Objects with as many properties as a demand forbids."""
        most = [one.data for one in self._atoms if one.kind == "maxProperties"]
        for count in most:
            names = (name for name in self._all_names() if self._may_be(name))
            more: dict[str, Any] = {}
            for name in itertools.islice(names, min(count + 1, MAX_SHOWN)):
                for value in self._prover.sampler.first(self._at(_Place(name))):
                    more[name] = value
            yield from self._prover.sampler.objects(
                self._facts.given, fixed={**more, **fixed}, absent=self._absent
            )
        bad = [one.data for one in self._atoms if one.kind == "propertyNames"]
        for goal in bad:
            spelled = [*EXTRA_NAMES, *itertools.islice(self._all_names(), 40), "A" * 100]
            for name in spelled:
                if self._may_be(name) and not self._prover.judge.accept([goal], name):
                    for value in self._prover.sampler.first(self._at(_Place(name))):
                        yield from self._prover.sampler.objects(
                            self._facts.given, fixed={name: value, **fixed}
                        )

    def _all_names(self) -> Iterator[str]:
        for rule in self._rules:
            yield from rule.named
        for text in self._patterns:
            yield from itertools.islice(patterns.find_matching(text), 4)
        if self._names:
            yield from itertools.islice(
                self._prover.sampler.find([*self._names, self._names[0].make({"type": "string"})]),
                20,
            )
        yield from EXTRA_NAMES
        yield from (f"x{number}" for number in range(MAX_SHOWN))
