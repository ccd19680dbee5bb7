"""The loop that claims due actions, delivers them, and writes down what came of it.

One asyncio loop, three connections. No transaction is open while a delivery runs. Whatever
fails here loses nothing: a lease that nobody ends runs out, and the action comes back under
its next attempt number.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson
import psycopg

from destinations import kinds, outbound
from destinations.attempts import ATTEMPT_SECONDS, Attempt
from destinations.outcomes import Outcome, Verdict
from dispatch import claims, partitions, retries, settlement
from dispatch.lines import Line
from dispatch.models import IN_FLIGHT
from dispatch.retries import Ending
from dispatch.services import DESTINATION_DELETED

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.5
SWEEP_TICKS = 4
UPKEEP_TICKS = 120
FLUSH_SECONDS = 0.005
GRACE_SECONDS = 10.0
WRITE_GRACE_SECONDS = 2.0
LEAST_SHARE = 16
RESOLVERS = 128
PAYLOAD_GONE = "Its payload is gone."
RECONNECT_SECONDS = 1.0
LISTEN_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Claimed:
    """An attempt that this dispatcher holds the lease of."""

    attempt: Attempt
    destination_id: int
    # Why it cannot be delivered at all; empty where it can.
    hindrance: str


class Dispatcher:
    """Delivers until it is told to stop. Any number may run, on any machine."""

    def __init__(self, conninfo: str, *, concurrency: int, allow_private: bool) -> None:
        self.concurrency = concurrency
        self.allow_private = allow_private
        # One for each task: a statement of one never lands in a transaction of another.
        self.claimer, self.writer, self.keeper, self.listener = (Line(conninfo) for _ in range(4))
        self.free = concurrency
        # How much of it each destination takes: a few that hang must not take all of it.
        self.busy: Counter[int] = Counter()
        self.share = max(concurrency // 4, LEAST_SHARE)
        self.after_lane = 0
        self.found_work = False
        self.endings: list[Ending] = []
        self.deliveries: set[asyncio.Task[None]] = set()
        self.wake = asyncio.Event()
        self.room = asyncio.Event()
        self.finished = asyncio.Event()
        self.stopping = asyncio.Event()
        self.drained = False

    def stop(self) -> None:
        """Claim nothing more; what is under way has ten seconds to end."""
        self.stopping.set()
        self.wake.set()
        self.room.set()

    async def run(self) -> None:
        """Deliver until `stop`; everything finished by then is written down."""
        # Names are resolved in threads, and a name server that is silent keeps one busy.
        resolvers = ThreadPoolExecutor(RESOLVERS, thread_name_prefix="resolve")
        asyncio.get_running_loop().set_default_executor(resolvers)
        async with outbound.open_session(
            allow_private=self.allow_private, connections=self.concurrency
        ) as session:
            work = [self._claim(session), self._promote(), self._listen(), self._write()]
            tasks = [asyncio.create_task(one) for one in work]
            stopped: asyncio.Task[Any] = asyncio.create_task(self.stopping.wait())
            done, _ = await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
            self.stop()
            await self._drain(claiming=tasks[0], writing=tasks[-1])
            await end_tasks(tasks)
        for line in (self.claimer, self.writer, self.keeper, self.listener):
            await line.close()
        for task in done - {stopped}:
            task.result()

    async def _drain(self, *, claiming: asyncio.Task[None], writing: asyncio.Task[None]) -> None:
        """Wait for what is under way, then for its outcomes to be written; neither for ever."""
        await asyncio.wait([claiming], timeout=WRITE_GRACE_SECONDS)
        if self.deliveries:
            await asyncio.wait(self.deliveries, timeout=GRACE_SECONDS)
        for task in self.deliveries:
            task.cancel()
        self.drained = True
        self.finished.set()
        await asyncio.wait([writing], timeout=WRITE_GRACE_SECONDS)

    # --- claiming ------------------------------------------------------------------------------

    async def _claim(self, session: aiohttp.ClientSession) -> None:
        """Claim while there is work and room; then wait to be woken."""
        while not self.stopping.is_set():
            if self.free < min(claims.ROWS_A_CLAIM, max(1, self.concurrency // 4)):
                self.room.clear()
                await self.room.wait()
                continue
            if not self.after_lane:
                # What wakes us from here on may lie in a lane that has been seen by then.
                self.wake.clear()
            more = await self._patiently(lambda: self._claim_once(session))
            if not more:
                await self.wake.wait()

    async def _claim_once(self, session: aiohttp.ClientSession) -> bool:
        """Start the deliveries of one claim; whether another claim may find more."""
        # No more than a share: all of it may be for one destination.
        wanted = min(claims.ROWS_A_CLAIM, self.free, self.share)
        last_lane, lanes, rows = await self._fetch_claim(wanted)
        for claimed in map(read_claim, rows):
            self.free -= 1
            self.busy[claimed.destination_id] += 1
            task = asyncio.create_task(self._deliver(claimed, session))
            self.deliveries.add(task)
            task.add_done_callback(self.deliveries.discard)
        if len(rows) == wanted:
            # The cut lanes come next; the last served one waits for its turn.
            self.after_lane = max(row[3] for row in rows)
        else:
            self.after_lane = last_lane if lanes == claims.LANES_A_CLAIM else 0
        self.found_work |= bool(rows)
        if self.after_lane:
            return True
        # All lanes have been seen. If none of them gave anything, nothing will until a wake-up.
        found, self.found_work = self.found_work, False
        return found

    async def _fetch_claim(self, wanted: int) -> tuple[int, int, list[Any]]:
        """The last lane looked at, how many lanes there were, and the claimed rows."""
        connection = await self.claimer.open()
        async with connection.pipeline():
            await connection.execute("BEGIN")
            locked = await connection.execute(claims.LOCK_LANES, {"after": self.after_lane})
            claimed = await connection.execute(
                claims.CLAIM, {"rows": wanted, "crowded": self._find_crowded()}
            )
            await connection.execute("COMMIT")
        _, last_lane, lanes = await locked.fetchone() or (None, 0, 0)
        return last_lane, lanes, await claimed.fetchall()

    def _find_crowded(self) -> list[int]:
        """The destinations that have their share of the deliveries under way."""
        return [destination for destination, busy in self.busy.items() if busy >= self.share]

    # --- delivering ----------------------------------------------------------------------------

    async def _deliver(self, claimed: Claimed, session: aiohttp.ClientSession) -> None:
        attempt = claimed.attempt
        try:
            if claimed.hindrance:
                hindered = Outcome(Verdict.PERMANENT, claimed.hindrance)
                ending = retries.fail(attempt.record_id, attempt.number, hindered, counted=False)
            else:
                outcome = await self._attempt(attempt, session)
                ending = retries.end_attempt(
                    attempt.record_id, attempt.number, attempt.failures, outcome
                )
        finally:
            self.free += 1
            self.busy[claimed.destination_id] -= 1
            if not self.busy[claimed.destination_id]:
                del self.busy[claimed.destination_id]
            self.room.set()
        self.endings.append(ending)
        self.finished.set()

    async def _attempt(self, attempt: Attempt, session: aiohttp.ClientSession) -> Outcome:
        try:
            outcome: Outcome = await kinds.KINDS[attempt.type].deliver(attempt, session)
        except Exception as error:
            logger.exception("Delivering action %d failed here", attempt.record_id)
            message = f"Fault of Waybill: {type(error).__name__}: {error}"
            return Outcome(Verdict.OURS, message, said=False)
        return outcome

    # --- writing -------------------------------------------------------------------------------

    async def _write(self) -> None:
        """Write what has finished, every few milliseconds, in one statement; all of it at last."""
        while not self.drained or self.endings:
            await self.finished.wait()
            await self._patiently(self._flush)
            await asyncio.sleep(FLUSH_SECONDS)

    async def _flush(self) -> bool:
        self.finished.clear()
        endings, self.endings = self.endings, []
        try:
            await self._finish_all(endings)
        except psycopg.OperationalError:
            # What was written before the connection broke only counts as late the second time.
            self.endings = endings + self.endings
            self.finished.set()
            raise
        self.wake.set()
        return True

    async def _finish_all(self, endings: list[Ending]) -> None:
        """At once; where one of them cannot be written, singly, so that the others are kept."""
        try:
            await self._finish(endings)
        except psycopg.OperationalError:
            raise
        except psycopg.Error:
            logger.exception("Writing %d outcomes at once failed", len(endings))
            for ending in endings:
                await self._finish_singly(ending)

    async def _finish(self, endings: list[Ending]) -> None:
        if endings:
            connection = await self.writer.open()
            parameters = settlement.finish_parameters(endings, statuses=IN_FLIGHT, log_late=True)
            await connection.execute(settlement.FINISH, parameters, prepare=True)

    async def _finish_singly(self, ending: Ending) -> None:
        try:
            await self._finish([ending])
        except psycopg.OperationalError:
            raise
        except psycopg.Error:
            logger.exception("The outcome of action %d cannot be written", ending.record_id)

    # --- time and wake-ups ---------------------------------------------------------------------

    async def _promote(self) -> None:
        """Twice a second: bring back what has become due. Now and then: claim whatever came."""
        ticks = 0
        while True:
            if ticks % UPKEEP_TICKS == 0:
                await self._patiently(self._keep_up)
            if await self._patiently(self._promote_once) or ticks % SWEEP_TICKS == 0:
                self.wake.set()
            ticks += 1
            await asyncio.sleep(TICK_SECONDS)

    async def _promote_once(self) -> bool:
        connection = await self.keeper.open()
        row = await (await connection.execute(claims.PROMOTE, prepare=True)).fetchone()
        return bool(row and row[0])

    async def _keep_up(self) -> bool:
        try:
            await self._keep_partitions()
        except psycopg.OperationalError:
            raise
        except psycopg.Error:
            logger.exception("The next partitions cannot be made")
        return True

    async def _keep_partitions(self) -> None:
        connection = await self.keeper.open()
        async with connection.transaction():
            await connection.execute(partitions.LOCK)
            row = await (await connection.execute(partitions.LOOK)).fetchone()
            for partition in partitions.find_missing(*row) if row else ():
                for statement in partition.statements():
                    await connection.execute(statement)

    async def _listen(self) -> None:
        while True:
            await self._patiently(self._hear)

    async def _hear(self) -> bool:
        connection = await self.listener.open()
        await connection.execute(f"LISTEN {settlement.WAKE}")
        # Asking again now and then finds out about a connection that is no more than a memory.
        async for _ in connection.notifies(timeout=LISTEN_SECONDS):
            self.wake.set()
        return True

    async def _patiently(self, work: Callable[[], Awaitable[bool]]) -> bool:
        """The work's result; False after a pause where the database was out of reach."""
        try:
            return await work()
        except psycopg.errors.DeadlockDetected:
            return True
        except psycopg.OperationalError as error:
            logger.warning("Database out of reach, trying again: %s", error)
            await asyncio.sleep(RECONNECT_SECONDS)
            self.wake.set()
            return False


async def end_tasks(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel the tasks and see them end.

    Twice where need be: psycopg spends the first time on asking a server, which may be out of
    reach, to stop.
    """
    for _ in range(2):
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks, timeout=WRITE_GRACE_SECONDS)
    await asyncio.gather(*tasks, return_exceptions=True)


def read_claim(row: tuple[Any, ...]) -> Claimed:
    """One row of `claims.CLAIM`."""
    record_id, number, failures, _lane_id, kind, config, deleted, payload, destination_id = row
    attempt = Attempt(
        record_id=record_id,
        number=number,
        failures=failures,
        type=kind,
        config=orjson.loads(config),
        payload=(payload or "").encode(),
        ends=time.monotonic() + ATTEMPT_SECONDS,
    )
    hindrance = DESTINATION_DELETED if deleted else PAYLOAD_GONE if payload is None else ""
    return Claimed(attempt, destination_id, hindrance)
