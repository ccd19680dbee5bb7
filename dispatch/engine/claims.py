"""The dispatcher's SQL: claim fairly across lanes, and move along what time has decided.

A claim is one short READ COMMITTED transaction of two statements, sent together: a pipeline,
whose statements are one implicit transaction up to its Sync. The first
picks lanes with due work from a rotating cursor and locks them; the second, with a snapshot
of its own that therefore sees what the lock's last holder did, counts each lane's room and
takes its oldest due rows. In one statement the count would be older than the lock.
"""

from __future__ import annotations

from destinations import keys
from dispatch import settlement, throttle
from dispatch.retries import LEASE_SECONDS, MAX_FAILURES

LANES_A_CLAIM = 64
# So many are looked at for that, the paused ones included.
LANES_SEEN = 256
ROWS_A_CLAIM = 100
PROMOTED_AT_ONCE = 5_000
# Advisory locks are keyed by lane id in a namespace of their own: 'way' in the high bytes.
LANE_LOCKS = 0x7761_7900_0000_0000

# The next lanes with due work, from the cursor on. Those that are paused are passed by at once:
# there may be thousands of them, and looking at their room would keep the others waiting.
LOCK_LANES = f"""
WITH RECURSIVE due(lane_id, is_open, found, seen) AS (
  SELECT %(after)s::bigint, false, 0, 0
  UNION ALL
  SELECT next.lane_id, o.is_open, found + o.is_open::int, seen + 1
  FROM due CROSS JOIN LATERAL (
    SELECT r.lane_id FROM dispatch_actionrecord r
    WHERE r.status = 'queued' AND r.push AND r.lane_id > due.lane_id
    ORDER BY r.lane_id LIMIT 1
  ) next
  -- OFFSET keeps each look behind the one before: joined in another order, a plan that was made
  -- when there were few lanes would go through all of them for each.
  CROSS JOIN LATERAL (
    SELECT NOT {throttle.IS_PAUSED} AS is_open
    FROM (SELECT * FROM dispatch_lane WHERE id = next.lane_id OFFSET 0) l
    JOIN destinations_destination d ON d.id = l.destination_id OFFSET 0
  ) o
  WHERE found < {LANES_A_CLAIM} AND seen < {LANES_SEEN}
)
SELECT set_config('waybill.lanes', coalesce(array_agg(lane_id) FILTER (WHERE
         CASE WHEN is_open THEN pg_try_advisory_xact_lock({LANE_LOCKS} + lane_id) END
       ), '{{}}')::text, true),
       max(lane_id), max(found) = {LANES_A_CLAIM} OR max(seen) = {LANES_SEEN}
FROM due
"""  # noqa: S608 -- constants only

# What may start in a lane is what both limits leave, within the operator's caps: nothing while
# the lane or its destination is paused, one probe at a time after its breaker has opened.
CLAIM = f"""
WITH lane AS MATERIALIZED (
  SELECT l.*, d.type, d.protocol, d.config::text, d.deleted_at IS NOT NULL AS deleted, f.running,
    w.unsettled, {keys.COLUMN} AS keys,
    CASE WHEN {throttle.IS_PAUSED} THEN 0
         WHEN l.opened > 0 THEN least(1, l.running_cap) - f.running
         ELSE least(l.running_limit, l.running_cap) - f.running END AS room
  FROM dispatch_lane l
  JOIN destinations_destination d ON d.id = l.destination_id
  CROSS JOIN LATERAL (
    SELECT count(*) AS running FROM dispatch_actionrecord r
    WHERE r.lane_id = l.id AND r.status = 'running'
  ) f
  -- No further than it matters: there may be many.
  CROSS JOIN LATERAL (
    SELECT f.running + count(*) AS unsettled FROM (
      SELECT FROM dispatch_actionrecord r WHERE r.lane_id = l.id AND r.status = 'ack_wait'
      LIMIT least(l.unsettled_limit, l.unsettled_cap)
    ) waiting
  ) w
  WHERE l.id = ANY(current_setting('waybill.lanes')::bigint[])
    AND l.destination_id <> ALL(%(crowded)s::bigint[])
), due AS MATERIALIZED (
  SELECT picked.id FROM (
    SELECT id, least(room, least(unsettled_limit, unsettled_cap) - unsettled) AS room
    FROM lane ORDER BY id
  ) l CROSS JOIN LATERAL (
    SELECT r.id FROM dispatch_actionrecord r
    WHERE r.lane_id = l.id AND r.status = 'queued' AND r.push
      AND (r.deadline_at IS NULL OR r.deadline_at > now())
    ORDER BY r.available_at, r.id
    LIMIT greatest(0, l.room)
    FOR UPDATE SKIP LOCKED
  ) picked
  LIMIT %(rows)s
), claimed AS (
  UPDATE dispatch_actionrecord r
  SET status = 'running', started_at = now(), updated_at = now(),
      timeout_at = now() + interval '{LEASE_SECONDS} seconds'
  FROM due WHERE r.id = due.id
  RETURNING r.id, r.attempt, r.failures, r.destination_id, r.lane_id, r.definition_id
)
SELECT c.id, c.attempt, c.failures, c.lane_id, l.type, l.config, l.deleted,
       -- By its key, whatever the planner thinks of a join.
       (SELECT p.input::text FROM dispatch_actionpayload p WHERE p.record_id = c.id),
       c.destination_id, extract(epoch FROM now())::float8, l.keys,
       -- A plain webhook's receiver is not told.
       CASE WHEN l.type <> 'webhook' OR l.protocol <> 'plain' THEN (
         SELECT a.variant FROM actions_actiondefinition a WHERE a.id = c.definition_id
       ) END,
       l.protocol, l.running, l.unsettled,
       {throttle.COLUMNS}
FROM claimed c
JOIN lane l ON l.id = c.lane_id
"""  # noqa: S608 -- constants only

# What time decides, for a few thousand rows at once: retries become due, lost leases and
# unsettled attempts go back under the next attempt number, actions past their deadline end, and
# so do those that nobody has approved. What is tried only once does not go back: it has failed.
# It wakes those who wait to pull; it also tells how much of it is to be delivered, whether anything
# is due at all, and whose settlement deadlines have passed.
PROMOTE = f"""
WITH due AS MATERIALIZED (
  SELECT id FROM dispatch_actionrecord
  WHERE status = 'scheduled' AND available_at <= now()
  ORDER BY available_at LIMIT {PROMOTED_AT_ONCE} FOR UPDATE SKIP LOCKED
), timed_out AS MATERIALIZED (
  -- By its time alone, or the planner might go through all that is in flight.
  SELECT id FROM (
    SELECT id, status FROM dispatch_actionrecord WHERE timeout_at <= now()
    ORDER BY timeout_at LIMIT {PROMOTED_AT_ONCE} FOR UPDATE SKIP LOCKED
  ) passed
  WHERE status IN ('running', 'ack_wait', 'held')
), overdue AS MATERIALIZED (
  SELECT id FROM dispatch_actionrecord
  WHERE deadline_at <= now() AND completed_at IS NULL
  ORDER BY deadline_at LIMIT {PROMOTED_AT_ONCE} FOR UPDATE SKIP LOCKED
), verdict AS MATERIALIZED (
  SELECT r.id, r.attempt, CASE
      WHEN r.deadline_at <= now() THEN 'deadline_exceeded'
      WHEN r.status = 'running' THEN 'lease_expired'
      WHEN r.status = 'ack_wait' THEN 'unsettled'
      WHEN r.status = 'held' THEN 'approval_expired'
    END AS kind,
    -- Whether its attempt was sent by then: of one that is under way nobody knows.
    CASE WHEN r.deadline_at <= now() THEN jsonb_build_object('while', r.status, 'sent',
      CASE r.status WHEN 'ack_wait' THEN true WHEN 'running' THEN NULL ELSE false END)
      WHEN r.once THEN jsonb_build_object('ambiguous', true)
    END AS detail,
    r.deadline_at <= now() IS TRUE OR r.status = 'held'
      OR (r.once AND r.status IN ('running', 'ack_wait'))
      OR (r.status = 'ack_wait' AND r.failures + 1 >= {MAX_FAILURES}) AS over
  FROM dispatch_actionrecord r
  -- An array, for which the planner expects few rows: it takes the key for them, not the table.
  WHERE r.id = ANY(ARRAY(
    SELECT id FROM due UNION SELECT id FROM timed_out UNION SELECT id FROM overdue
  ))
), changed AS (
  UPDATE dispatch_actionrecord r SET
    status = CASE WHEN v.kind = 'approval_expired' THEN 'canceled'
      WHEN v.over THEN 'failed' ELSE 'queued' END,
    attempt = r.attempt + CASE WHEN r.status IN ('running', 'ack_wait') AND NOT v.over
      THEN 1 ELSE 0 END,
    failures = r.failures + CASE WHEN v.kind = 'unsettled' THEN 1 ELSE 0 END,
    available_at = CASE WHEN r.status IN ('scheduled', 'held') THEN r.available_at
      ELSE now() END,
    timeout_at = NULL,
    completed_at = CASE WHEN v.over THEN now() END,
    error_message = CASE v.kind
      WHEN 'deadline_exceeded' THEN 'DEADLINE_EXCEEDED: not settled within its timeout.'
      WHEN 'approval_expired' THEN 'Nobody approved it in time.'
      WHEN 'lease_expired' THEN CASE WHEN r.once
        THEN 'The process that delivered it was lost; it may have been done.'
        ELSE 'The dispatcher that held it was lost.' END
      WHEN 'unsettled' THEN 'Delivered, but not settled in time.'
      ELSE r.error_message END,
    updated_at = now()
  FROM verdict v WHERE r.id = v.id
  RETURNING r.id, r.status, v.attempt, v.kind, v.detail, r.lane_id, r.started_at, r.push,
    r.destination_id
), written AS (
  INSERT INTO dispatch_actionevent (record_id, kind, status, attempt, detail)
  SELECT id, kind, status, attempt, detail FROM changed WHERE kind IS NOT NULL
)
SELECT count(*) FILTER (WHERE status = 'queued' AND push), count(*),
  -- In the order of the index: the planner takes it, and not the table, for the first row.
  (SELECT lane_id FROM dispatch_actionrecord WHERE status = 'queued' AND push
   ORDER BY lane_id LIMIT 1) IS NOT NULL,
  extract(epoch FROM now())::float8,
  coalesce(array_agg(lane_id) FILTER (WHERE kind = 'unsettled'), '{{}}'),
  coalesce(array_agg(extract(epoch FROM started_at)::float8)
    FILTER (WHERE kind = 'unsettled'), '{{}}'),
  (SELECT count(pg_notify('{settlement.PULL}', destination_id::text)) FROM (
    SELECT DISTINCT destination_id FROM changed WHERE status = 'queued' AND NOT push
  ) pulled)
FROM changed
"""  # noqa: S608 -- constants only
