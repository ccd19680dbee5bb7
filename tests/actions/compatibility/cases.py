"""One case: a pair of schemas with payloads for them, and what must hold whatever they are."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from actions.compatibility import Direction, Kind, OpenContent, Report, Verdict
from tests.actions.compatibility.decisions import Decisions
from tests.actions.compatibility.instances import make_instances
from tests.actions.compatibility.mutations import EDITS, OPEN_EDITS, Edit, mutate
from tests.actions.compatibility.opened import make_open
from tests.actions.compatibility.oracles import Oracle, admitted, are_equal
from tests.actions.compatibility.payloads import find_payloads, find_samples
from tests.actions.compatibility.schemas import make_document
from tests.actions.compatibility.senders import Sender
from tests.actions.compatibility.shrinking import Pair, shrink, smaller_values

Compare = Callable[..., Report]
# Each pair is asked for more than once; one in so many for all that can be asked.
THOROUGH = 8
# One in so many pairs is judged for senders of declared properties only, too.
LENIENT = 4
# Once in so many times there is an open object, too.
OPEN = 6
# One in so many first schemas has instances by schemathesis, too, which are slow.
GENERATED = 4
# They have the first schema in common, with its samples.
PAIRS = 6


@dataclass(frozen=True)
class Case:
    """Two admitted schemas, the second one perhaps a version of the first, and payloads."""

    old: Oracle
    new: Oracle
    versions: bool
    payloads: list[Any]
    thorough: bool
    lenient: bool = False

    def breaking(self) -> list[Any]:
        """The payloads that the old one accepts and the new one refuses, the shortest first."""
        found = [p for p in self.payloads if self.old.accepts(p) and not self.new.accepts(p)]
        return sorted(found, key=lambda payload: len(json.dumps(payload)))


@dataclass
class Tally:
    """What was seen in all cases."""

    pairs: Counter = field(default_factory=Counter)
    seen: Counter = field(default_factory=Counter)
    causes: Counter = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Count what another one has counted, too."""
        self.pairs += other.pairs
        self.seen += other.seen
        self.causes += other.causes

    @property
    def cases(self) -> int:
        """How many pairs were compared."""
        return sum(self.pairs.values())


class CounterexampleError(AssertionError):
    """What the engine said of a pair, and the payload that shows it to be wrong."""

    def __init__(self, what: str, case: Case, payload: Any = None) -> None:
        self.what, self.case, self.payload = what, case, payload
        super().__init__(json.dumps(self.as_dict()))

    def as_dict(self) -> dict[str, Any]:
        """The counterexample as JSON."""
        old, new = self.case.old.schema, self.case.new.schema
        return {"what": self.what, "old": old, "new": new, "payload": self.payload}


def make_cases(seed: bytes) -> Iterator[Case]:
    """Pairs of one schema and its versions, or others, as far as they are admitted.

    Now and then also of an open object, then all of them for such senders.
    """
    decide, aside = Decisions(seed), Decisions(b"aside" + seed)
    yield from _make_pairs(decide, aside, make_document(decide), EDITS, lenient=LENIENT)
    if aside.happens(OPEN):
        yield from _make_pairs(aside, aside, make_open(aside), OPEN_EDITS, lenient=1)


def _make_pairs(
    decide: Decisions, aside: Decisions, schema: Any, edits: Sequence[Edit], *, lenient: int
) -> Iterator[Case]:
    old = admitted(schema)
    if old is None:
        return
    samples = find_samples(old)
    instances = make_instances(old, aside.below(256)) if aside.happens(GENERATED) else []
    for _ in range(PAIRS):
        versions, thorough = not decide.happens(5), decide.happens(THOROUGH)
        new = admitted(mutate(decide, old.schema, edits) if versions else make_document(decide))
        if new is not None and not are_equal(old.schema, new.schema):
            payloads = find_payloads(decide, {old: samples, new: find_samples(new)})
            payloads += instances
            yield Case(old, new, versions, payloads, thorough, aside.happens(lenient))


def shrunk(compare: Compare, found: CounterexampleError) -> CounterexampleError:
    """The same fault, shown by the smallest pair."""
    smallest = [found]

    def fails(pair: Pair) -> bool:
        old, new = map(admitted, pair)
        if old is None or new is None:
            return False
        samples = {old: find_samples(old), new: find_samples(new)}
        known = smallest[-1].payload
        more = find_payloads(Decisions(b""), samples)
        payloads = [known, *smaller_values(known), *more]
        case = replace(found.case, old=old, new=new, payloads=payloads)
        try:
            hold(compare, case, Tally())
        except CounterexampleError as error:
            if error.what == found.what:
                smallest.append(error)
        return smallest[-1].case is case

    shrink((found.case.old.schema, found.case.new.schema), fails)
    return smallest[-1]


def hold(compare: Compare, case: Case, tally: Tally) -> None:
    """`CounterexampleError` where the engine is wrong about this case; else it is counted."""
    report = _ask(compare, case, Direction.BACKWARD)
    tally.pairs["versions" if case.versions else "independent", report.verdict.value] += 1
    _hold_shape(case, report)
    if any(finding.kind is Kind.ASSUMED for finding in report.findings):
        raise CounterexampleError("assumed of senders what was not asked for", case)
    if report.verdict is Verdict.COMPATIBLE:
        _hold_compatible(case, case.payloads, tally)
    elif report.verdict is Verdict.INCOMPATIBLE:
        _hold_samples(case, report.findings, tally)
    else:
        tally.seen["indeterminate with a payload that breaks"] += bool(case.breaking())
        tally.causes.update({finding.rule for finding in report.findings})
    if case.thorough:
        _hold_again(compare, case, report)
    if case.lenient:
        _hold_lenient(compare, case, report, tally)


def _ask(compare: Compare, case: Case, direction: Direction, **how: Any) -> Report:
    try:
        return compare(case.old.schema, case.new.schema, direction=direction, **how)
    except Exception as error:
        raise CounterexampleError(f"raised {error!r}", case) from error


def _hold_lenient(compare: Compare, case: Case, strict: Report, tally: Tally) -> None:
    """Compatible is so for those who send no undeclared properties; for all, if none is assumed.

    Nothing is assumed where nothing needs to be, and what a sample shows is what they send.
    """
    report = _ask(compare, case, Direction.BACKWARD, open_content=OpenContent.LENIENT)
    tally.seen[f"lenient: {report.verdict.value}"] += 1
    _hold_shape(case, report)
    sender = Sender(case.old.schema, case.old.dialect)
    if report.verdict is Verdict.COMPATIBLE:
        assumes = bool(report.findings)
        tally.seen["lenient: compatible for what is assumed"] += assumes
        kept = [sender.keep_declared(payload) for payload in case.payloads]
        sends = sender.sends if assumes else _sends_all
        _hold_compatible(case, [*case.payloads, *kept], tally, sends)
        if assumes and strict.verdict is Verdict.COMPATIBLE:
            raise CounterexampleError("lenient: assumes what it need not", case)
    elif strict.verdict is Verdict.COMPATIBLE:
        raise CounterexampleError("lenient: compatible for all, but not for some", case)
    _hold_samples(case, report.findings, tally)
    for finding in report.findings:
        if finding.kind is Kind.BREAKS and not sender.sends(finding.sample):
            raise CounterexampleError("lenient: nobody sends the sample", case, finding.sample)
    if case.thorough:
        _hold_again(compare, case, report, open_content=OpenContent.LENIENT)


def _sends_all(_: Any) -> bool:
    return True


def _hold_compatible(
    case: Case, payloads: Iterable, tally: Tally, sends: Callable[[Any], bool] = _sends_all
) -> None:
    """No payload that is sent shows the contrary, but for one that the validators differ on."""
    for payload in payloads:
        tally.seen["payloads judged"] += 1
        if not case.old.accepts(payload):
            continue
        tally.seen["payloads accepted"] += 1
        if not (case.old.is_agreed(payload) and case.new.is_agreed(payload)):
            tally.seen["payloads that the validators differ on"] += 1
        elif not case.new.accepts(payload) and sends(payload):
            raise CounterexampleError("called compatible", case, payload)


def _hold_samples(case: Case, findings: Iterable, tally: Tally) -> None:
    """Each sample is accepted and refused as it says, by both validators where they agree."""
    sides = {"old": case.old, "new": case.new}
    for finding in findings:
        if finding.accepted_by is None:
            continue
        accepting, refusing = sides[finding.accepted_by], sides[finding.refused_by]
        tally.seen["samples"] += 1
        if not accepting.accepts(finding.sample) or refusing.accepts(finding.sample):
            raise CounterexampleError("a sample shows nothing", case, finding.sample)
        agreed = accepting.is_agreed(finding.sample) and refusing.is_agreed(finding.sample)
        tally.seen["samples that the validators differ on"] += not agreed


def _hold_shape(case: Case, report: Report) -> None:
    """The verdict and the findings say the same, in one direction."""
    breaking = [finding for finding in report.findings if finding.kind is Kind.BREAKS]
    if (report.verdict is Verdict.INCOMPATIBLE) != bool(breaking):
        raise CounterexampleError("the verdict and the findings differ", case)
    for finding in breaking:
        if (finding.accepted_by, finding.refused_by) != ("old", "new"):
            raise CounterexampleError("a finding of the other direction", case, finding.sample)


def _hold_again(compare: Compare, case: Case, report: Report, **how: Any) -> None:
    """Asked again, from the other side, and about itself."""
    old, new = case.old.schema, case.new.schema
    if compare(*copy.deepcopy((old, new)), direction=Direction.BACKWARD, **how) != report:
        raise CounterexampleError("said something else the second time", case)
    reverse = compare(new, old, direction=Direction.FORWARD, **how)
    if list(_turned(reverse)) != list(_told(report)):
        raise CounterexampleError("backward and forward differ", case)
    if compare(old, old, direction=Direction.BACKWARD, **how) != Report(Verdict.COMPATIBLE):
        raise CounterexampleError("not compatible with itself", case)
    if compare(old, new, direction=Direction.FULL, **how).verdict is Verdict.COMPATIBLE:
        forward = compare(old, new, direction=Direction.FORWARD, **how)
        if {report.verdict, forward.verdict} != {Verdict.COMPATIBLE}:
            raise CounterexampleError("compatible in full, but not in both directions", case)


def _told(report: Report) -> Iterator[tuple]:
    """What does not depend on the direction's own names for rules."""
    yield (report.verdict,)
    for finding in report.findings:
        yield (finding.kind, finding.old_pointer, finding.new_pointer, finding.accepted_by)


def _turned(report: Report) -> Iterator[tuple]:
    """What is told of a report with the two sides exchanged."""
    yield (report.verdict,)
    for finding in report.findings:
        yield (finding.kind, finding.new_pointer, finding.old_pointer, finding.refused_by)
