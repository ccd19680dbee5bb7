"""The lanes' limits as one process knows and moves them; `limits` decides, this remembers.

Each process folds what it sees into its own copy of a lane's state. Where that changes what
the lane's row holds, the move is written by compare-and-set on the row's revision: of several
processes one wins, and the others fold what they have seen into what it wrote.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from destinations.outcomes import Outcome, Verdict
from dispatch.limits import LaneState, Limit, Observation, Seen

# How many lanes a process remembers; what it forgets it reads again.
MOST_LANES = 50_000

# The columns of a row `l` of lanes, in the order that `Throttle.learn` takes them.
COLUMNS = """
  l.revision, l.running_limit, l.running_ceiling,
  extract(epoch FROM l.running_decreased_at)::float8,
  l.unsettled_limit, l.unsettled_ceiling, extract(epoch FROM l.unsettled_decreased_at)::float8,
  l.opened, extract(epoch FROM l.paused_until)::float8, l.reason
"""
# Whether a lane `l` of a destination `d` lets nothing start.
IS_PAUSED = """(d.paused_at IS NOT NULL OR coalesce(l.paused_until > now(), false)
  OR coalesce(least(l.running_cap, l.unsettled_cap) = 0, false))"""
READ = f"SELECT l.id, {COLUMNS} FROM dispatch_lane l WHERE l.id = ANY(%s::bigint[])"  # noqa: S608
# Whoever finds a row locked has lost, as if another one's move had been there already.
MOVE = """
WITH moved AS MATERIALIZED (
  SELECT * FROM unnest(
    %(ids)s::bigint[], %(revisions)s::bigint[],
    %(running)s::int[], %(running_ceilings)s::int[], %(running_decreases)s::float8[],
    %(unsettled)s::int[], %(unsettled_ceilings)s::int[], %(unsettled_decreases)s::float8[],
    %(opened)s::int[], %(pauses)s::float8[], %(reasons)s::text[]
  ) AS moved(id, revision, running, running_ceiling, running_decrease, unsettled,
             unsettled_ceiling, unsettled_decrease, opened, pause, reason)
), held AS MATERIALIZED (
  SELECT l.id FROM dispatch_lane l JOIN moved m ON m.id = l.id AND m.revision = l.revision
  ORDER BY l.id FOR NO KEY UPDATE OF l SKIP LOCKED
)
UPDATE dispatch_lane l SET
  revision = l.revision + 1, moved_at = now(), reason = m.reason, opened = m.opened,
  running_limit = m.running, running_ceiling = m.running_ceiling,
  running_decreased_at = to_timestamp(m.running_decrease),
  unsettled_limit = m.unsettled, unsettled_ceiling = m.unsettled_ceiling,
  unsettled_decreased_at = to_timestamp(m.unsettled_decrease),
  paused_until = to_timestamp(m.pause)
FROM held h JOIN moved m USING (id)
WHERE l.id = h.id
RETURNING l.id
"""
Rule = Callable[[LaneState, Observation], LaneState]


@dataclass(slots=True)
class Watched:
    """A lane: what its row holds, and that with what has been seen since."""

    revision: int = -1
    stored: LaneState = field(default_factory=LaneState)
    state: LaneState = field(default_factory=LaneState)
    # The state that is being written, if one is.
    sent: LaneState | None = None
    # What led from `stored` to `state`; kept only while the two differ in what is stored.
    seen: list[tuple[Rule, Observation]] = field(default_factory=list)

    @property
    def is_moving(self) -> bool:
        """Whether its row is to be written."""
        return not self.state.same_stored(self.stored)

    def observe(self, rule: Rule, seen: Observation) -> None:
        """Fold one observation in."""
        state = rule(self.state, seen)
        if state is self.state and not self.seen:
            return
        self.state = state
        if self.is_moving:
            self.seen.append((rule, seen))
        else:
            self.stored, self.seen = state, []

    def learn(self, revision: int, stored: LaneState) -> None:
        """Take over what the row holds now, and fold what has been seen into that."""
        self.revision = revision
        # What is read may be our own move, before we have heard of it.
        sent = self.sent
        known = sent if sent is not None and sent.same_stored(stored) else self.stored
        self.stored = self.state = carry_counts(stored, known)
        waiting, self.seen = self.seen, []
        for rule, seen in waiting:
            self.observe(rule, seen)


@dataclass(frozen=True, slots=True)
class Moves:
    """What is being written, and what led to it."""

    parameters: dict[str, Any]
    states: dict[int, LaneState]
    seen: dict[int, list[tuple[Rule, Observation]]]


class Throttle:
    """The lanes that a process delivers to."""

    def __init__(self) -> None:
        self.lanes: dict[int, Watched] = {}
        self.moving: set[int] = set()

    def learn(self, lane_id: int, columns: Sequence[Any]) -> None:
        """Take over what the lane's row holds: the columns of `COLUMNS`."""
        watched, revision = self._watch(lane_id), columns[0]
        if revision > watched.revision:
            watched.learn(revision, read_state(columns[1:]))

    def observe(self, lane_id: int, rule: Rule, seen: Observation) -> None:
        """Fold one observation into the lane's state by `limits.observe_...`."""
        watched = self._watch(lane_id)
        watched.observe(rule, seen)
        if watched.seen:
            self.moving.add(lane_id)

    def start_moves(self) -> Moves | None:
        """What is to be written now, None where that is nothing; `end_moves` must follow."""
        moving = {lane_id: self.lanes[lane_id] for lane_id in self.moving}
        self.moving = set()
        moving = {lane_id: watched for lane_id, watched in moving.items() if watched.is_moving}
        if not moving:
            return None
        moves = Moves(
            move_parameters({i: (one.revision, one.state) for i, one in moving.items()}),
            {lane_id: watched.state for lane_id, watched in moving.items()},
            {lane_id: watched.seen for lane_id, watched in moving.items()},
        )
        for watched in moving.values():
            watched.sent, watched.seen = watched.state, []
        return moves

    def end_moves(self, moves: Moves, won: Iterable[int]) -> list[int]:
        """The lanes whose move lost, to be read again; what was seen of them is kept."""
        written = set(won)
        lost = []
        revisions = dict(zip(moves.parameters["ids"], moves.parameters["revisions"], strict=True))
        for lane_id, state in moves.states.items():
            watched = self._watch(lane_id)
            watched.sent = None
            if lane_id not in written:
                # Whatever is read next is news, and what was seen is folded into that.
                watched.revision = -1
                watched.seen = moves.seen[lane_id] + watched.seen
                lost.append(lane_id)
            elif watched.revision == revisions[lane_id]:
                watched.revision += 1
                watched.stored = state
            if watched.is_moving or lane_id not in written:
                self.moving.add(lane_id)
        return lost

    def forget(self, lane_ids: Iterable[int]) -> None:
        """Drop what is known of these lanes and was seen of them: they are learnt anew."""
        for lane_id in lane_ids:
            self.lanes.pop(lane_id, None)
            self.moving.discard(lane_id)

    def _watch(self, lane_id: int) -> Watched:
        watched = self.lanes.get(lane_id)
        if watched is None:
            if len(self.lanes) >= MOST_LANES:
                self.lanes = {one: self.lanes[one] for one in self.moving}
            watched = self.lanes[lane_id] = Watched()
        return watched


def read_state(columns: Sequence[Any]) -> LaneState:
    """What a lane's row holds: `COLUMNS` without the revision."""
    running, ceiling, decreased, unsettled, unsettled_ceiling, unsettled_decreased = columns[:6]
    opened, paused_until, reason = columns[6:]
    return LaneState(
        running=Limit(running, ceiling, decreased or 0.0),
        unsettled=Limit(unsettled, unsettled_ceiling, unsettled_decreased or 0.0),
        opened=opened,
        paused_until=paused_until or 0.0,
        reason=reason,
    )


def carry_counts(stored: LaneState, known: LaneState) -> LaneState:
    """What is stored, with the counts that a process keeps for itself."""
    return stored._replace(
        running=_carry(stored.running, known.running),
        unsettled=_carry(stored.unsettled, known.unsettled),
        streak=known.streak,
    )


def _carry(stored: Limit, known: Limit) -> Limit:
    return stored._replace(good=known.good, bad=known.bad, slow=known.slow, barren=known.barren)


def move_parameters(states: dict[int, tuple[int, LaneState]]) -> dict[str, Any]:
    """The parameters of `MOVE`: lane id -> (the revision that it was seen at, its new state)."""
    new = [state for _, state in states.values()]
    return {
        "ids": list(states),
        "revisions": [revision for revision, _ in states.values()],
        "running": [state.running.size for state in new],
        "running_ceilings": [state.running.ceiling for state in new],
        "running_decreases": [state.running.decreased_at or None for state in new],
        "unsettled": [state.unsettled.size for state in new],
        "unsettled_ceilings": [state.unsettled.ceiling for state in new],
        "unsettled_decreases": [state.unsettled.decreased_at or None for state in new],
        "opened": [state.opened for state in new],
        "pauses": [state.paused_until or None for state in new],
        "reasons": [state.reason for state in new],
    }


# What an answer says of the destination. A fault of ours says nothing.
_SEEN = {
    Verdict.RATE_LIMITED: Seen.LIMITED,
    Verdict.UNAVAILABLE: Seen.BAD,
    Verdict.AMBIGUOUS: Seen.BAD,
}
_SETTLED = frozenset({Verdict.ACK, Verdict.NACK, Verdict.PERMANENT})


def judge_answer(outcome: Outcome, *, milliseconds: float, sla: int | None) -> Seen | None:
    """What the outcome of a delivery says of its destination; None where that is nothing.

    `sla` is the destination's `response_time_sla_ms`.
    """
    if outcome.verdict is Verdict.OURS or (outcome.verdict is Verdict.REFUSED and not outcome.said):
        return None
    late = sla is not None and milliseconds > sla
    return _SEEN.get(outcome.verdict, Seen.SLOW if late else Seen.GOOD)


def is_settled(outcome: Outcome) -> bool:
    """Whether the answer itself settled the attempt."""
    return outcome.said and outcome.verdict in _SETTLED
