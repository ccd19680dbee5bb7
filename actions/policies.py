"""Policies of compatibility: beside which versions a new one is judged, and what is found.

Judging may take seconds, and is done before anything is locked, without a connection. A stored
schema never changes: so under the lock it is only looked at whether the versions are still those
that were judged.
"""

from __future__ import annotations

import itertools
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import orjson

from actions import compatibility
from actions.compatibility import Direction, Kind, OpenContent, Policy, Verdict
from actions.models import ActionDefinition
from config.errors import BusyError, ConflictError, Fault
from config.validation import MAX_FAULTS
from runtime import slots
from runtime.seats import Seats

# For all the versions that one is judged beside.
SECONDS = 15.0
# Stored contracts that are in memory at once: each may be large.
READ_AT_ONCE = 20
# From the worst to the best.
VERDICTS = (Verdict.INCOMPATIBLE, Verdict.INDETERMINATE, Verdict.COMPATIBLE)
CODES = {
    Verdict.INCOMPATIBLE: "INCOMPATIBLE",
    Verdict.INDETERMINATE: "COMPATIBILITY_INDETERMINATE",
}
# So many are judged in a process at once, half of them of one organization.
seats = Seats(8)
BUSY = "Too many contracts are being compared just now. Nothing was stored: try again."
UNTOLD = "It cannot be told whether the two contracts are compatible."


@dataclass(frozen=True, slots=True)
class Terms:
    """The policy of a variant, and how strictly an added property is judged."""

    policy: Policy = Policy.NONE
    open_content: OpenContent = OpenContent.STRICT


@dataclass(frozen=True, slots=True)
class Asked:
    """A version that somebody wants stored; without a number, as the next one."""

    org_id: int
    variant: str
    version: int | None
    schema: Any
    digest: bytes


@dataclass(frozen=True, slots=True)
class Place:
    """Where a version belongs: its number, the definition that is stored there already, and the
    ids of those that it has to be compatible with."""

    number: int
    stored: ActionDefinition | None
    terms: Terms
    beside: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """A version, and how the one that was judged stands to it; without an id it is to be stored
    together with that one."""

    definition_id: int | None
    version: int
    report: compatibility.Report


@dataclass(frozen=True, slots=True)
class Judgement:
    """How a version stands to all that it has to be compatible with."""

    asked: Asked
    place: Place
    judged: tuple[Judged, ...]

    @property
    def verdict(self) -> Verdict | None:
        """The worst of all; None where it has to be compatible with nothing."""
        found = {one.report.verdict for one in self.judged}
        return next((verdict for verdict in VERDICTS if verdict in found), None)

    def find_faults(self, *, allow_indeterminate: bool = False) -> list[Fault]:
        """What of it breaks the policy."""
        return find_faults(self.place.number, self.judged, allow_indeterminate=allow_indeterminate)

    def check(self, *, allow_indeterminate: bool) -> None:
        """Refuse what breaks the policy."""
        faults = self.find_faults(allow_indeterminate=allow_indeterminate)
        if faults:
            raise ConflictError.of(faults)


def find_faults(number: int, judged: Sequence[Judged], *, allow_indeterminate: bool) -> list[Fault]:
    """What breaks the policy of a version with this number, that was judged beside these."""
    faults = list(_tell(number, judged, Verdict.INCOMPATIBLE, Kind.BREAKS))
    if not faults and not allow_indeterminate:
        faults = list(_tell(number, judged, Verdict.INDETERMINATE, Kind.UNPROVED))
    return faults[:MAX_FAULTS]


def _tell(number: int, judged: Iterable[Judged], verdict: Verdict, kind: Kind) -> Iterator[Fault]:
    code = CODES[verdict]
    for one in judged:
        if one.report.verdict is verdict:
            beside: dict[str, Any] = {"version": one.version}
            if one.definition_id is not None:
                beside["action_definition_id"] = str(one.definition_id)
            found = [finding for finding in one.report.findings if finding.kind is kind]
            for finding in found:
                # In the schema that was judged: the older of the two where the other is above it.
                is_new = one.version < number
                at = finding.new_pointer if is_new else finding.old_pointer
                message = f"v{one.version}: {finding.message}"
                yield Fault(code, message, f"/schema{at}", beside | finding.as_dict())
            if not found:
                yield Fault(code, f"v{one.version}: {UNTOLD}", "/schema", beside)


def read(versions: Any, policy: str | None, open_content: str | None) -> Terms:
    """The policy of a variant, but for what is named of it.

    The version that was stored first has it: what a process of an earlier release adds, while
    another one is being rolled out, comes behind it.
    """
    stored = versions.order_by("id").values_list("compatibility", "open_content").first()
    held = stored or (Policy.NONE, OpenContent.STRICT)
    return Terms(Policy(policy or held[0]), OpenContent(open_content or held[1]))


def find_beside(versions: Any, number: int, terms: Terms) -> tuple[int, ...]:
    """The ids of the live versions that one of this number has to be compatible with."""
    if terms.policy.direction is None:
        return ()
    ids = dict(versions.live().order_by("version").values_list("version", "id"))
    return tuple(ids[other] for other in choose_beside(list(ids), number, terms.policy))


def choose_beside(live: Sequence[int], number: int, policy: Policy) -> tuple[int, ...]:
    """Of the numbers of live versions, in their order, those that one of this number has to be
    compatible with: first the ones below it, the nearest one first, then those above it."""
    if policy.direction is None:
        return ()
    below, above = bisect_left(live, number), bisect_right(live, number)
    if policy.transitive:
        return (*reversed(live[:below]), *live[above:])
    return (*live[max(below - 1, 0) : below], *live[above : above + 1])


class StoredSchemas:
    """The contracts of stored versions, some in one query: they are asked for in this order, and
    those that are not asked for are passed over."""

    def __init__(self, ids: Iterable[int]) -> None:
        self._ids = iter(ids)
        self._read: dict[int, bytes] = {}

    def read(self, definition_id: int) -> Any:
        """The contract of this version."""
        if definition_id not in self._read:
            ahead = itertools.dropwhile(lambda one: one != definition_id, self._ids)
            some = tuple(itertools.islice(ahead, READ_AT_ONCE))
            rows = ActionDefinition.objects.filter(pk__in=some)
            self._read = dict(rows.values_list("pk", "schema"))
        return orjson.loads(self._read[definition_id])


class Comparisons:
    """One version beside others, in one seat; what is the same as another one is judged once."""

    def __init__(
        self, schema: Any, direction: Direction, open_content: OpenContent, deadline: float
    ) -> None:
        self._schema = schema
        self._direction = direction
        self._open_content = open_content
        self._deadline = deadline
        self._made: dict[tuple[bytes, bool], compatibility.Report] = {}

    @property
    def is_over(self) -> bool:
        """Whether there is no time left for any of them."""
        return time.monotonic() >= self._deadline

    def compare(
        self, digest: bytes, read: Callable[[], Any], *, is_newer: bool
    ) -> compatibility.Report:
        """How it stands to the schema of this digest, as the newer one or the older one.

        The schema is read where it is wanted, and not kept, for each may be large.
        """
        if (digest, is_newer) not in self._made:
            if self.is_over:
                return compatibility.TOO_LATE
            other = read()
            old, new = (other, self._schema) if is_newer else (self._schema, other)
            with slots.left():
                self._made[digest, is_newer] = compatibility.compare_apart(
                    old,
                    new,
                    direction=self._direction,
                    open_content=self._open_content,
                    deadline=self._deadline,
                )
        return self._made[digest, is_newer]


@contextmanager
def seated(org_id: int) -> Iterator[None]:
    """In a seat for one judgement, which leaves its slot while it compares."""
    with seats.take(org_id) as is_seated:
        if not is_seated:
            raise BusyError(BUSY)
        yield


def judge(asked: Asked, place: Place) -> Judgement:
    """How the version stands to each that it has to be compatible with, the nearest one first."""
    direction = place.terms.policy.direction
    if direction is None or not place.beside:
        return Judgement(asked, place, ())
    deadline = time.monotonic() + SECONDS
    comparisons = Comparisons(asked.schema, direction, place.terms.open_content, deadline)
    others = ActionDefinition.objects.only("version", "schema_digest").in_bulk(place.beside)
    stored = StoredSchemas(place.beside)
    with seated(asked.org_id):
        judged = tuple(_judge(place, others[one], comparisons, stored) for one in place.beside)
    return Judgement(asked, place, judged)


def _judge(
    place: Place, other: ActionDefinition, comparisons: Comparisons, stored: StoredSchemas
) -> Judged:
    # A version in between is the new one for those below it, and the old one for those above.
    report = comparisons.compare(
        bytes(other.schema_digest),
        partial(stored.read, other.pk),
        is_newer=other.version < place.number,
    )
    return Judged(other.pk, other.version, report)
