"""Who was told what: accepted, stored and delivered, reconciled id by id."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from tests.chaos.clients import Receiver, Traffic
from tests.chaos.database import Database
from tests.chaos.receiver import Request

RECOVERY_SECONDS = 60
OVER = {"succeeded", "failed", "canceled"}
# What explains that an attempt was followed by another one.
ENDED_ATTEMPT = {"lease_expired", "retried"}
# What tells of a status that was reached before.
NO_STEP = {"late", "replayed"}
STORED = """
SELECT r.id::text, r.replay_of::text, r.status, r.attempt, (p.input->>'n')::int,
  extract(epoch FROM r.completed_at)::float8, e.events
FROM dispatch_actionrecord r
JOIN actions_actiondefinition d ON d.id = r.definition_id
LEFT JOIN dispatch_actionpayload p ON p.record_id = r.id
CROSS JOIN LATERAL (
  SELECT array_agg(array[e.kind, e.status, e.attempt::text] ORDER BY e.id) AS events
  FROM dispatch_actionevent e WHERE e.record_id = r.id
) e
WHERE d.variant = %s
"""
RUNNING = """
SELECT d.variant, count(*) FROM dispatch_actionrecord r
JOIN actions_actiondefinition d ON d.id = r.definition_id
WHERE r.status = 'running' GROUP BY d.variant
"""
# A record and its event are one statement: no snapshot shows the one without the other.
TORN = """
SELECT r.id FROM dispatch_actionrecord r
WHERE (r.completed_at IS NOT NULL) <> EXISTS (
  SELECT 1 FROM dispatch_actionevent e
  WHERE e.record_id = r.id AND e.attempt = r.attempt AND e.kind <> 'late'
    AND e.status IN ('succeeded', 'failed', 'canceled')
)
"""
OPEN = """
SELECT (
  SELECT count(*) FROM dispatch_actionrecord r
  JOIN actions_actiondefinition d ON d.id = r.definition_id
  WHERE r.completed_at IS NULL AND d.variant = ANY(%(variants)s)
) + (
  SELECT count(*) FROM operations_bulkoperation b
  WHERE b.finished_at IS NULL AND b.filter->>'variant' = ANY(%(variants)s)
)
"""
OPERATIONS = """
SELECT id, status, done, error_message FROM operations_bulkoperation
WHERE filter->>'variant' = %s
"""


class Event(NamedTuple):
    """One thing that happened to an action."""

    kind: str
    status: str
    attempt: int


@dataclass(frozen=True)
class Stored:
    """An action as the database has it."""

    id: str
    replay_of: str | None
    status: str
    attempt: int
    number: int | None
    completed_at: float | None
    events: list[Event]


@dataclass(frozen=True)
class Account:
    """What came of one variant's actions. Good where there are no faults."""

    accepted: int
    unanswered: int
    # Of those without an answer.
    stored_unanswered: int
    replayed: int
    succeeded: int
    failed: int
    lost: int
    duplicates: int
    leases_lost: int
    # From the end of the fault until the last of them was over.
    recovery: float
    faults: list[str]


class Ledger:
    """Knows at each strike what was in flight, and reconciles in the end."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.in_flight: Counter[str] = Counter()
        self.torn: set[int] = set()

    def note_strike(self) -> None:
        """After a strike: what is running now is what may have lost its lease by it."""
        self.in_flight.update(dict(self.database.rows(RUNNING)))
        self.note_torn()

    def note_torn(self) -> None:
        """Look for records that are over without the event that says so, or the reverse."""
        self.torn.update(record_id for (record_id,) in self.database.rows(TORN))

    def count_open(self, *variants: str) -> int:
        """How many actions of the variants, and operations on them, are not over."""
        return int(self.database.rows(OPEN, {"variants": list(variants)})[0][0])

    def read_stored(self, variant: str) -> list[Stored]:
        """The variant's actions, with their events in order."""
        return [
            Stored(*row, [Event(kind, status, int(attempt)) for kind, status, attempt in events])
            for *row, events in self.database.rows(STORED, [variant])
        ]

    def reconcile(self, traffic: Traffic, receiver: Receiver, fault_over: float) -> Account:
        """What came of the traffic."""
        stored = {one.id: one for one in self.read_stored(traffic.variant)}
        seen: defaultdict[str, list[Request]] = defaultdict(list)
        for request in receiver.read_seen():
            seen[request.action_id].append(request)
        originals = {pk for pk, one in stored.items() if one.replay_of is None}
        lost = sorted(find_lost(traffic, stored, seen))
        leases_lost = sum(
            event.kind == "lease_expired" for one in stored.values() for event in one.events
        )
        faults = [*traffic.wrong, *lost, *find_discord(traffic, stored, seen)]
        faults += self._find_wrong_operations(traffic)
        faults += [f"action {record_id} is torn from its event" for record_id in sorted(self.torn)]
        if leases_lost > self.in_flight[traffic.variant]:
            most = self.in_flight[traffic.variant]
            faults.append(f"{leases_lost} leases ran out, but only {most} were in flight")
        over = [one.completed_at for one in stored.values() if one.completed_at]
        recovery = max(0.0, max(over, default=fault_over) - fault_over)
        if recovery > RECOVERY_SECONDS:
            faults.append(f"the last one was over {recovery:.1f} s after the fault")
        return Account(
            accepted=len(traffic.accepted),
            unanswered=len(traffic.unanswered),
            stored_unanswered=len(originals - traffic.accepted.keys()),
            replayed=len(stored) - len(originals),
            succeeded=sum(one.status == "succeeded" for one in stored.values()),
            failed=sum(one.status == "failed" for one in stored.values()),
            lost=len(lost),
            duplicates=sum(len(requests) - 1 for requests in seen.values()),
            leases_lost=leases_lost,
            recovery=recovery,
            faults=faults,
        )

    def _find_wrong_operations(self, traffic: Traffic) -> Iterator[str]:
        for operation_id, status, done, error in self.database.rows(OPERATIONS, [traffic.variant]):
            if (status, done) != ("succeeded", len(traffic.replayed)):
                yield f"replay {operation_id} in bulk is {status} after {done} actions: {error}"


def find_lost(
    traffic: Traffic, stored: dict[str, Stored], seen: dict[str, list[Request]]
) -> Iterator[str]:
    """Each action that somebody counts on, and that did not come to its end."""
    for action_id in traffic.accepted.keys() - stored.keys():
        yield f"action {action_id} was accepted and is not stored"
    for action_id in traffic.replayed - {one.replay_of for one in stored.values()}:
        yield f"action {action_id} was not replayed"
    for one in stored.values():
        if one.status not in OVER:
            yield f"action {one.id} is still {one.status}: {one.events}"
        elif one.status == "succeeded":
            acked = {request.attempt for request in seen.get(one.id, []) if request.acked_at}
            if one.attempt not in acked:
                yield f"action {one.id} succeeded by attempt {one.attempt}, acked were {acked}"


def find_discord(
    traffic: Traffic, stored: dict[str, Stored], seen: dict[str, list[Request]]
) -> Iterator[str]:
    """Everything else in which the clients, the database and the receiver do not agree."""
    for action_id in seen.keys() - stored.keys():
        yield f"action {action_id} was delivered and is not stored"
    for one in stored.values():
        yield from _find_wrong_number(one, traffic)
        yield from _find_wrong_end(one)
        told = sum(event.kind == "replayed" for event in one.events)
        if told != (one.id in traffic.replayed):
            yield f"action {one.id} tells of {told} replays"
        yield from _find_unexplained(one, [request.attempt for request in seen.get(one.id, [])])
    # A replay bears the number of its original.
    numbers = Counter((one.number, one.replay_of) for one in stored.values())
    for (number, replay_of), count in numbers.items():
        what = "handed in" if replay_of is None else "replayed"
        if count > 1:
            yield f"number {number} was {what} once and stored {count} times"
        if replay_of not in {None, *traffic.replayed}:
            yield f"action {replay_of} was replayed, and nobody had asked for it"


def _find_wrong_number(one: Stored, traffic: Traffic) -> Iterator[str]:
    expected = traffic.accepted.get(one.replay_of or one.id)
    if expected is None and one.number not in traffic.unanswered:
        yield f"action {one.id} with number {one.number} is nobody's"
    if expected is not None and expected != one.number:
        yield f"action {one.id} holds number {one.number}, and was accepted for {expected}"


def _find_wrong_end(one: Stored) -> Iterator[str]:
    """Here no destination refuses for good: what is over has succeeded, and says so once."""
    if one.status == "failed":
        yield f"action {one.id} failed: {one.events}"
    ends = [event for event in one.events if event.status in OVER and event.kind not in NO_STEP]
    expected = [(one.status, one.attempt)] if one.status in OVER else []
    if [(event.status, event.attempt) for event in ends] != expected:
        yield f"action {one.id} is {one.status} in attempt {one.attempt}, and its events: {ends}"


def _find_unexplained(one: Stored, delivered: list[int]) -> Iterator[str]:
    """An attempt goes out once, and is followed by another one for a reason that is written."""
    if len(set(delivered)) < len(delivered):
        yield f"action {one.id} was delivered under the same attempt twice: {delivered}"
    reasons = {event.attempt for event in one.events if event.kind in ENDED_ATTEMPT}
    if unexplained := set(range(one.attempt)) - reasons:
        yield f"action {one.id} left attempts {unexplained} for no reason: {one.events}"
    if delivered and max(delivered) > one.attempt:
        yield f"action {one.id} was delivered under attempt {max(delivered)} of {one.attempt}"
