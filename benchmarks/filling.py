"""Rows by the hundred thousand, written by SQL as copies of what Waybill itself has stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import psycopg

# One untouched record for each lane: what a record has besides is as Waybill wrote it.
REMEMBER = """
CREATE TABLE bench_record AS
SELECT DISTINCT ON (lane_id) * FROM dispatch_actionrecord ORDER BY lane_id, id;
CREATE TABLE bench_variant AS
SELECT d.id AS destination_id, d.label AS variant FROM destinations_destination d;
TRUNCATE dispatch_actionrecord, dispatch_actionpayload, dispatch_actionevent
"""
OF_VARIANTS = """
bench_record r JOIN bench_variant v USING (destination_id),
generate_series(1, %(each)s) number WHERE v.variant LIKE %(variants)s
"""
COLUMNS = """
SELECT attname FROM pg_attribute
WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped AND attname <> 'id'
ORDER BY attnum
"""
BESIDE = """
, payload AS (
  INSERT INTO dispatch_actionpayload (record_id, input) SELECT id, '{"n": 1}'::json FROM stored
)
INSERT INTO dispatch_actionevent (record_id, kind, status, attempt)
SELECT id, 'accepted', 'queued', 0 FROM stored
"""
LATER = {"status": "'scheduled'", "available_at": "now() + interval '1 day' * (1 + random())"}
# Retries of the fourth failure and later: ten minutes and more apart.
RETRIES = {
    "status": "'scheduled'",
    "failures": "4",
    "attempt": "4",
    "available_at": "now() + interval '10 minutes' * random()",
    "destination_id": "l.destination_id",
    "lane_id": "l.id",
}
DUE = {"available_at": "now()"}


@dataclass(frozen=True)
class Filler:
    """Writes rows into a database whose lanes have been met."""

    connection: psycopg.Connection

    def remember(self) -> None:
        """Keep a record of each lane as the pattern for others, and empty the tables."""
        self.connection.execute(REMEMBER)

    def add_due(self, variants: str, each: int) -> None:
        """So many actions that are due, in each lane of the variants (a pattern of LIKE)."""
        self._add_records(OF_VARIANTS, DUE, {"variants": variants, "each": each})

    def add_later(self, variants: str, each: int) -> None:
        """So many in each lane that are due in a day or two."""
        self._add_records(OF_VARIANTS, LATER, {"variants": variants, "each": each})

    def add_dead(self, variant: str, count: int) -> None:
        """Copies of the variant's destination and lane, each with a retry due in ten minutes."""
        named = {"variant": variant, "each": count}
        destinations = self._insert_copies(
            "destinations_destination",
            {"label": "v.variant || ' ' || number"},
            "destinations_destination r JOIN bench_variant v ON v.destination_id = r.id, "
            "generate_series(1, %(each)s) number WHERE v.variant = %(variant)s",
        )
        self.connection.execute(destinations, named)
        lanes = self._insert_copies(
            "dispatch_lane",
            {"destination_id": "d.id"},
            "dispatch_lane r JOIN bench_variant v USING (destination_id), "
            "destinations_destination d "
            "WHERE v.variant = %(variant)s AND d.label LIKE v.variant || ' %%'",
        )
        self.connection.execute(lanes, named)
        self._add_records(
            "bench_record r JOIN bench_variant v USING (destination_id), dispatch_lane l "
            "JOIN destinations_destination d ON d.id = l.destination_id "
            "WHERE v.variant = %(variant)s AND d.label LIKE v.variant || ' %%'",
            RETRIES,
            named,
        )

    def tidy(self) -> None:
        """What autovacuum would do at a moment of its own choosing."""
        self.connection.execute("VACUUM ANALYZE")
        self.connection.execute("CHECKPOINT")

    def empty(self) -> None:
        """Take every action away."""
        self.connection.execute(
            "TRUNCATE dispatch_actionrecord, dispatch_actionpayload, dispatch_actionevent"
        )

    def _add_records(
        self, origin: str, changes: Mapping[str, str], parameters: Mapping[str, object]
    ) -> None:
        copies = self._insert_copies("dispatch_actionrecord", changes, origin)
        self.connection.execute(f"WITH stored AS ({copies} RETURNING id){BESIDE}", parameters)

    def _insert_copies(self, table: str, changes: Mapping[str, str], origin: str) -> str:
        """Copies of the rows `r` of the origin, with changes; whatever columns there are."""
        names = [str(name) for (name,) in self.connection.execute(COLUMNS, [table])]
        values = ", ".join(changes.get(name, f"r.{name}") for name in names)
        return f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM {origin}"
