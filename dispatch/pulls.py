"""Pulling: the oldest due actions of a namespace, taken by a worker until its lease ends.

A pull is one short transaction of two statements, as a dispatcher's claim is: the first picks
lanes that have due work and room, from a rotating cursor, and locks them; the second, whose
snapshot sees what the lock's last holder did, takes their oldest rows into `ack_wait`. The lease
is the settlement deadline: what is not settled by then comes back under its next attempt.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from django.db import connection, transaction

from dispatch import rounds, throttle, waiting
from dispatch.models import ActionEvent, Status
from dispatch.waiting import Key, lobby

LANES_SEEN = 256
# So many looks of `LANES_SEEN` lanes each, where all of them are full or paused.
MOST_LOOKS = 8
# What one answer may hold; the first action is given however large it is.
MOST_BYTES = 16_000_000
MOST_CURSORS = 10_000
# Of the same namespace as the dispatcher's: a lane has one lock, whoever claims from it.
LANE_LOCKS = 0x7761_7900_0000_0000

# The most that may be in workers' hands, by the limit that is learnt and by both caps.
_MOST = "least(l.unsettled_limit, l.unsettled_cap, l.running_cap)"
# How much of that is left in a lane `l` of a destination `d`. Counted no further than it matters.
_ROOM = f"""CASE WHEN {throttle.IS_PAUSED} THEN 0 ELSE {_MOST} - (
    SELECT count(*) FROM (
      SELECT FROM dispatch_actionrecord h
      WHERE h.lane_id = l.id AND h.status IN ('running', 'ack_wait') LIMIT {_MOST}
    ) held
  ) END"""  # noqa: S608 -- constants only
_DUE = """r.destination_id = pulled.destination_id AND r.status = 'queued' AND NOT r.push"""
# The next lanes with due work, from the cursor on, until they have as much as is asked for. Those
# with room are locked; where another pull has a lane, the next one is as good. For the statement
# after this the planner is told what the dispatcher's connections are told: to read by keys,
# however small the tables once were.
LOCK_LANES = f"""
WITH RECURSIVE due(lane_id, is_held, found, seen) AS (
  SELECT %(after)s::bigint, NULL::bool, 0::bigint, 0
  UNION ALL
  SELECT next.lane_id, o.is_held, found + CASE WHEN o.is_held THEN least(o.room, ready.count)
    ELSE 0 END, seen + 1
  FROM due CROSS JOIN LATERAL (
    SELECT pulled.destination_id, first.lane_id
    FROM unnest(%(destinations)s::bigint[]) AS pulled(destination_id) CROSS JOIN LATERAL (
      -- By both columns, for what waits in lanes has another index, which holds much more.
      SELECT r.lane_id FROM dispatch_actionrecord r
      WHERE {_DUE} AND (r.destination_id, r.lane_id) > (pulled.destination_id, due.lane_id)
      ORDER BY r.lane_id LIMIT 1
    ) first
    ORDER BY first.lane_id LIMIT 1
  ) next
  CROSS JOIN LATERAL (
    SELECT room,
      CASE WHEN room > 0 THEN pg_try_advisory_xact_lock({LANE_LOCKS} + next.lane_id) END AS is_held
    FROM (
      SELECT {_ROOM} AS room
      FROM (SELECT * FROM dispatch_lane WHERE id = next.lane_id OFFSET 0) l
      JOIN destinations_destination d ON d.id = l.destination_id AND d.deleted_at IS NULL OFFSET 0
    ) open OFFSET 0
  ) o
  CROSS JOIN LATERAL (
    SELECT count(*) FROM (
      SELECT FROM dispatch_actionrecord r
      WHERE r.destination_id = next.destination_id AND r.lane_id = next.lane_id
        AND r.status = 'queued' AND NOT r.push
      LIMIT %(most)s
    ) waiting
  ) ready
  WHERE found < %(most)s AND seen < {LANES_SEEN}
)
SELECT set_config('waybill.lanes',
         coalesce(array_agg(lane_id) FILTER (WHERE is_held), '{{}}')::text, true),
       max(lane_id),
       (max(found) >= %(most)s OR max(seen) = {LANES_SEEN}) AND EXISTS (
         SELECT FROM unnest(%(destinations)s::bigint[]) AS pulled(destination_id)
         CROSS JOIN LATERAL (
           SELECT FROM dispatch_actionrecord r WHERE {_DUE} AND
             (r.destination_id, r.lane_id) > (pulled.destination_id, (SELECT max(lane_id) FROM due))
           LIMIT 1
         ) further
       ),
       count(*) FILTER (WHERE is_held) > 0, min(lane_id) FILTER (WHERE NOT is_held),
       set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true)
FROM due
"""  # noqa: S608 -- constants only
# Where other pulls have all of them: the first one, as soon as it is free.
WAIT_FOR_LANE = f"""
SELECT pg_advisory_xact_lock({LANE_LOCKS} + %(lane)s::bigint),
  set_config('waybill.lanes', ARRAY[%(lane)s::bigint]::text, true)
"""
CLAIM = f"""
WITH lane AS MATERIALIZED (
  SELECT l.id, l.destination_id, {_ROOM} AS room,
    -- Whether to tell that it is full: by what is learnt, not by a cap, and for the first time.
    {_MOST} = l.unsettled_limit AND NOT {rounds.IS_FILLED} AS tells
  FROM dispatch_lane l JOIN destinations_destination d ON d.id = l.destination_id
  WHERE l.id = ANY(current_setting('waybill.lanes')::bigint[])
), due AS MATERIALIZED (
  SELECT picked.id, row_number() OVER () AS position
  FROM (SELECT * FROM lane ORDER BY id) l CROSS JOIN LATERAL (
    SELECT r.id FROM dispatch_actionrecord r
    WHERE r.destination_id = l.destination_id AND r.lane_id = l.id
      AND r.status = 'queued' AND NOT r.push
      AND (r.deadline_at IS NULL OR r.deadline_at > now())
    ORDER BY r.available_at, r.id
    LIMIT greatest(0, l.room)
    FOR UPDATE SKIP LOCKED
  ) picked
  LIMIT %(most)s
), payload AS MATERIALIZED (
  SELECT due.id, due.position, (
    -- By its key, whatever the planner thinks of a join.
    SELECT p.input::text FROM dispatch_actionpayload p WHERE p.record_id = due.id
  ) AS input FROM due
), fitting AS MATERIALIZED (
  SELECT id, position, input FROM (
    SELECT *, sum(octet_length(input)) OVER (ORDER BY position) - octet_length(input) AS before
    FROM payload
  ) summed WHERE coalesce(before, 0) < {MOST_BYTES}
), claimed AS (
  UPDATE dispatch_actionrecord r
  SET status = '{Status.ACK_WAIT}', started_at = now(), updated_at = now(),
      timeout_at = now() + %(lease)s::int * interval '1 second'
  FROM fitting f WHERE r.id = f.id
  RETURNING r.id, r.attempt, r.definition_id, r.lane_id, r.tags::text,
    least(r.timeout_at, r.deadline_at) AS deadline, f.position, f.input
), topped AS MATERIALIZED (
  -- Whoever has the row locked is moving its limits: then it is another one anyway.
  SELECT id FROM dispatch_lane WHERE id = ANY(ARRAY(
    SELECT l.id FROM lane l WHERE l.tells
      AND l.room <= (SELECT count(*) FROM claimed c WHERE c.lane_id = l.id)
  )) FOR NO KEY UPDATE SKIP LOCKED
), filled AS (
  UPDATE dispatch_lane l SET filled_at = now() FROM topped WHERE l.id = topped.id
), written AS (
  INSERT INTO dispatch_actionevent (record_id, kind, status, attempt, detail)
  SELECT id, '{ActionEvent.Kind.PULLED}', '{Status.ACK_WAIT}', attempt, %(detail)s::jsonb
  FROM claimed
)
SELECT c.id, c.attempt, a.variant, a.version, c.input, c.tags, c.deadline, c.lane_id
FROM claimed c CROSS JOIN LATERAL (
  SELECT variant, version FROM actions_actiondefinition WHERE id = c.definition_id OFFSET 0
) a
ORDER BY c.position
"""  # noqa: S608 -- constants only


@dataclass(frozen=True, slots=True)
class Order:
    """What is asked for, and by whom."""

    org_id: int
    namespace: str
    most: int
    lease_seconds: int
    actor: str
    worker: str = ""

    @property
    def key(self) -> Key:
        """What those who wait are found by."""
        return self.org_id, self.namespace

    def as_detail(self) -> str:
        """Who has pulled, and for how long, as an event's detail."""
        detail: dict[str, Any] = {"by": self.actor, "seconds": self.lease_seconds}
        if self.worker:
            detail["worker"] = self.worker
        return orjson.dumps(detail).decode()


class Pulled(NamedTuple):
    """An action in a worker's hands: `input` and `tags` are JSON, `deadline` ends its lease."""

    record_id: int
    attempt: int
    variant: str
    version: int
    input: str | None
    tags: str
    deadline: datetime
    lane_id: int


class Cursors:
    """Behind which lane each namespace's next pull begins, as far as this process knows."""

    def __init__(self) -> None:
        self.after: dict[Key, int] = {}

    def move(self, key: Key, after: int) -> None:
        """Begin there; forget all when there are too many."""
        if len(self.after) >= MOST_CURSORS:
            self.after = {}
        self.after[key] = after


cursors = Cursors()


def pull(order: Order, *, wait_seconds: float) -> list[Pulled]:
    """The actions, up to as many as asked for; none where there are none within that time.

    No connection, transaction or slot is held while it waits.
    """
    if not wait_seconds:
        return take(order, waiting.find_destinations(order.key))
    ends = time.monotonic() + wait_seconds
    with lobby.enter(order.key) as waiter:
        while True:
            waiter.prepare()
            destinations = waiting.find_destinations(order.key)
            waiter.watch(destinations)
            pulled = take(order, destinations)
            if pulled or not waiter.wait(ends - time.monotonic()):
                return pulled


def take(order: Order, destinations: Sequence[int]) -> list[Pulled]:
    """What is due in the lanes of these destinations, as far as they have room."""
    if not destinations:
        return []
    after = cursors.after.get(order.key, 0)
    is_last_turn = after == 0
    for _ in range(MOST_LOOKS):
        pulled, last_lane, more = _claim(order, destinations, after)
        if pulled:
            _go_on(order, pulled, last_lane, more=more)
            return pulled
        if not more and is_last_turn:
            cursors.move(order.key, 0)
            return []
        is_last_turn |= not more
        after = last_lane if more else 0
    cursors.move(order.key, after)
    return []


def _go_on(order: Order, pulled: list[Pulled], last_lane: int, *, more: bool) -> None:
    """Where the next pull begins, and who is to make it."""
    is_full = len(pulled) == order.most
    # Of several lanes the one that was cut, and served last, waits for its next turn.
    served = pulled[-1].lane_id if is_full else last_lane
    cursors.move(order.key, served if more or served < last_lane else 0)
    if is_full or more:
        # Nobody may say so again: there may be some for the next one who waits.
        lobby.ring(order.key)


@transaction.atomic
def _claim(order: Order, destinations: Sequence[int], after: int) -> tuple[list[Pulled], int, bool]:
    """The actions taken, the last lane looked at, and whether there may be more lanes."""
    with connection.cursor() as cursor:
        asked: dict[str, Any] = {
            "after": after,
            "destinations": list(destinations),
            "most": order.most,
        }
        cursor.execute(LOCK_LANES, asked)
        _, last_lane, more, is_held, busy, *_ = cursor.fetchone()
        if not is_held and busy is None:
            return [], last_lane, more
        if not is_held:
            cursor.execute(WAIT_FOR_LANE, {"lane": busy})
        cursor.execute(
            CLAIM,
            {"most": order.most, "lease": order.lease_seconds, "detail": order.as_detail()},
        )
        return [Pulled(*row) for row in cursor.fetchall()], last_lane, more
