"""An installation that has been busy for a week: a million actions over ten thousand lanes.

Written by SQL around one destination, one definition, one lane and one action that Waybill itself
has stored: what a row has besides is as it wrote it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg

from benchmarks import targets
from benchmarks.filling import COLUMNS
from benchmarks.stack import Stack

# The first of a table is the one that Waybill has stored.
DESTINATIONS = {
    "label": "'destination ' || lpad(n::text, 5, '0')",
    "created_at": "now() - interval '20 days'",
}
DEFINITIONS = {
    "variant": "(ARRAY['orders','mail','billing','crm','stock'])[1 + n % 5] || '.event_' || n",
    "version": "v",
    "created_at": "now() - interval '20 days' + v * interval '1 day'",
}
LANES = {
    "destination_id": "d.id",
    "tags": "jsonb_build_object('tenant', 't' || n)",
    "tags_digest": "sha256(convert_to('tenant' || n, 'UTF8'))",
}
# How many of a thousand actions have which status, and what else is then so. Work is due in few
# lanes: in those of which `hot` is true.
STATUS = """CASE
  WHEN k < 30 THEN 'failed' WHEN k < 45 THEN 'canceled' WHEN k < 48 THEN 'held'
  WHEN k < 52 THEN 'ack_wait' WHEN k < 53 THEN 'running'
  WHEN k < 63 THEN 'scheduled' WHEN k < 83 AND hot THEN 'queued' ELSE 'succeeded' END"""
RECORDS = {
    "destination_id": "l.destination_id",
    "definition_id": "l.definition_id",
    "lane_id": "l.id",
    "org_id": "r.org_id",
    "status": "s.status",
    "tags": "l.tags",
    "attempt": "CASE WHEN s.status = 'failed' THEN 11 ELSE n % 3 END",
    "failures": "CASE WHEN s.status = 'failed' THEN 12 ELSE n % 3 END",
    "created_at": "s.at",
    "updated_at": "s.at + interval '2 seconds'",
    "started_at": "s.at + interval '1 second'",
    "available_at": "CASE WHEN s.status = 'scheduled' THEN now() + random() * interval '1 day' "
    "WHEN s.status = 'queued' THEN now() - random() * interval '3 hours' ELSE s.at END",
    "timeout_at": "CASE WHEN s.status IN ('running', 'ack_wait', 'held') "
    "THEN now() + interval '1 day' END",
    "completed_at": "CASE WHEN s.status IN ('succeeded', 'failed', 'canceled') "
    "THEN s.at + random() * interval '4 seconds' END",
    "error_message": "CASE WHEN s.status = 'failed' THEN "
    "'HTTP 503: upstream ' || n % 40 || ' is not there' ELSE '' END",
}
HOT_LANES = 200
# Payloads and events are of the newest: older ones have been deleted, as retention has it.
KEPT = 100_000
PARTS = 10
# How destinations have answered for two days, and lanes moved within one.
MEASURES = """
INSERT INTO destinations_sounding
  (destination_id, at, succeeded, failed, late, times, error, error_at)
SELECT d.id, at, 50, n % 7, 2, '{"50": 40, "60": 13}',
       CASE WHEN n % 7 > 3 THEN 'HTTP 503' ELSE '' END, CASE WHEN n % 7 > 3 THEN at END
FROM (SELECT id FROM destinations_destination ORDER BY id DESC LIMIT 300) d,
     generate_series(0, 575) n,
     LATERAL (SELECT date_bin('5 minutes', now(), 'epoch') - n * interval '5 minutes' AS at) s
ON CONFLICT DO NOTHING;
INSERT INTO dispatch_laneuse (org_id, variant, lane_id)
SELECT (SELECT id FROM orgs_organization LIMIT 1), d.variant, l.id
FROM bench_lane l JOIN actions_actiondefinition d ON d.id = l.definition_id ON CONFLICT DO NOTHING;
INSERT INTO operations_lanesample
  (lane_id, at, revision, running_limit, unsettled_limit, opened, reason)
SELECT l.id, now() - n * interval '20 minutes', 1000 - n, 1 + n % 9, 4, 0, 'Answers are slower.'
FROM bench_lane l, generate_series(0, 20) n
"""


@dataclass(frozen=True)
class Sizes:
    """How many rows of each kind."""

    records: int = 1_000_000
    lanes: int = 10_000
    destinations: int = 1_000
    variants: int = 1_000
    versions: int = 3
    audit: int = 100_000
    days: int = 7


class Week:
    """Fills the tables."""

    def __init__(self, connection: psycopg.Connection, sizes: Sizes) -> None:
        self.connection = connection
        self.sizes = sizes

    def fill(self) -> None:
        """All of them, and what autovacuum would do at a moment of its own choosing."""
        sizes = self.sizes
        self._copy(
            "destinations_destination", DESTINATIONS, f"generate_series(1, {sizes.destinations}) n"
        )
        self._copy(
            "actions_actiondefinition",
            DEFINITIONS,
            f"generate_series(1, {sizes.variants}) n, generate_series(1, {sizes.versions}) v",
        )
        self._copy(
            "dispatch_lane",
            LANES,
            f"generate_series(1, {sizes.lanes // sizes.destinations}) n, "
            "destinations_destination d",
            "d.label LIKE 'destination %'",
        )
        self._number_lanes()
        for part in range(PARTS):
            self._add_records(part)
        self._add_beside()
        self.connection.execute(MEASURES)
        self._add_audit()
        self.connection.execute("VACUUM ANALYZE")
        self.connection.execute("CHECKPOINT")

    def _number_lanes(self) -> None:
        """Each lane with its number and a definition, to be found by it."""
        self.connection.execute(
            f"""
            CREATE TABLE bench_lane AS
            SELECT row_number() OVER (ORDER BY l.id) - 1 AS number, l.id, l.destination_id, l.tags,
                   row_number() OVER (ORDER BY l.id) <= {HOT_LANES} AS hot,
                   (SELECT id FROM actions_actiondefinition
                    OFFSET (l.id % {self.sizes.variants * self.sizes.versions}) LIMIT 1)
                     AS definition_id
            FROM dispatch_lane l WHERE l.tags ? 'tenant';
            CREATE UNIQUE INDEX ON bench_lane (number)
            """
        )

    def _add_records(self, part: int) -> None:
        """A tenth of the records, the older first."""
        each = self.sizes.records // PARTS
        first, last = part * each + 1, (part + 1) * each
        seconds = self.sizes.days * 86_400 / self.sizes.records
        self._copy(
            "dispatch_actionrecord",
            RECORDS,
            f"generate_series({first}, {last}) n "
            f"JOIN bench_lane l ON l.number = n * 7919::bigint % {self.sizes.lanes}, "
            f"LATERAL (SELECT n * 31 % 1000 AS k) AS chance, LATERAL (SELECT {STATUS} AS status, "
            f"now() - ({self.sizes.records} - n) * {seconds} * interval '1 second' AS at) s",
        )

    def _add_beside(self) -> None:
        """What actions have beside their row."""
        self.connection.execute(
            f"""
            WITH newest AS MATERIALIZED (
              SELECT id, status, created_at FROM dispatch_actionrecord ORDER BY id DESC LIMIT {KEPT}
            ), payload AS (
              INSERT INTO dispatch_actionpayload (record_id, input)
              SELECT id, '{{"n": 1}}'::json FROM newest ON CONFLICT DO NOTHING
            )
            INSERT INTO dispatch_actionevent (record_id, kind, status, attempt, created_at)
            SELECT id, 'accepted', 'queued', 0, created_at FROM newest
            UNION ALL
            SELECT id, status, status, 0, created_at + interval '1 second' FROM newest
            WHERE status IN ('succeeded', 'failed', 'canceled')
            """
        )

    def _add_audit(self) -> None:
        """Many entries of the audit, as copies of one."""
        self._copy(
            "orgs_auditentry",
            {"at": f"now() - n * interval '1 second' * {86_400 * 30 / self.sizes.audit}"},
            f"generate_series(1, {self.sizes.audit}) n",
        )

    def _copy(
        self, table: str, changes: Mapping[str, str], origin: str, where: str = "true"
    ) -> None:
        """Copies of the table's first row `r`, with changes."""
        names = [str(name) for (name,) in self.connection.execute(COLUMNS, [table])]
        values = ", ".join(changes.get(name, f"r.{name}") for name in names)
        self.connection.execute(
            f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} "
            f"FROM (SELECT * FROM {table} ORDER BY id LIMIT 1) r, {origin} WHERE {where}"
        )


def fill(stack: Stack, sizes: Sizes) -> None:
    """From one action that Waybill stores, a week of them."""
    targets.add_webhook(stack, "count", "http://127.0.0.1:9999/")
    stack.call("POST", "/v1/ingress/count", {"input": {"n": 1}})
    with stack.connect() as connection:
        Week(connection, sizes).fill()
    stack.manage("shell", "--verbosity=0", "-c", COUNT_USAGE)


COUNT_USAGE = """
from threading import Event
from dispatch.models import ActionRecord
from operations import usage
newest = ActionRecord.objects.latest("id").pk
while usage.find_counted() < newest or usage.UsageProgress.objects.get(pk=1).next_slice:
    usage.roll_up(Event().is_set)
"""
