"""Destinations of many tempers and a dispatcher with a bounded pool, in virtual time.

The dispatcher takes an answer up at the tick after it came, together with whatever else came in
by then, in any order. Nothing here reads a clock.
"""

from __future__ import annotations

import heapq
import math
import random
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import ClassVar

from dispatch import limits
from dispatch.limits import LaneState, Observation, Seen

POOL = 1_000
SHARE = POOL // 4
TICK = 0.0005
# The database's clock is nowhere near zero.
EPOCH = 1_700_000_000.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a destination says, and after how long.

    Where a worker is to settle it: `settles` after how many more seconds, `expires` when it is
    over by then.
    """

    seconds: float
    seen: Seen
    what: str = ""
    pause: float | None = None
    settles: float | None = None
    expires: bool = False


@dataclass
class Destination(ABC):
    """Answers well while no more than `capacity` attempts are with it, each in `latency`."""

    healthy: ClassVar[bool] = True

    name: str
    capacity: int
    latency: float
    random: random.Random
    leaving: list[float] = field(default_factory=list)

    def arrive(self, now: float) -> Answer:
        """The answer to an attempt that starts now."""
        while self.leaving and self.leaving[0] <= now:
            heapq.heappop(self.leaving)
        answer = self.answer(now, len(self.leaving) + 1)
        heapq.heappush(self.leaving, now + self.stay(answer))
        return answer

    def stay(self, answer: Answer) -> float:
        """How long the attempt takes up capacity: a refusal takes none."""
        return answer.seconds if answer.seen in (Seen.GOOD, Seen.SLOW) else 0.0

    def spoil(self, answer: Answer, ended: float) -> Answer:
        """What becomes of an answer that was to be given then."""
        return answer

    def good(self) -> Answer:
        """An answer in about the usual time."""
        return Answer(self.latency * self.random.uniform(0.95, 1.05), Seen.GOOD)

    @abstractmethod
    def answer(self, now: float, present: int) -> Answer:
        """What it says when so many attempts are with it, this one included."""


@dataclass
class Limiting(Destination):
    """Answers 429 at once above its capacity."""

    retry_after: float | None = None

    def answer(self, now, present):
        if present > self.capacity:
            return Answer(0.005, Seen.LIMITED, "HTTP 429", self.retry_after)
        return self.good()


@dataclass
class Refusing(Destination):
    """Answers 503 above its capacity."""

    def answer(self, now, present):
        if present > self.capacity:
            return Answer(self.latency / 2, Seen.BAD, "HTTP 503")
        return self.good()


@dataclass
class Flaky(Refusing):
    """Refuses above its capacity, and now and then anyway."""

    healthy = False
    background: float = 0.0

    def answer(self, now, present):
        if self.random.random() < self.background:
            return Answer(self.latency / 2, Seen.BAD, "HTTP 500")
        return super().answer(now, present)


@dataclass
class Slowing(Destination):
    """Shares itself among all that are with it; a tenth over the usual time is too late."""

    def answer(self, now, present):
        usual = self.good().seconds
        seconds = usual * max(1.0, present / self.capacity)
        return Answer(seconds, Seen.SLOW if seconds > 1.1 * self.latency else Seen.GOOD)


@dataclass
class Collapsing(Destination):
    """Pushed above its capacity it fails all that is with it, and what comes in the next while."""

    healthy = False

    down_for: float = 2.0
    down_until: float = 0.0

    def answer(self, now, present):
        if now < self.down_until:
            return Answer(self.latency, Seen.BAD, "HTTP 502")
        if present > self.capacity:
            self.down_until = now + self.down_for
        return self.good()

    def spoil(self, answer, ended):
        if self.down_until - self.down_for <= ended < self.down_until:
            return replace(answer, seen=Seen.BAD, what="HTTP 502")
        return answer


@dataclass
class Failing(Refusing):
    """Refuses above its capacity, and everything during an outage."""

    healthy = False

    out_from: float = 0.0
    out_until: float = 0.0

    def answer(self, now, present):
        if self.out_from <= now < self.out_until:
            return Answer(0.05, Seen.BAD, "refused the connection")
        return super().answer(now, present)


@dataclass
class Dead(Destination):
    """Never answers; the attempt ends when its time is over."""

    healthy = False

    def answer(self, now, present):
        return Answer(self.latency, Seen.BAD, "no answer in time")


@dataclass
class Working(Destination):
    """Takes everything at once; workers settle it, in time while there is not too much of it."""

    deadline: float = 0.0

    def stay(self, answer):
        return answer.seconds + answer.settles

    def answer(self, now, present):
        # At its capacity they need nearly all of the time that they have.
        needed = self.deadline * self.random.uniform(0.95, 1.0) * max(1.0, present / self.capacity)
        settles = min(needed, self.deadline)
        return Answer(self.latency, Seen.GOOD, settles=settles, expires=needed > self.deadline)


@dataclass
class Lane:
    """A destination with unlimited work for it, and what the dispatcher learnt of it.

    What is measured is of the time since `since`: `good` answers, and the limits times seconds,
    of which the running one is 0 in a pause and 1 while a probe is to come.
    """

    destination: Destination
    state: LaneState = field(default_factory=LaneState)
    running: int = 0
    unsettled: int = 0
    attempts: int = 0
    good: int = 0
    since: float = EPOCH
    running_area: float = 0.0
    unsettled_area: float = 0.0

    def measure(self, now: float) -> None:
        """Count in what the limits have been until now."""
        seconds = now - self.since
        if seconds <= 0:
            return
        unpaused = max(0.0, now - max(self.since, self.state.paused_until))
        self.running_area += unpaused * (1 if self.state.opened else self.state.running.size)
        self.unsettled_area += seconds * self.state.unsettled.size
        self.since = now


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt under way; whether it filled its lane, by either limit."""

    lane: Lane
    started: float
    ended: float
    answer: Answer
    full: tuple[bool, bool]


Room = Callable[[Lane, float], int]


def learnt_room(lane: Lane, now: float) -> int:
    """How many more attempts the lane's limits allow: what `claims.CLAIM` takes from the lane."""
    state = lane.state
    if now < state.paused_until:
        return 0
    running = (1 if state.opened else state.running.size) - lane.running
    return max(0, min(running, state.unsettled.size - lane.unsettled))


@dataclass
class Dispatcher:
    """One process: 1,000 deliveries at once, of which a destination has at most a quarter."""

    lanes: list[Lane]
    seconds: float
    random: random.Random
    room: Room = learnt_room
    now: float = EPOCH
    in_flight: int = 0
    events: list[tuple[float, float, Callable, Attempt | Lane]] = field(default_factory=list)
    waiting: deque[Lane] = field(default_factory=deque)

    def run(self) -> None:
        """Deliver until the time is over; what is measured is of its last half."""
        end = EPOCH + self.seconds
        for lane in self.lanes:
            lane.since = EPOCH + self.seconds / 2
            self.claim(lane)
        while self.events and self.events[0][0] <= end:
            self.now, _, take_up, subject = heapq.heappop(self.events)
            take_up(subject)
        for lane in self.lanes:
            lane.measure(end)

    def plan(self, at: float, take_up: Callable, subject: Attempt | Lane) -> None:
        """Let it be taken up at the next tick from then on, among others in any order."""
        tick = math.ceil((at - EPOCH) / TICK) * TICK + EPOCH
        heapq.heappush(self.events, (tick, self.random.random(), take_up, subject))

    def wanted(self, lane: Lane) -> int:
        """How many attempts the lane would start now."""
        return min(self.room(lane, self.now), SHARE - lane.running)

    def claim(self, lane: Lane) -> None:
        """Start what the lane and the pool have room for; whoever waits for the pool is first."""
        for _ in range(len(self.waiting)):
            if self.in_flight >= POOL:
                break
            first = self.waiting.popleft()
            if self.wanted(first) > 0:
                self.start(first)
                self.waiting.append(first)
        for _ in range(self.wanted(lane)):
            if self.in_flight >= POOL:
                if lane not in self.waiting:
                    self.waiting.append(lane)
                return
            self.start(lane)

    def start(self, lane: Lane) -> None:
        """Start one attempt."""
        lane.running += 1
        lane.unsettled += 1
        lane.attempts += 1
        self.in_flight += 1
        running, unsettled = lane.state.running.size, lane.state.unsettled.size
        answer = lane.destination.arrive(self.now)
        ended = self.now + answer.seconds
        full = (lane.running >= running, lane.unsettled >= unsettled)
        self.plan(ended, self.finish, Attempt(lane, self.now, ended, answer, full))

    def finish(self, attempt: Attempt) -> None:
        """Take up an answer."""
        lane, started, ended = attempt.lane, attempt.started, attempt.ended
        lane.running -= 1
        self.in_flight -= 1
        answer = lane.destination.spoil(attempt.answer, ended)
        full = attempt.full[0]
        seen = Observation(answer.seen, started, ended, full, answer.pause, answer.what)
        self.move(lane, limits.observe_answer(lane.state, seen))
        if answer.settles is not None:
            self.plan(ended + answer.settles, self.settle, attempt)
        elif answer.seen in (Seen.GOOD, Seen.SLOW):
            self.settle(attempt)
        else:
            lane.unsettled -= 1
        self.claim(lane)

    def settle(self, attempt: Attempt) -> None:
        """Take up that an action was settled, or that its time was over."""
        lane = attempt.lane
        lane.unsettled -= 1
        expired = attempt.answer.expires
        lane.good += not expired and self.now >= EPOCH + self.seconds / 2
        verdict = Seen.BAD if expired else Seen.GOOD
        seen = Observation(verdict, attempt.started, self.now, attempt.full[1], None, "not settled")
        self.move(lane, limits.observe_settlement(lane.state, seen))
        self.claim(lane)

    def move(self, lane: Lane, state: LaneState) -> None:
        """Let the lane have the new state, and look at it again when its pause is over."""
        if state is lane.state:
            return
        if not state.same_stored(lane.state):
            lane.measure(self.now)
        if state.paused_until > lane.state.paused_until:
            self.plan(state.paused_until, self.claim, lane)
        lane.state = state
