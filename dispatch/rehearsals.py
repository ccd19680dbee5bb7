"""What publishing a version would do, and which of the payloads that were sent it would refuse.

Nothing is stored, and nothing is locked: it takes as long as it may, in one of a few seats. While
payloads are judged, others work in its slot.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson
from django.db import connection

from actions import contracts, judge, services
from actions.policies import Judgement
from config import strictjson
from config.errors import BusyError, Fault
from runtime import slots
from runtime.seats import Seats

MOST_PAYLOADS = 1_000
# Payloads may have a megabyte each.
MOST_BYTES = 16_000_000
READ_AT_ONCE = 16
SECONDS = 10.0
MOST_FAILURES = 100
MOST_FAULTS = 10
# Of a variant, its newest versions; of an organization, its newest actions.
MOST_VERSIONS = 100
LOOKED_AT = 10_000
# By version they have no index: each action that is over would pay for it. That a column is equal
# to what it is compared with is not said: ordered by ids alone, it could be read by the index of
# all ids, for however long.
FIND = f"""
WITH version AS MATERIALIZED (
  SELECT id, version FROM actions_actiondefinition
  WHERE org_id = %(org)s AND variant = %(variant)s ORDER BY version DESC LIMIT {MOST_VERSIONS}
), newest AS MATERIALIZED (
  SELECT id, definition_id FROM dispatch_actionrecord
  WHERE org_id BETWEEN %(org)s AND %(org)s ORDER BY org_id, id DESC LIMIT {LOOKED_AT}
)
SELECT r.id, v.version FROM newest r JOIN version v ON v.id = r.definition_id
ORDER BY r.id DESC LIMIT %(most)s
"""  # noqa: S608 -- constants only
READ = """
SELECT record_id, input::text FROM dispatch_actionpayload
WHERE record_id = ANY(%s::bigint[]) ORDER BY record_id DESC
"""
NOT_JUDGED = (judge.TOO_LONG, judge.TOO_LATE, judge.FAILED)
# So many are under way in a process, half of them of one organization.
seats = Seats(4)


@dataclass(frozen=True, slots=True)
class Failure:
    """An action whose payload would be refused."""

    record_id: int
    version: int
    faults: Sequence[Fault]


@dataclass(slots=True)
class Replayed:
    """What came of the payloads: `not_judged` are those for which time or room was over."""

    passed: int = 0
    failed: int = 0
    not_judged: int = 0
    failures: list[Failure] = field(default_factory=list)

    def add(self, record_id: int, version: int, faults: Sequence[Fault]) -> None:
        """Count a payload that has these faults."""
        if not faults:
            self.passed += 1
        elif faults[0] in NOT_JUDGED:
            self.not_judged += 1
        else:
            self.failed += 1
            if len(self.failures) < MOST_FAILURES:
                self.failures.append(Failure(record_id, version, faults[:MOST_FAULTS]))


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """How a version would be judged, and what it would do to those who send."""

    judgement: Judgement
    allow_indeterminate: bool
    replayed: Replayed

    @property
    def outcome(self) -> str:
        """What publishing it would do, but for the policy."""
        stored = self.judgement.place.stored
        if stored is None:
            return "published"
        return "kept" if stored.deleted_at is None else "restored"

    @property
    def is_accepted(self) -> bool:
        """Whether the policy lets it."""
        faults = self.judgement.find_faults(allow_indeterminate=self.allow_indeterminate)
        return not faults


def rehearse(*, org_id: int, payloads: int, allow_indeterminate: bool, **version: Any) -> Rehearsal:
    """What `put_definition` would do with the version, and to the last so many payloads.

    Raises what that would raise, but for the policy of compatibility.
    """
    with seats.take(org_id) as is_seated:
        if not is_seated:
            raise BusyError("Too many contracts are being checked just now.")
        judgement = services.judge_version(org_id=org_id, **version)
        replayed = replay(judgement, payloads)
        return Rehearsal(judgement, allow_indeterminate, replayed)


def replay(judgement: Judgement, most: int) -> Replayed:
    """What becomes of the last payloads of the variant, at most so many. It takes a seat."""
    asked = judgement.asked
    with connection.cursor() as cursor:
        cursor.execute(FIND, {"org": asked.org_id, "variant": asked.variant, "most": most})
        versions: dict[int, int] = dict(cursor.fetchall())
    if not versions:
        # To compile a great contract takes half a second.
        return Replayed()
    with slots.left():
        return _judge(asked.schema, versions)


def _judge(schema: Any, versions: dict[int, int]) -> Replayed:
    """What the contract says to the payloads of these actions, which have these versions."""
    contract = contracts.compile_contract(strictjson.dumps(schema))
    replayed, unread = Replayed(), list(versions)
    deadline, room = time.monotonic() + SECONDS, MOST_BYTES
    while unread and room > 0 and time.monotonic() < deadline:
        ids, unread = unread[:READ_AT_ONCE], unread[READ_AT_ONCE:]
        for record_id, body in _read(ids):
            faults = contract.find_faults(orjson.loads(body), body, deadline)
            replayed.add(record_id, versions[record_id], faults)
            room -= len(body)
    replayed.not_judged += len(unread)
    return replayed


def _read(ids: Sequence[int]) -> list[tuple[int, bytes]]:
    """The payloads of these actions that are still kept."""
    with slots.entered(), connection.cursor() as cursor:
        cursor.execute(READ, [list(ids)])
        return [(record_id, body.encode()) for record_id, body in cursor.fetchall()]
