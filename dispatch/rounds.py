"""What web processes see of lanes: settlements that workers report, a full round of which may
raise the unsettled limit, and answers to what is delivered while its caller waits.

A settlement costs no statement more until its lane's round is full.
"""

from __future__ import annotations

import threading
from collections import Counter

from django.db import connection
from django.db.backends.utils import CursorWrapper

from dispatch import limits, throttle
from dispatch.limits import START, Observation, Seen
from dispatch.throttle import Moves, Throttle

# Whether a lane `l` has been filled by those who pull since its limits last moved.
IS_FILLED = "coalesce(l.filled_at > coalesce(l.moved_at, l.created_at), false)"
# A lane, how many of its actions are unsettled, and what time it is. Those who pull take many at
# once and then settle them: that the lane was full is seen at the pull, not at the settlement.
LOOK = f"""
SELECT (SELECT count(*) FROM dispatch_actionrecord r
        WHERE r.lane_id = l.id AND r.status IN ('running', 'ack_wait')),
       {IS_FILLED},
       extract(epoch FROM now())::float8, {throttle.COLUMNS}
FROM dispatch_lane l WHERE l.id = %s
"""  # noqa: S608 -- constants only


class Rounds:
    """What this process has been told of each lane since its last full round."""

    def __init__(self) -> None:
        self.throttle = Throttle()
        self.counts: Counter[int] = Counter()
        self.lock = threading.Lock()

    def take_full(self, lane_id: int, settled: int = 1) -> int:
        """How many settlements a round that is full with these has; 0 while it is not."""
        with self.lock:
            watched = self.throttle.lanes.get(lane_id)
            self.counts[lane_id] += settled
            if self.counts[lane_id] < (watched.state.unsettled.size if watched else START):
                return 0
            if len(self.counts) > throttle.MOST_LANES:
                self.counts.clear()
            return self.counts.pop(lane_id, settled)


rounds = Rounds()


def count_settled(lane_id: int, settled: int = 1) -> None:
    """Workers have settled so many actions of the lane."""
    count = rounds.take_full(lane_id, settled)
    if not count:
        return
    with connection.cursor() as cursor:
        cursor.execute(LOOK, [lane_id])
        unsettled, is_filled, now, *columns = cursor.fetchone()
        with rounds.lock:
            rounds.throttle.learn(lane_id, columns)
            full = is_filled or unsettled + 1 >= rounds.throttle.lanes[lane_id].state.unsettled.size
            good = Observation(Seen.GOOD, now, now, full)
            for _ in range(count):
                rounds.throttle.observe(lane_id, limits.observe_settlement, good)
            moves = rounds.throttle.start_moves()
        _write(cursor, moves)


def observe_answer(lane_id: int, answer: Observation) -> None:
    """A delivery that this process has made by itself was answered so."""
    with connection.cursor() as cursor:
        cursor.execute(throttle.READ, [[lane_id]])
        _, *columns = cursor.fetchone()
        with rounds.lock:
            rounds.throttle.learn(lane_id, columns)
            rounds.throttle.observe(lane_id, limits.observe_answer, answer)
            moves = rounds.throttle.start_moves()
        _write(cursor, moves)


def _write(cursor: CursorWrapper, moves: Moves | None) -> None:
    if moves:
        cursor.execute(throttle.MOVE, moves.parameters)
        won = [row[0] for row in cursor.fetchall()]
        with rounds.lock:
            # Who has lost begins a new round with what the winner wrote.
            rounds.throttle.forget(rounds.throttle.end_moves(moves, won))
