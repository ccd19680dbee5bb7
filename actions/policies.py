"""Policies of compatibility: beside which versions a new one is judged, and what is found.

Judging may take seconds, and is done before anything is locked, without a connection. A stored
schema never changes: so under the lock it is only looked at whether the versions are still those
that were judged.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from actions import compatibility
from actions.compatibility import Direction, Finding, Kind, OpenContent, Verdict
from actions.models import ActionDefinition
from config.errors import BusyError, ConflictError, Fault
from config.validation import MAX_FAULTS
from runtime import slots
from runtime.seats import Seats

# For all the versions that one is judged beside.
SECONDS = 15.0
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

    policy: compatibility.Policy = compatibility.Policy.NONE
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
    """A stored version, and how the one that was judged stands to it."""

    definition_id: int
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
        faults = list(self._tell(Verdict.INCOMPATIBLE, Kind.BREAKS))
        if not faults and not allow_indeterminate:
            faults = list(self._tell(Verdict.INDETERMINATE, Kind.UNPROVED))
        return faults[:MAX_FAULTS]

    def check(self, *, allow_indeterminate: bool) -> None:
        """Refuse what breaks the policy."""
        faults = self.find_faults(allow_indeterminate=allow_indeterminate)
        if faults:
            raise ConflictError.of(faults)

    def _tell(self, verdict: Verdict, kind: Kind) -> Iterator[Fault]:
        code = CODES[verdict]
        for one in self.judged:
            if one.report.verdict is verdict:
                beside = {"version": one.version, "action_definition_id": str(one.definition_id)}
                found = [finding for finding in one.report.findings if finding.kind is kind]
                for finding in found:
                    at = f"/schema{self._point(one, finding)}"
                    message = f"v{one.version}: {finding.message}"
                    yield Fault(code, message, at, beside | finding.as_dict())
                if not found:
                    yield Fault(code, f"v{one.version}: {UNTOLD}", "/schema", beside)

    def _point(self, one: Judged, finding: Finding) -> str:
        """Where it is in the schema that was judged, the older of the two where one above is."""
        is_new = one.version < self.place.number
        return finding.new_pointer if is_new else finding.old_pointer


def read(versions: Any, policy: str | None, open_content: str | None) -> Terms:
    """The policy of a variant, but for what is named of it.

    The version that was stored first has it: what a process of an earlier release adds, while
    another one is being rolled out, comes behind it.
    """
    stored = versions.order_by("id").values_list("compatibility", "open_content").first()
    held = stored or (compatibility.Policy.NONE, OpenContent.STRICT)
    return Terms(compatibility.Policy(policy or held[0]), OpenContent(open_content or held[1]))


def find_beside(versions: Any, number: int, terms: Terms) -> tuple[int, ...]:
    """The ids of the live versions that one of this number has to be compatible with."""
    if terms.policy.direction is None:
        return ()
    most = None if terms.policy.transitive else 1
    lower = versions.live().filter(version__lt=number).order_by("-version")
    higher = versions.live().filter(version__gt=number).order_by("version")
    ids = (rows.values_list("id", flat=True)[:most] for rows in (lower, higher))
    return tuple(one for found in ids for one in found)


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

    def compare(
        self, digest: bytes, read: Callable[[], Any], *, is_newer: bool
    ) -> compatibility.Report:
        """How it stands to the schema of this digest, as the newer one or the older one.

        The schema is read where it is wanted, and not kept, for each may be large.
        """
        if (digest, is_newer) not in self._made:
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
    with seated(asked.org_id):
        judged = tuple(_judge(place, one, comparisons) for one in place.beside)
    return Judgement(asked, place, judged)


def _judge(place: Place, other_id: int, comparisons: Comparisons) -> Judged:
    other = ActionDefinition.objects.only("version", "schema_digest").get(pk=other_id)
    # A version in between is the new one for those below it, and the old one for those above.
    report = comparisons.compare(
        bytes(other.schema_digest), other.read_schema, is_newer=other.version < place.number
    )
    return Judged(other.pk, other.version, report)
