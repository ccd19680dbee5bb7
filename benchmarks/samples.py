"""What a soak looks at every few seconds: latencies, dead tuples, claim times, sizes, memory."""

from __future__ import annotations

import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path

import psycopg

from benchmarks.pace import Pace
from benchmarks.targets import Receiver

# By the beginning of their text, as pg_stat_statements keeps it.
CLAIMED = """
SELECT coalesce(sum(calls) FILTER (WHERE query LIKE 'WITH lane AS MATERIALIZED%'), 0)::bigint,
       coalesce(sum(total_exec_time), 0)
FROM pg_stat_statements
WHERE query LIKE 'WITH lane AS MATERIALIZED%' OR query LIKE 'WITH RECURSIVE due(lane_id%'
"""
# What vacuum has to take away: whole rows, and those of which a stub is left for the indexes.
DEAD = """
SELECT (SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'dispatch_actionrecord'),
       (SELECT n_dead_tup FROM pg_stat_user_tables WHERE relname = 'dispatch_lane')
"""
# The whole rows among them, which somebody may still see. Needs an extension.
WHOLE = "SELECT dead_tuple_count FROM pgstattuple_approx('dispatch_actionrecord')"
SIZES = """
SELECT pg_table_size('dispatch_actionrecord') / 1e6, pg_indexes_size('dispatch_actionrecord') / 1e6
"""


@dataclass(frozen=True, slots=True)
class Sample:
    """What was seen in the seconds before `at`, which counts from the first action."""

    at: float
    accept_p50: float
    accept_p95: float
    delivery_p50: float
    delivery_p95: float
    claim: float
    dead_records: int
    whole_dead: int
    dead_lanes: int
    records_mb: float
    indexes_mb: float
    dispatcher_mb: float
    load: float

    @classmethod
    def names(cls) -> list[str]:
        """Its columns."""
        return [field.name for field in fields(cls)]


@dataclass
class Sampler:
    """Takes samples of a stack that works at a pace."""

    connection: psycopg.Connection
    pace: Pace
    receiver: Receiver
    dispatcher: int
    # All that has arrived so far: the action and when.
    arrivals: list[tuple[str, float]] = field(default_factory=list)
    whole: str = "SELECT 0"
    _due: dict[str, float] = field(default_factory=dict)
    _accepted: int = 0
    _claimed: tuple[int, float] = (0, 0.0)

    def prepare(self) -> None:
        """What PostgreSQL needs for telling."""
        self.connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        self.connection.execute("ALTER SYSTEM SET pg_stat_statements.track = 'top'")
        self.connection.execute("SELECT pg_reload_conf()")
        found = self.connection.execute(
            "SELECT FROM pg_available_extensions WHERE name = 'pgstattuple'"
        ).fetchall()
        if found:
            self.connection.execute("CREATE EXTENSION IF NOT EXISTS pgstattuple")
            self.whole = WHOLE

    def take(self, at: float) -> Sample:
        """What there is since the last one."""
        accepted = self._take_accepted()
        delivered = self._take_arrivals()
        dead_records, dead_lanes = self.connection.execute(DEAD).fetchone() or (0, 0)
        (whole_dead,) = self.connection.execute(self.whole).fetchone() or (0,)
        records_mb, indexes_mb = self.connection.execute(SIZES).fetchone() or (0, 0)
        return Sample(
            at=at,
            accept_p50=quantile(accepted, 50),
            accept_p95=quantile(accepted, 95),
            delivery_p50=quantile(delivered, 50),
            delivery_p95=quantile(delivered, 95),
            claim=self._take_claims(),
            dead_records=dead_records,
            whole_dead=whole_dead,
            dead_lanes=dead_lanes,
            records_mb=float(records_mb),
            indexes_mb=float(indexes_mb),
            dispatcher_mb=read_memory(self.dispatcher),
            load=os.getloadavg()[0],
        )

    def _take_accepted(self) -> list[float]:
        """Milliseconds from due to answered."""
        new = self.pace.accepted[self._accepted :]
        self._accepted += len(new)
        self._due.update((one.record_id, one.due) for one in new)
        return [(one.answered - one.due) * 1_000 for one in new]

    def _take_arrivals(self) -> list[float]:
        """Milliseconds from due to received. What overtook its own answer counts with the next."""
        new = self.receiver.arrivals(len(self.arrivals))
        self.arrivals += new
        return [(at - self._due[one]) * 1_000 for one, at in new if one in self._due]

    def _take_claims(self) -> float:
        """Milliseconds that PostgreSQL took for a claim, both statements of it."""
        calls, milliseconds = self.connection.execute(CLAIMED).fetchone() or (0, 0.0)
        before_calls, before = self._claimed
        self._claimed = (calls, milliseconds)
        return (milliseconds - before) / max(1, calls - before_calls)


def quantile(values: Sequence[float], percent: int) -> float:
    """So many percent are at most this; nan where there are no values."""
    if len(values) < 2:
        return values[0] if values else float("nan")
    return statistics.quantiles(values, n=100)[percent - 1]


def read_memory(pid: int, what: str = "VmRSS") -> float:
    """The resident memory of a process, shared libraries included, in MB; `VmHWM` is the most."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith(f"{what}:"))
    return int(line.split()[1]) / 1024


def read_family_memory(pid: int, what: str = "VmRSS") -> float:
    """The same of a process and those that it has started; what they share counts for each."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return sum([read_memory(int(one), what) for one in (pid, *children)])
