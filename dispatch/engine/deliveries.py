"""The deliveries that a dispatcher has under way, and what came of those that ended."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import Any, NamedTuple

import orjson

from destinations import keys, kinds
from destinations.attempts import ATTEMPT_SECONDS, Attempt
from destinations.outcomes import Outcome, Verdict
from destinations.outward.clients import Clients
from destinations.soundings import Soundings
from dispatch import limits, retries, throttle
from dispatch.limits import Observation, Seen
from dispatch.retries import Ending
from dispatch.services import DESTINATION_DELETED
from dispatch.throttle import Throttle

LEAST_SHARE = 16
# Of a destination's successes, the answer to one is kept in so many seconds: writing down those of
# all would double what writing an ending costs the database.
SAMPLE_SECONDS = 1.0
PAYLOAD_GONE = "Its payload is gone."
# Where in a row of `claims.CLAIM` its lane is and the destination's config; what is in flight in
# the lane, and its state.
LANE, CONFIG = 3, 5
PROTOCOL, RUNNING, UNSETTLED, LANE_STATE = 12, 13, 14, 15
RUNNING_LIMIT, UNSETTLED_LIMIT = LANE_STATE + 1, LANE_STATE + 4


class Claimed(NamedTuple):
    """An attempt that this dispatcher holds the lease of.

    `started` is the claim by the database's clock, `at` by this process's monotonic one.
    """

    attempt: Attempt
    destination_id: int
    lane_id: int
    started: float
    at: float
    # Whether the lane was full with it: only then its success says that the lane may grow.
    fills_running: bool
    fills_unsettled: bool
    # Why it cannot be delivered at all; empty where it can.
    hindrance: str


class Deliveries:
    """Deliveries under way, of which no destination takes more than its share."""

    def __init__(self, concurrency: int, throttle: Throttle) -> None:
        self.throttle = throttle
        self.soundings = Soundings()
        # When the last attempt began whose answer is kept in any case, of each destination.
        self.sampled: dict[int, float] = {}
        self.free = concurrency
        # How much of it each destination takes: a few that hang must not take all of it.
        self.busy: Counter[int] = Counter()
        self.share = max(concurrency // 4, LEAST_SHARE)
        self.tasks: set[asyncio.Task[None]] = set()
        # What has ended and is not written yet.
        self.endings: list[Ending] = []
        self.room = asyncio.Event()
        self.finished = asyncio.Event()

    def find_crowded(self) -> list[int]:
        """The destinations that have their share of the deliveries under way."""
        return [destination for destination, busy in self.busy.items() if busy >= self.share]

    def start(self, claimed: Claimed, clients: Clients) -> None:
        """Deliver it; its ending is in `endings` when it is over."""
        self.free -= 1
        self.busy[claimed.destination_id] += 1
        task = asyncio.create_task(self._deliver(claimed, clients))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def end(self, seconds: float) -> None:
        """Wait for what is under way; give up what takes longer."""
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=seconds)
        for task in self.tasks:
            task.cancel()

    async def _deliver(self, claimed: Claimed, clients: Clients) -> None:
        attempt = claimed.attempt
        try:
            if claimed.hindrance:
                hindered = Outcome(Verdict.PERMANENT, claimed.hindrance, sent=False)
                ending = retries.fail(attempt.record_id, attempt.number, hindered, counted=False)
            else:
                began = time.monotonic()
                attempt.wants_reply = self._is_sample(claimed.destination_id, began)
                outcome = await kinds.deliver(attempt, clients)
                now = time.monotonic()
                self._observe(claimed, outcome, began, now)
                ending = retries.end_attempt(
                    attempt.record_id, attempt.number, attempt.failures, outcome
                )
                ending.milliseconds = round((now - began) * 1_000)
        finally:
            self.free += 1
            self.busy[claimed.destination_id] -= 1
            if not self.busy[claimed.destination_id]:
                del self.busy[claimed.destination_id]
            self.room.set()
        self.endings.append(ending)
        self.finished.set()

    def _is_sample(self, destination_id: int, now: float) -> bool:
        """Whether the answer to an attempt that begins now is kept also where it succeeds."""
        if now - self.sampled.get(destination_id, -SAMPLE_SECONDS) < SAMPLE_SECONDS:
            return False
        self.sampled[destination_id] = now
        return True

    def _observe(self, claimed: Claimed, outcome: Outcome, began: float, now: float) -> None:
        """What the answer says of the destination, for its health and the limits of the lane."""
        milliseconds = (now - began) * 1_000
        sla = claimed.attempt.config.get("response_time_sla_ms")
        self.soundings.note(claimed.destination_id, outcome, milliseconds=milliseconds, sla=sla)
        seen = throttle.judge_answer(outcome, milliseconds=milliseconds, sla=sla)
        ended = claimed.started + now - claimed.at
        if seen is not None:
            pause = outcome.seconds if seen is Seen.LIMITED else None
            answer = Observation(
                seen, claimed.started, ended, claimed.fills_running, pause, outcome.cause
            )
            self.throttle.observe(claimed.lane_id, limits.observe_answer, answer)
        if throttle.is_settled(outcome):
            settled = Observation(Seen.GOOD, claimed.started, ended, claimed.fills_unsettled)
            self.throttle.observe(claimed.lane_id, limits.observe_settlement, settled)


def read_claims(rows: list[tuple[Any, ...]]) -> list[Claimed]:
    """The rows of one `claims.CLAIM`."""
    taken = Counter(row[LANE] for row in rows)
    # Nobody changes a config: the attempts at one destination share it.
    configs = {text: orjson.loads(text) for text in {row[CONFIG] for row in rows}}
    now = time.monotonic()
    return [_read_claim(row, configs[row[CONFIG]], taken[row[LANE]], now) for row in rows]


def _read_claim(row: tuple[Any, ...], config: dict[str, Any], taken: int, now: float) -> Claimed:
    record_id, number, failures, lane_id, kind, _, deleted, payload = row[:8]
    destination_id, started, stored_keys, variant = row[8:PROTOCOL]
    attempt = Attempt(
        record_id=record_id,
        number=number,
        failures=failures,
        type=kind,
        config=config,
        payload=(payload or "").encode(),
        ends=now + ATTEMPT_SECONDS,
        variant=variant or "",
        lane_id=lane_id,
        keys=keys.read_keys(stored_keys),
        claimed_at=started,
        destination_id=destination_id,
        protocol=row[PROTOCOL],
    )
    return Claimed(
        attempt,
        destination_id,
        lane_id,
        started=started,
        at=now,
        fills_running=row[RUNNING] + taken >= row[RUNNING_LIMIT],
        fills_unsettled=row[UNSETTLED] + taken >= row[UNSETTLED_LIMIT],
        hindrance=DESTINATION_DELETED if deleted else PAYLOAD_GONE if payload is None else "",
    )
