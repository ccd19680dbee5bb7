"""Storing an action that the storing process is to deliver at once: never due, never claimed.

It counts as running in its lane. An operator's pause and caps hold, and so does the pause that
failures have led to; a lane's learnt limit does not: somebody is waiting.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import orjson
from django.db import connection
from django.db.backends.utils import CursorWrapper

from config.errors import BusyError, ConflictError
from destinations import keys
from destinations.attempts import ATTEMPT_SECONDS, Attempt
from dispatch.intake import DestinationGoneError, Routed
from dispatch.models import ActionEvent
from dispatch.retries import LEASE_SECONDS

# Of the same namespace as the dispatchers': where a lane is capped, nobody counts beside another.
LANE_LOCKS = 0x7761_7900_0000_0000
LOCK_LANE = f"""
SELECT pg_advisory_xact_lock({LANE_LOCKS} + id) FROM dispatch_lane
WHERE id = %(lane)s AND coalesce(running_cap, unsettled_cap) IS NOT NULL
"""  # noqa: S608 -- constants only
LOOK = """
SELECT d.paused_at IS NOT NULL, least(l.running_cap, l.unsettled_cap) = 0 IS TRUE,
  greatest(0, extract(epoch FROM l.paused_until - now()))::float8, l.opened > 0,
  f.running, l.running_limit,
  f.running >= l.running_cap IS TRUE OR (l.unsettled_cap IS NOT NULL AND l.unsettled_cap <= (
    SELECT count(*) FROM dispatch_actionrecord r
    WHERE r.lane_id = l.id AND r.status IN ('running', 'ack_wait')))
FROM dispatch_lane l JOIN destinations_destination d ON d.id = l.destination_id
CROSS JOIN LATERAL (
  SELECT count(*) AS running FROM dispatch_actionrecord r
  WHERE r.lane_id = l.id AND r.status = 'running'
) f
WHERE l.id = %(lane)s
"""
STORE = f"""
WITH live AS MATERIALIZED (
  SELECT id FROM destinations_destination
  WHERE id = %(destination)s AND deleted_at IS NULL FOR KEY SHARE
), action AS MATERIALIZED (
  SELECT nextval('dispatch_actionrecord_id_seq') AS id FROM live
), stored AS (
  INSERT INTO dispatch_actionrecord (id, org_id, definition_id, destination_id, lane_id, status,
    push, once, attempt, failures, available_at, started_at, timeout_at, tags, error_message)
  SELECT id, %(org)s, %(definition)s, %(destination)s, %(lane)s, 'running', true, true, 0, 0,
    now(), now(), now() + interval '{LEASE_SECONDS} seconds', %(tags)s::jsonb, ''
  FROM action
), payload AS (
  INSERT INTO dispatch_actionpayload (record_id, input) SELECT id, %(input)s::json FROM action
), event AS (
  INSERT INTO dispatch_actionevent (record_id, kind, status, attempt, available_at, detail)
  SELECT id, '{ActionEvent.Kind.ACCEPTED}', 'running', 0, now(),
    jsonb_build_object('by', %(actor)s::text, 'direct', true)
  FROM action
)
SELECT a.id, extract(epoch FROM now())::float8, d.config::text, d.protocol, {keys.COLUMN}
FROM action a CROSS JOIN destinations_destination d WHERE d.id = %(destination)s
"""  # noqa: S608 -- constants only


KEYS = f"""
SELECT d.config::text, d.protocol, {keys.COLUMN}
FROM destinations_destination d WHERE d.id = %(destination)s
"""  # noqa: S608 -- constants only


class Begun(NamedTuple):
    """An action that this process has stored and is to deliver."""

    attempt: Attempt
    # When that was, by the database's clock.
    started: float
    # Whether its lane is full with it: only then its success says that the lane may grow.
    is_filling: bool


def store(org_id: int, placed: Routed, *, actor: str, ends: float) -> Begun:
    """The action, stored as running, with the attempt that delivers it until `ends`.

    Raises `DestinationGoneError` where its destination was deleted since it was routed.
    """
    with connection.cursor() as cursor:
        is_filling = _check_lane(cursor, placed.lane_id)
        parameters = {
            "org": org_id,
            "definition": placed.route.definition_id,
            "destination": placed.route.destination_id,
            "lane": placed.lane_id,
            "tags": orjson.dumps(placed.tags).decode(),
            "input": placed.input.decode(),
            "actor": actor,
        }
        cursor.execute(STORE, parameters)
        row = cursor.fetchone()
    if row is None:
        raise DestinationGoneError("The destination was deleted in this moment: send it again.")
    record_id, started, *of_destination = row
    attempt = _make_attempt(record_id, placed, *of_destination, ends=ends)
    # So that what it is signed with bears the database's time.
    attempt.claimed_at = started + attempt.seconds_left() - ATTEMPT_SECONDS
    return Begun(attempt, started, is_filling)


def preview(placed: Routed, *, ends: float) -> Attempt:
    """The attempt at an action that is not stored: 0 stands for its id."""
    with connection.cursor() as cursor:
        cursor.execute(KEYS, {"destination": placed.route.destination_id})
        return _make_attempt(0, placed, *cursor.fetchone(), ends=ends)


def _check_lane(cursor: CursorWrapper, lane_id: int | None) -> bool:
    """Whether its lane is full with one more, by the learnt limit; raises where none may start."""
    cursor.execute(LOCK_LANE, {"lane": lane_id})
    cursor.execute(LOOK, {"lane": lane_id})
    paused, closed, seconds, is_probing, running, limit, is_capped = cursor.fetchone()
    if paused or closed:
        what = "destination is paused" if paused else "lane's cap is 0"
        raise ConflictError(f"Its {what}: an operator lets nothing start.", code="PAUSED")
    if seconds > 0 or (is_probing and running):
        raise BusyError(
            "Its destination has failed again and again, and is left alone for now.",
            retry_after=max(1, math.ceil(seconds)),
            code="BACKING_OFF",
        )
    if is_capped:
        raise BusyError("As much is under way in its lane as an operator allows.")
    return bool(running + 1 >= limit)


def _make_attempt(
    record_id: int,
    placed: Routed,
    config: str,
    protocol: str,
    stored_keys: str | None,
    *,
    ends: float,
) -> Attempt:
    return Attempt(
        record_id=record_id,
        number=0,
        failures=0,
        type=placed.route.kind or "",
        config=orjson.loads(config),
        payload=placed.input,
        ends=ends,
        variant=placed.route.variant,
        lane_id=placed.lane_id or 0,
        keys=keys.read_keys(stored_keys),
        destination_id=placed.route.destination_id or 0,
        protocol=protocol,
        wants_answer=True,
    )
