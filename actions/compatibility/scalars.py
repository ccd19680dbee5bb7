"""Whether numbers, strings, booleans and null that are so and so also satisfy a demand."""

from __future__ import annotations

import itertools
import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from actions.compatibility.kinds import LARGE
from actions.compatibility.obstacles import Facts, Obstacle, Prover
from actions.samples import scalars
from actions.samples.demands import Bound, Demand, exact
from actions.samples.keywords import DRAFT4

MAX_LISTED = 64
_LIMITS = ("minimum", "maximum", "multipleOf")
# What the empty string matches by one of these, others need not.
_LOOKS = re.compile(r"\$|\(\?|\\[^dDsSwW.]")


def matches_all(pattern: str) -> bool:
    """Whether surely every string matches: the empty one does, and nothing looks beyond it."""
    if pattern == "$":
        return True
    try:
        return not _LOOKS.search(pattern) and re.match(pattern, "") is not None
    except (re.error, OverflowError, RecursionError):
        return False


def decide_null(prover: Prover, facts: Facts, atoms: Sequence[Demand]) -> list[Obstacle]:
    """The obstacles where null is allowed."""
    return _judge_each(prover, facts, atoms, [None])


def decide_boolean(prover: Prover, facts: Facts, atoms: Sequence[Demand]) -> list[Obstacle]:
    """The obstacles where booleans are allowed."""
    return _judge_each(prover, facts, atoms, [True, False])


def _judge_each(
    prover: Prover, facts: Facts, atoms: Sequence[Demand], values: Iterable[Any]
) -> list[Obstacle]:
    found = [value for value in values if prover.breaks(facts, atoms, value)]
    return blame(facts, atoms, tuple(found[:4])) if found else []


def blame(
    facts: Facts, atoms: Sequence[Demand], candidates: tuple[Any, ...] = ()
) -> list[Obstacle]:
    """The first demand as the obstacle; without one, the facts do not contradict each other."""
    if not atoms:
        return [Obstacle("false", True, facts.path, (), candidates)]
    atom = atoms[0]
    added, where = facts.places(atom.kind)
    about = "pattern_properties" if atom.kind == "properties" else atom.kind
    return [Obstacle(about, added, where, atom.path, candidates)]


# --- numbers --------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Range:
    """Which numbers there are."""

    low: Bound | None = None
    high: Bound | None = None
    whole: bool = False

    # Of large limits it is known only on which side of the large numbers they are: there, the
    # validator compares integers and doubles in a way of its own.
    def heed(self, facts: Facts, atoms: Iterable[Demand]) -> None:
        """Narrow it to what is demanded, and to what breaks the limits that are to be shown."""
        for one in facts.of_kind("minimum"):
            self.above(one.data)
        for one in facts.of_kind("maximum"):
            self.below(one.data)
        for atom in atoms:
            if atom.kind == "minimum":
                self.below(Bound(atom.data.value, not atom.data.strict))
            elif atom.kind == "maximum":
                self.above(Bound(atom.data.value, not atom.data.strict))

    def above(self, bound: Bound) -> None:
        if bound.value <= -LARGE:
            return
        if bound.value >= LARGE:
            bound = Bound(Fraction(LARGE), strict=False)
        if self.low is None or (bound.value, bound.strict) > (self.low.value, self.low.strict):
            self.low = bound

    def below(self, bound: Bound) -> None:
        if bound.value >= LARGE:
            return
        if bound.value <= -LARGE:
            bound = Bound(Fraction(-LARGE), strict=False)
        if self.high is None or (-bound.value, bound.strict) > (-self.high.value, self.high.strict):
            self.high = bound

    def first(self) -> int | None:
        if self.low is None:
            return None
        value = math.ceil(self.low.value)
        return value + 1 if self.low.strict and value == self.low.value else value

    def last(self) -> int | None:
        if self.high is None:
            return None
        value = math.floor(self.high.value)
        return value - 1 if self.high.strict and value == self.high.value else value

    def is_empty(self) -> bool:
        if self.low is None or self.high is None:
            return False
        if self.whole:
            return self.first() > self.last()  # type: ignore[operator]
        strict = self.low.strict or self.high.strict
        return self.low.value > self.high.value or (self.low.value == self.high.value and strict)


def decide_number(prover: Prover, facts: Facts, atoms: Sequence[Demand]) -> list[Obstacle]:
    """The obstacles where numbers are allowed."""
    if any(_is_said(atom, facts) for atom in atoms):
        return []
    steps = [exact(one.data) for one in facts.of_kind("multipleOf") if one.data < LARGE]
    span = _Range()
    modern = all(node.document.dialect != DRAFT4 for node in facts.given)
    # In draft 4, 1.0 is no integer, though a multiple of 1.
    span.whole = any(one.data.whole for one in facts.of_kind("type")) or (
        modern and any(step.denominator == 1 for step in steps)
    )
    span.heed(facts, atoms)
    if span.is_empty() or any(_follows(atom, span, steps) for atom in atoms):
        return []
    listed = _list(span)
    if listed is not None:
        return _judge_each(prover, facts, atoms, listed)
    near = [one.data.value for one in atoms if one.kind in ("minimum", "maximum")]
    near += [exact(one.data) for one in atoms if one.kind == "multipleOf"]
    values = scalars.find_numbers(facts.demands, near)
    return blame(facts, atoms, prover.breaking(facts, atoms, values))


def _is_said(atom: Demand, facts: Facts) -> bool:
    """Whether the facts say so word for word."""
    text = json.dumps(atom.fragment, sort_keys=True)
    limits = facts.of_kind(atom.kind) if atom.kind in _LIMITS else []
    return any(json.dumps(one.fragment, sort_keys=True) == text for one in limits)


def _follows(atom: Demand, span: _Range, steps: Sequence[Fraction]) -> bool:
    """Whether a demand other than a limit follows from what is known."""
    if atom.kind == "type":
        return span.whole
    if atom.kind != "multipleOf" or atom.data >= LARGE:
        return False
    return _divides(exact(atom.data), steps, whole=span.whole)


def _divides(step: Fraction, steps: Sequence[Fraction], *, whole: bool) -> bool:
    """Whether multiples of the steps are multiples of this one, in doubles, too."""
    if step in steps:
        return True
    if step.denominator != 1:
        return False
    return (whole and step == 1) or any(
        known.denominator == 1 and known % step == 0 for known in steps
    )


def _list(span: _Range) -> list[int] | None:
    if not span.whole or span.low is None or span.high is None:
        return None
    first, last = span.first(), span.last()
    assert first is not None  # noqa: S101
    assert last is not None  # noqa: S101
    return list(range(first, last + 1)) if last - first < MAX_LISTED else None


# --- strings --------------------------------------------------------------------------------------


def decide_string(prover: Prover, facts: Facts, atoms: Sequence[Demand]) -> list[Obstacle]:
    """The obstacles where strings are allowed."""
    least, most = count_range(facts, atoms, "minLength", "maxLength")
    if least > most:
        return []
    if most == 0:
        return _judge_each(prover, facts, atoms, [""])
    for atom in atoms:
        said = [one.data for one in facts.of_kind(atom.kind)]
        if atom.kind == "pattern" and (atom.data in said or matches_all(atom.data)):
            return []
        if atom.kind == "format" and atom.data in said:
            return []
        if atom.kind == "opaque" and any(
            one.fragment == atom.fragment for one in facts.of_kind("opaque")
        ):
            return []
    lengths = [
        length
        for one in atoms
        if one.kind in ("minLength", "maxLength")
        for length in (one.data - 1, one.data + 1, one.data)
    ]
    values = scalars.find_texts(facts.demands, lengths)
    more = prover.sampler.find(facts.given)
    return blame(facts, atoms, prover.breaking(facts, atoms, itertools.chain(values, _texts(more))))


def _texts(values: Iterable[Any]) -> Iterable[str]:
    return (value for value in itertools.islice(values, 20) if isinstance(value, str))


def count_range(
    facts: Facts, atoms: Sequence[Demand], least: str, most: str
) -> tuple[float, float]:
    """How few and how many there may be, where none of the demands holds."""
    low = max((one.data for one in facts.of_kind(least)), default=0)
    high: float = min((one.data for one in facts.of_kind(most)), default=math.inf)
    for atom in atoms:
        if atom.kind == least:
            high = min(high, atom.data - 1)
        elif atom.kind == most:
            low = max(low, atom.data + 1)
    return low, high
