"""The dispatcher's SQL: claim fairly across lanes, and move along what time has decided.

A claim is one short READ COMMITTED transaction of two statements, sent together. The first
picks lanes with due work from a rotating cursor and locks them; the second, with a snapshot
of its own that therefore sees what the lock's last holder did, counts each lane's room and
takes its oldest due rows. In one statement the count would be older than the lock.
"""

from __future__ import annotations

from dispatch.retries import MAX_FAILURES

LEASE_SECONDS = 40
LANES_A_CLAIM = 64
ROWS_A_CLAIM = 100
PROMOTED_AT_ONCE = 5_000
# Advisory locks are keyed by lane id in a namespace of their own: 'way' in the high bytes.
LANE_LOCKS = 0x7761_7900_0000_0000

LOCK_LANES = f"""
WITH RECURSIVE due(lane_id, n) AS (
  (SELECT lane_id, 1 FROM dispatch_actionrecord
   WHERE status = 'queued' AND push AND lane_id > %(after)s ORDER BY lane_id LIMIT 1)
  UNION ALL
  SELECT (SELECT r.lane_id FROM dispatch_actionrecord r
          WHERE r.status = 'queued' AND r.push AND r.lane_id > due.lane_id
          ORDER BY r.lane_id LIMIT 1), n + 1
  FROM due WHERE due.lane_id IS NOT NULL AND n < {LANES_A_CLAIM}
)
SELECT set_config('waybill.lanes', coalesce(array_agg(lane_id)
         FILTER (WHERE pg_try_advisory_xact_lock({LANE_LOCKS} + lane_id)), '{{}}')::text, true),
       max(lane_id), count(lane_id)
FROM due WHERE lane_id IS NOT NULL
"""  # noqa: S608 -- constants only

CLAIM = f"""
WITH due AS MATERIALIZED (
  SELECT picked.id FROM (
    SELECT * FROM dispatch_lane
    WHERE id = ANY(current_setting('waybill.lanes')::bigint[])
      AND destination_id <> ALL(%(crowded)s::bigint[])
    ORDER BY id
  ) l CROSS JOIN LATERAL (
    SELECT count(*) AS running FROM dispatch_actionrecord r
    WHERE r.lane_id = l.id AND r.status = 'running'
  ) f CROSS JOIN LATERAL (
    SELECT r.id FROM dispatch_actionrecord r
    WHERE r.lane_id = l.id AND r.status = 'queued' AND r.push
      AND (r.deadline_at IS NULL OR r.deadline_at > now())
    ORDER BY r.available_at, r.id
    LIMIT CASE WHEN f.running >= l.running_limit THEN 0 ELSE greatest(0, least(
      l.running_limit - f.running,
      l.unsettled_limit - f.running - (
        SELECT count(*) FROM dispatch_actionrecord w
        WHERE w.lane_id = l.id AND w.status = 'ack_wait')
    )) END
    FOR UPDATE SKIP LOCKED
  ) picked
  LIMIT %(rows)s
), claimed AS (
  UPDATE dispatch_actionrecord r
  SET status = 'running', started_at = now(), updated_at = now(),
      timeout_at = now() + interval '{LEASE_SECONDS} seconds'
  FROM due WHERE r.id = due.id
  RETURNING r.id, r.attempt, r.failures, r.destination_id, r.lane_id
)
SELECT c.id, c.attempt, c.failures, c.lane_id, d.type, d.config::text, d.deleted_at IS NOT NULL,
       p.input::text, c.destination_id
FROM claimed c
JOIN destinations_destination d ON d.id = c.destination_id
LEFT JOIN dispatch_actionpayload p ON p.record_id = c.id
"""  # noqa: S608 -- constants only

# What time decides, for a few thousand rows at once: retries become due, lost leases and
# unsettled attempts go back under the next attempt number, actions past their deadline end.
PROMOTE = f"""
WITH due AS MATERIALIZED (
  SELECT id FROM dispatch_actionrecord
  WHERE status = 'scheduled' AND available_at <= now()
  ORDER BY available_at LIMIT {PROMOTED_AT_ONCE} FOR UPDATE SKIP LOCKED
), timed_out AS MATERIALIZED (
  SELECT id FROM dispatch_actionrecord
  WHERE status IN ('running', 'ack_wait') AND timeout_at <= now()
  ORDER BY timeout_at LIMIT {PROMOTED_AT_ONCE} FOR UPDATE SKIP LOCKED
), overdue AS MATERIALIZED (
  SELECT id FROM dispatch_actionrecord
  WHERE deadline_at <= now() AND completed_at IS NULL
  ORDER BY deadline_at LIMIT {PROMOTED_AT_ONCE} FOR UPDATE SKIP LOCKED
), verdict AS MATERIALIZED (
  SELECT r.id, r.attempt, CASE
      WHEN r.deadline_at <= now() THEN 'deadline_exceeded'
      WHEN r.status = 'running' THEN 'lease_expired'
      WHEN r.status = 'ack_wait' THEN 'unsettled'
    END AS kind,
    r.deadline_at <= now() IS TRUE
      OR (r.status = 'ack_wait' AND r.failures + 1 >= {MAX_FAILURES}) AS over
  FROM dispatch_actionrecord r
  -- An array, for which the planner expects few rows: it takes the key for them, not the table.
  WHERE r.id = ANY(ARRAY(
    SELECT id FROM due UNION SELECT id FROM timed_out UNION SELECT id FROM overdue
  ))
), changed AS (
  UPDATE dispatch_actionrecord r SET
    status = CASE WHEN v.over THEN 'failed' ELSE 'queued' END,
    attempt = r.attempt + CASE WHEN r.status IN ('running', 'ack_wait') AND NOT v.over
      THEN 1 ELSE 0 END,
    failures = r.failures + CASE WHEN v.kind = 'unsettled' THEN 1 ELSE 0 END,
    available_at = CASE WHEN r.status = 'scheduled' THEN r.available_at ELSE now() END,
    timeout_at = NULL,
    completed_at = CASE WHEN v.over THEN now() END,
    error_message = CASE v.kind
      WHEN 'deadline_exceeded' THEN 'DEADLINE_EXCEEDED: not settled within its timeout.'
      WHEN 'lease_expired' THEN 'The dispatcher that held it was lost.'
      WHEN 'unsettled' THEN 'Delivered, but not settled in time.'
      ELSE r.error_message END,
    updated_at = now()
  FROM verdict v WHERE r.id = v.id
  RETURNING r.id, r.status, v.attempt, v.kind
), written AS (
  INSERT INTO dispatch_actionevent (record_id, kind, status, attempt)
  SELECT id, kind, status, attempt FROM changed WHERE kind IS NOT NULL
)
SELECT count(*) FILTER (WHERE status = 'queued'), count(*) FROM changed
"""  # noqa: S608 -- constants only
