"""Settlements that workers report, counted by lane: a full round may raise its unsettled limit.

A settlement costs no statement more until its lane's round is full.
"""

from __future__ import annotations

import threading
from collections import Counter

from django.db import connection

from dispatch import limits, throttle
from dispatch.limits import START, Observation, Seen
from dispatch.throttle import Throttle

# A lane, how many of its actions are unsettled, and what time it is.
LOOK = f"""
SELECT (SELECT count(*) FROM dispatch_actionrecord r
        WHERE r.lane_id = l.id AND r.status IN ('running', 'ack_wait')),
       extract(epoch FROM now())::float8, {throttle.COLUMNS}
FROM dispatch_lane l WHERE l.id = %s
"""  # noqa: S608 -- constants only


class Rounds:
    """What this process has been told of each lane since its last full round."""

    def __init__(self) -> None:
        self.throttle = Throttle()
        self.counts: Counter[int] = Counter()
        self.lock = threading.Lock()

    def take_full(self, lane_id: int) -> int:
        """How many settlements a round that is full with this one has; 0 while it is not."""
        with self.lock:
            watched = self.throttle.lanes.get(lane_id)
            self.counts[lane_id] += 1
            if self.counts[lane_id] < (watched.state.unsettled.size if watched else START):
                return 0
            if len(self.counts) > throttle.MOST_LANES:
                self.counts.clear()
            return self.counts.pop(lane_id, 1)


rounds = Rounds()


def count_settled(lane_id: int) -> None:
    """A worker has settled an action of the lane."""
    count = rounds.take_full(lane_id)
    if not count:
        return
    with connection.cursor() as cursor:
        cursor.execute(LOOK, [lane_id])
        unsettled, now, *columns = cursor.fetchone()
        with rounds.lock:
            rounds.throttle.learn(lane_id, columns)
            full = unsettled + 1 >= rounds.throttle.lanes[lane_id].state.unsettled.size
            settled = Observation(Seen.GOOD, now, now, full)
            for _ in range(count):
                rounds.throttle.observe(lane_id, limits.observe_settlement, settled)
            moves = rounds.throttle.start_moves()
        if moves:
            cursor.execute(throttle.MOVE, moves.parameters)
            won = [row[0] for row in cursor.fetchall()]
            with rounds.lock:
                # Who has lost begins a new round with what the winner wrote.
                rounds.throttle.forget(rounds.throttle.end_moves(moves, won))
