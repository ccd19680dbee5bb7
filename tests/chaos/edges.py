"""A crash at each edge of settling an attempt.

Locks stop the dispatcher's statement at the very edge, so that each strike meets what it is
meant for, and not what luck has it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tests.chaos.database import Hold
from tests.chaos.receiver import Conduct
from tests.chaos.trial import LANES, Trial
from tests.end_to_end.processes import wait_until

# Row by row: a dispatcher keeps the outcomes of locked rows, and writes all others.
LOCK_RECORDS = "SELECT id FROM dispatch_actionrecord WHERE id = ANY(%s) ORDER BY id FOR UPDATE"
# The partitions alone: the statement begins, changes its records, and stops at the first event.
EVENT_PARTITIONS = """
SELECT string_agg(inhrelid::regclass::text, ', ') FROM pg_inherits
WHERE inhparent = 'dispatch_actionevent'::regclass
"""
OVER = """
SELECT count(*) FROM dispatch_actionrecord WHERE id = ANY(%s) AND completed_at IS NOT NULL
"""


class Written(Enum):
    """How much of what was answered is written down after the strike, and before help comes."""

    NOTHING = "nothing"
    SOME = "some"
    ALL = "all"


@dataclass(frozen=True)
class Edge:
    """Where the statement stops, and who dies there."""

    at_event: bool
    dispatchers_die: bool
    statement_dies: bool
    written: Written


EDGES = (
    # After the 2xx, before the write.
    Edge(False, True, True, Written.NOTHING),
    # After the write of the record, before that of its event.
    Edge(True, True, True, Written.NOTHING),
    # After both: the dispatcher is not there to hear of it.
    Edge(True, True, False, Written.SOME),
    # Only the connection is lost: the dispatcher has the outcomes, and writes them again.
    Edge(False, False, True, Written.ALL),
    Edge(True, False, True, Written.ALL),
)


def crash_at_settle(trial: Trial) -> None:
    """Stop at each edge, in any order, and strike there."""
    for _ in range(max(1, trial.strikes // 2)):
        for edge in trial.dice.sample(EDGES, len(EDGES)):
            _strike(trial, edge)


def _strike(trial: Trial, edge: Edge) -> None:
    trial.receiver.behave(Conduct.HOLD)
    sent = trial.traffic.send(LANES)
    wait_until(lambda: trial.receiver.has_met(sent), seconds=30)
    ids = [int(action_id) for action_id in sent]
    database = trial.installation.database
    if edge.at_event:
        partitions = database.rows(EVENT_PARTITIONS)[0][0]
        lock, locked = f"LOCK TABLE ONLY {partitions} IN SHARE MODE", None
    else:
        lock, locked = LOCK_RECORDS, [ids]
    with database.held(lock, locked) as hold:
        trial.receiver.behave(Conduct.ANSWER)
        if edge.at_event:
            hold.wait_for_blocked()
        else:
            wait_until(lambda: trial.receiver.has_answered(sent), seconds=15)
        trial.pause(0, 0.1)
        _end(trial, edge, hold)
    _check_written(trial, edge, ids)
    trial.note_strike()
    trial.installation.complete_dispatchers()


def _end(trial: Trial, edge: Edge, hold: Hold) -> None:
    if edge.dispatchers_die:
        for name in list(trial.installation.dispatchers):
            trial.installation.kill_dispatcher(name)
    if edge.statement_dies and edge.at_event:
        hold.terminate_blocked()
    elif edge.statement_dies:
        trial.installation.database.terminate_clients(spared=[hold.pid])


def _check_written(trial: Trial, edge: Edge, ids: list[int]) -> None:
    """What must be there already; and never a record without its event."""

    def count() -> int:
        return int(trial.installation.database.rows(OVER, [ids])[0][0])

    least = {Written.NOTHING: 0, Written.SOME: 1, Written.ALL: len(ids)}[edge.written]
    wait_until(lambda: count() >= least, seconds=30)
    if edge.written is Written.NOTHING and (over := count()):
        trial.faults.append(f"{over} were over although nobody was left to write it: {edge}")
