"""How many deliveries a lane may have at once: learnt from what came of the earlier ones.

Pure values: a frozen state and an observation give the next state; times are the database's.

- A limit grows by one per round, which is as many good answers as the limit is large, counted only
  from attempts that found their lane full. A failure weighs as much as `WEIGHT` good answers, which
  have to make up for it before the round goes on.
- 429 halves the limit at once; failures halve it, and late answers take a tenth, when more than
  one in `WEIGHT + 1` is such: what fails now and then anyway still reaches its capacity.
- At most one decrease per round: only attempts that started after the last decrease count.
- The size that proved too much is the ceiling. Below it a round takes half of the way back, and it
  is tried again only after a while, so that a limit stays near the capacity, not at 3/4 of it.
  Where nothing good comes between two decreases, the second one is no matter of size: an outage
  leaves the ceiling where it was, and so the way back from it is short.
- `BREAK_AFTER` failures in a row open the breaker: a pause, then one probe at a time; each probe
  that fails doubles the pause, the first good answer ends it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

START = 4
MOST_RUNNING = 1_000
MOST_UNSETTLED = 10_000
# A failure or a late answer cancels this many good ones; a debt beyond `MOST_DEBT` is too many.
WEIGHT = 6
MOST_DEBT = 5 * WEIGHT - 1
# Below its ceiling a limit waits this many rounds, and seconds since the decrease: where a round
# takes milliseconds, a destination that collapses when pushed would be pushed all the time.
HOLD_ROUNDS = 10
HOLD_SECONDS = 30.0
BREAK_AFTER = 10
LONGEST_PAUSE = 60.0
# Counting further would change nothing, and never end.
MOST_OPENED = 100


class Seen(StrEnum):
    """What an attempt says of its destination."""

    GOOD = "good"
    SLOW = "slow"
    BAD = "bad"
    LIMITED = "limited"


FAILED = frozenset({Seen.BAD, Seen.LIMITED})
# What is said of an attempt whose caller does not say `what`.
UNSAID = {
    Seen.GOOD: "a round went well",
    Seen.SLOW: "answered too late",
    Seen.BAD: "no good answer",
    Seen.LIMITED: "too many requests",
}


class Observation(NamedTuple):
    """What was seen of one attempt; Unix seconds by the database's clock.

    `saturated`: at the claim the lane was full by the very limit that this is folded into, not by
    an operator's cap, the other limit, or the dispatcher's own bounds. `pause`: the seconds that
    a 429 asked for. `what`: the cause as an operator should read it, "HTTP 503".
    """

    seen: Seen
    started: float
    ended: float
    saturated: bool
    pause: float | None = None
    what: str = ""

    @property
    def cause(self) -> str:
        """Why a limit moved by it, in words: up by a whole round, down by this very attempt."""
        return UNSAID[self.seen] if self.seen is Seen.GOOD else self.what or UNSAID[self.seen]


class Limit(NamedTuple):
    """One of the two limits of a lane; the counts of the round under way are not stored.

    `ceiling`: the size that last proved too much. `bad` and `slow` are debts in good answers.
    `barren`: nothing good has been seen since the last decrease.
    """

    size: int = START
    ceiling: int | None = None
    decreased_at: float = 0.0
    good: int = 0
    bad: int = 0
    slow: int = 0
    barren: bool = False

    def same_stored(self, other: Limit) -> bool:
        """Whether they are alike in what outlives the process."""
        return self is other or (
            self.size == other.size
            and self.ceiling == other.ceiling
            and self.decreased_at == other.decreased_at
        )


class LaneState(NamedTuple):
    """What is known of a lane's destination.

    `opened`: how often in a row the breaker has opened, 0 when it is closed. With it and
    `paused_until` over, one probe at a time goes out. `reason`: why the state last changed.
    """

    running: Limit = Limit()
    unsettled: Limit = Limit()
    streak: int = 0
    opened: int = 0
    paused_until: float = 0.0
    reason: str = ""

    def same_stored(self, other: LaneState) -> bool:
        """Whether there is nothing to write when this state becomes the other: but for counts."""
        return (
            self.running.same_stored(other.running)
            and self.unsettled.same_stored(other.unsettled)
            and self.opened == other.opened
            and self.paused_until == other.paused_until
            and self.reason == other.reason
        )


def observe_answer(state: LaneState, seen: Observation) -> LaneState:
    """The state after a delivery's answer: moves the running limit, the breaker and the pause."""
    if seen.started < state.paused_until:
        # It started before the pause, so the pause already speaks for it.
        return heed(state, seen)
    if state.opened:
        return judge_probe(state, seen)
    streak = state.streak + 1 if seen.seen in FAILED else 0
    if streak >= BREAK_AFTER:
        return open_breaker(state, seen, f"after {BREAK_AFTER} failures in a row")
    limit, change = move(state.running, seen, MOST_RUNNING)
    if limit is state.running and streak == state.streak:
        return state
    reason = f"{change}: {seen.cause}" if change else state.reason
    # Spelled out, as it happens for every delivery: `replace` takes four times as long.
    state = LaneState(limit, state.unsettled, streak, state.opened, state.paused_until, reason)
    return heed(state, seen, change)


def observe_settlement(state: LaneState, seen: Observation) -> LaneState:
    """The state after an action was settled, or was not in time: moves the unsettled limit."""
    limit, change = move(state.unsettled, seen, MOST_UNSETTLED)
    if limit is state.unsettled:
        return state
    reason = f"unsettled {change}: {seen.cause}" if change else state.reason
    return LaneState(state.running, limit, state.streak, state.opened, state.paused_until, reason)


def move(limit: Limit, seen: Observation, most: int) -> tuple[Limit, str]:
    """The limit after the observation, and what changed about it, or ""."""
    if seen.started <= limit.decreased_at:
        return limit, ""
    match seen.seen:
        case Seen.GOOD:
            return count_good(limit, seen, most)
        case Seen.LIMITED:
            return decrease(limit, limit.size // 2, "halved", seen)
        case Seen.BAD if limit.bad + WEIGHT > MOST_DEBT:
            return decrease(limit, limit.size // 2, "halved", seen)
        case Seen.BAD:
            return limit._replace(bad=limit.bad + WEIGHT), ""
        case Seen.SLOW if limit.slow + WEIGHT > MOST_DEBT:
            return decrease(limit, limit.size * 9 // 10, "lowered", seen)
    return limit._replace(slow=limit.slow + WEIGHT), ""


def count_good(limit: Limit, seen: Observation, most: int) -> tuple[Limit, str]:
    """The limit after a good answer, and by how much it grew, or ""."""
    limit = limit._replace(barren=False) if limit.barren else limit
    if limit.bad or limit.slow:
        return limit._replace(bad=max(0, limit.bad - 1), slow=max(0, limit.slow - 1)), ""
    if not seen.saturated or limit.size >= most:
        return limit, ""
    good = limit.good + 1
    size = min(next_size(limit, good, seen.ended), most)
    if size == limit.size:
        # Spelled out, as it happens for every delivery: `replace` takes four times as long.
        return Limit(limit.size, limit.ceiling, limit.decreased_at, good), ""
    return limit._replace(size=size, good=0), f"raised from {limit.size} to {size}"


def next_size(limit: Limit, good: int, now: float) -> int:
    """The size that so many good answers allow."""
    size = limit.size
    if good < size:
        return size
    safe = 0 if limit.ceiling is None else max(1, limit.ceiling - 1)
    if size < safe:
        return size + (safe - size + 1) // 2
    if size == safe and (good < HOLD_ROUNDS * size or now < limit.decreased_at + HOLD_SECONDS):
        return size
    return size + 1


def decrease(limit: Limit, size: int, verb: str, seen: Observation) -> tuple[Limit, str]:
    """The smaller limit; at 1 it stays, and only the round starts again."""
    at = max(limit.decreased_at, seen.ended)
    if limit.size == 1:
        return Limit(1, limit.ceiling, at, barren=True), "kept at 1"
    # What fails after a whole round was good at this size does not fail for its size.
    proven = limit.ceiling is not None and limit.good >= limit.size
    ceiling = limit.ceiling if proven or limit.barren else limit.size
    size = max(1, size)
    return Limit(size, ceiling, at, barren=True), f"{verb} from {limit.size} to {size}"


def heed(state: LaneState, seen: Observation, change: str = "") -> LaneState:
    """The state with the pause that a 429 asked for."""
    until = seen.ended + (seen.pause or 0.0)
    if seen.seen is not Seen.LIMITED or not seen.pause or until <= state.paused_until:
        return state
    paused = f"paused for {seen.pause:g} s"
    reason = f"{change} and {paused}" if change else paused
    return state._replace(paused_until=until, reason=f"{reason}: {seen.cause}")


def judge_probe(state: LaneState, seen: Observation) -> LaneState:
    """Closed by an answer, however late; else open for longer."""
    if seen.seen in FAILED:
        return open_breaker(state, seen, "as the probe failed")
    # What failed during the outage is no debt of the time after it.
    running = state.running._replace(bad=0, slow=0, barren=False)
    reason = f"resumed at {running.size}: the probe was answered"
    return state._replace(running=running, opened=0, paused_until=0.0, streak=0, reason=reason)


def open_breaker(state: LaneState, seen: Observation, why: str) -> LaneState:
    """The state with a pause, twice as long each time. The limit was lowered on the way here."""
    seconds = min(LONGEST_PAUSE, 2.0 ** min(state.opened, 10))
    if seen.seen is Seen.LIMITED:
        seconds = max(seconds, seen.pause or 0.0)
    return state._replace(
        streak=0,
        opened=min(state.opened + 1, MOST_OPENED),
        paused_until=seen.ended + seconds,
        reason=f"paused for {seconds:g} s {why}: {seen.cause}",
    )
