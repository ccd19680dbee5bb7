"""Two contracts compared: by proof, and by payloads that both validators were asked about."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from actions import samples
from actions.compatibility import declared
from actions.compatibility.obstacles import Obstacle, merge
from actions.compatibility.proofs import Proofs
from actions.compatibility.reports import (
    Direction,
    Finding,
    Kind,
    OpenContent,
    Report,
    Verdict,
)
from actions.compatibility.rules import RULES
from actions.samples.demands import Reader
from actions.samples.documents import Document, Judge, Node, are_same
from actions.samples.values import OutOfStepsError, Sampler, Steps
from config import strictjson, validation
from config.errors import pointer

MAX_STEPS = 100_000
MAX_FINDINGS = 50
MAX_SAMPLES = 300
MAX_SAMPLE_BYTES = 20_000
MAX_TRIED = 40


def compare(
    old: Any,
    new: Any,
    *,
    direction: Direction,
    open_content: OpenContent = OpenContent.STRICT,
    max_steps: int = MAX_STEPS,
) -> Report:
    """The report on two admitted schemas. It takes long for some: see `checks.compare_apart`."""
    lenient = open_content is OpenContent.LENIENT
    sides = (
        ("old", old, _dialect(old) or _dialect(new)),
        ("new", new, _dialect(new) or _dialect(old)),
    )
    orders = {
        Direction.BACKWARD: [sides],
        Direction.FORWARD: [sides[::-1]],
        Direction.FULL: [sides, sides[::-1]],
    }
    comparisons = (
        # Their documents are in the same order in both directions: so is what is looked at first.
        _Comparison(_Contract("narrower", *sub), _Contract("wider", *sup), lenient, max_steps)
        for sub, sup in orders[direction]
    )
    return join([comparison.report() for comparison in comparisons])


def join(reports: Sequence[Report]) -> Report:
    """One report of several: the worst verdict, what breaks first."""
    verdicts = [report.verdict for report in reports]
    findings = [finding for report in reports for finding in report.findings]
    order = [Kind.BREAKS, Kind.UNPROVED, Kind.ASSUMED]
    findings.sort(key=lambda finding: order.index(finding.kind))
    bad = (Verdict.INCOMPATIBLE, Verdict.INDETERMINATE, Verdict.COMPATIBLE)
    return Report(next(one for one in bad if one in verdicts), tuple(findings))


def _dialect(schema: Any) -> str | None:
    """The schema's dialect; None for one that is the same in all."""
    if not isinstance(schema, dict):
        return None
    return str(schema.get("$schema", validation.DEFAULT_DIALECT)).removesuffix("#")


class _Contract:
    def __init__(self, role: str, name: str, schema: Any, named: str | None) -> None:
        dialect = named or validation.DEFAULT_DIALECT
        self.name, self.dialect, self.schema = name, dialect, schema
        self.document = Document(role, schema, dialect)
        self.text = json.dumps(schema, sort_keys=True)
        self.validator = validation.compile_schema(schema, dialect=dialect)

    @property
    def root(self) -> Node:
        return self.document.root


@dataclass
class _Comparison:
    """Whether what `sub` accepts, `sup` accepts."""

    sub: _Contract
    sup: _Contract
    lenient: bool
    max_steps: int

    def report(self) -> Report:
        if self.sup.root.is_true or self.sub.root.is_false:
            return Report(Verdict.COMPATIBLE)
        obstacles, assumed = self._look_for_proof()
        if not obstacles:
            told = (self._finding(one, Kind.ASSUMED) for one in merge(assumed))
            return Report(Verdict.COMPATIBLE, tuple(itertools.islice(told, MAX_FINDINGS)))
        breaking, unproved = self._judge(obstacles)
        if not breaking:
            breaking = list(itertools.islice(self._sampled(), 1))
        verdict = Verdict.INCOMPATIBLE if breaking else Verdict.INDETERMINATE
        return Report(verdict, tuple((breaking + unproved)[:MAX_FINDINGS]))

    def _look_for_proof(self) -> tuple[list[Obstacle], list[Obstacle]]:
        if self.sub.dialect != self.sup.dialect:
            return [self._whole("dialect")], []
        documents = (self.sub.document, self.sup.document)
        if self.sub.text == self.sup.text:
            return [], []
        if any(document.dynamic for document in documents):
            return [self._whole("dynamic")], []
        if any(document.unseen for document in documents):
            return [self._whole("unseen")], []
        if are_same(self.sub.root, self.sup.root):
            return [], []
        if not self.lenient:
            return self._prove(None)
        obstacles, assumed = self._prove(self.sub.document)
        if assumed and not obstacles and not self._prove(None)[0]:
            # What was assumed on the way was not needed.
            return [], []
        return obstacles, assumed

    def _prove(self, sender: Document | None) -> tuple[list[Obstacle], list[Obstacle]]:
        """What is in the way of a proof, and what is assumed of a sender for it."""
        judge = Judge([self.sub.document, self.sup.document])
        reader, steps = Reader(), Steps(self.max_steps)
        # What is sampled on the way must not end the proof.
        sampler = Sampler(judge, reader, Steps(self.max_steps))
        prover = Proofs(judge, reader, sampler, steps, sender=sender)
        try:
            return prover.prove([self.sub.root], (self.sup.root,)), prover.assumed
        except OutOfStepsError:
            return [self._whole("intricate")], []

    def _whole(self, about: str) -> Obstacle:
        return Obstacle(about, True, (), ())

    def _judge(self, obstacles: Iterable[Obstacle]) -> tuple[list[Finding], list[Finding]]:
        """The obstacles that a payload shows to be real, and the others."""
        breaking: list[Finding] = []
        unproved: list[Finding] = []
        for one in itertools.islice(obstacles, MAX_FINDINGS):
            shown = next((value for value in one.candidates if self._breaks(value)), _NONE)
            if shown is _NONE:
                unproved.append(self._finding(one, Kind.UNPROVED))
            else:
                breaking.append(self._finding(one, Kind.BREAKS, shown))
        return breaking, unproved

    def _sampled(self) -> Iterator[Finding]:
        """What samples show that the rules have missed."""
        found = samples.generate(self.sub.schema, dialect=self.sub.dialect, limit=MAX_SAMPLES)
        for value in found:
            if self._breaks(value):
                error = next(iter(self.sup.validator.iter_errors(value)))
                one = Obstacle("sample", True, (), tuple(error.schema_path))
                yield self._finding(one, Kind.BREAKS, value)

    def _breaks(self, value: Any) -> bool:
        """Whether one validator accepts the payload, and the other refuses it."""
        text = json.dumps(value).encode()
        return (
            len(text) <= MAX_SAMPLE_BYTES
            and strictjson.depth(text) <= strictjson.MAX_DEPTH
            and b"\\u0000" not in text
            and self.sub.validator.is_valid(value)
            and not self.sup.validator.is_valid(value)
            and not (self.lenient and declared.sends_more(self.sub.document, value))
        )

    def _finding(self, one: Obstacle, kind: Kind, sample: Any = None) -> Finding:
        narrows = self.sub.name == "old"
        rule = RULES[one.about]
        old, new = (one.sub, one.sup) if narrows else (one.sup, one.sub)
        shown = kind is Kind.BREAKS
        return Finding(
            rule.name(narrows=narrows, added=one.added),
            kind,
            rule.message(narrows=narrows, added=one.added),
            pointer(old),
            pointer(new),
            self.sub.name if shown else None,
            self.sup.name if shown else None,
            sample,
        )


_NONE = object()
