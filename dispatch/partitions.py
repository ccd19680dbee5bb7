"""The range partitions of payloads and events: made ahead of the record ids, never a default one.

Everything here runs outside a request: the dispatcher looks after it.
"""

from __future__ import annotations

from dataclasses import dataclass

# Ten million actions each: a day at 100 a second.
SPAN = 10_000_000
AHEAD = 2
TABLES = ("dispatch_actionpayload", "dispatch_actionevent")

# The number of the partition that holds the newest record id, and which partitions there are.
LOOK = """
SELECT (SELECT last_value FROM dispatch_actionrecord_id_seq),
       (SELECT coalesce(array_agg(c.relname::text), '{}') FROM pg_inherits i
        JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent IN ('dispatch_actionpayload'::regclass, 'dispatch_actionevent'::regclass))
"""
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('waybill partitions', 0))"


@dataclass(frozen=True)
class Partition:
    """One partition of one table."""

    table: str
    number: int

    @property
    def name(self) -> str:
        """Its own table's name."""
        return f"{self.table}_p{self.number:05d}"

    def statements(self) -> list[str]:
        """Makes it beside the parent and attaches it: intake goes on meanwhile.

        Creating it as a partition at once would lock the parent against everybody.
        """
        start, end = self.number * SPAN, (self.number + 1) * SPAN
        return [
            f"CREATE TABLE {self.name} "
            f"(LIKE {self.table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS)",
            f"ALTER TABLE {self.name} ADD CONSTRAINT {self.name}_range "
            f"CHECK (record_id >= {start} AND record_id < {end})",
            f"ALTER TABLE {self.table} ATTACH PARTITION {self.name} "
            f"FOR VALUES FROM ({start}) TO ({end})",
        ]


def find_missing(newest_id: int, existing: list[str]) -> list[Partition]:
    """The partitions from the newest record's to two ahead that are not there yet."""
    current = newest_id // SPAN
    wanted = [
        Partition(table, number)
        for number in range(current, current + AHEAD + 1)
        for table in TABLES
    ]
    return [partition for partition in wanted if partition.name not in existing]
