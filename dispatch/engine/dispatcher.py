"""The loop that claims due actions, delivers them, and writes down what came of it.

One asyncio loop, three connections. No transaction is open while a delivery runs. Whatever
fails here loses nothing: a lease that nobody ends runs out, and the action comes back under
its next attempt number.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg

from destinations import soundings
from destinations.outward import outbound
from destinations.outward.clients import Clients
from dispatch import limits, settlement, throttle
from dispatch.engine import claims, deliveries, lines
from dispatch.engine.deliveries import Deliveries
from dispatch.engine.lines import Line
from dispatch.limits import Observation, Seen
from dispatch.models import IN_FLIGHT
from dispatch.retries import Ending
from dispatch.throttle import Moves, Throttle

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.5
SWEEP_TICKS = 4
FLUSH_SECONDS = 0.005
GRACE_SECONDS = 10.0
WRITE_GRACE_SECONDS = 2.0
RESOLVERS = 128
RECONNECT_SECONDS = 1.0
LISTEN_SECONDS = 60.0


class Dispatcher:
    """Delivers until it is told to stop. Any number may run, on any machine."""

    def __init__(self, conninfo: str, *, concurrency: int, allow_private: bool) -> None:
        self.concurrency = concurrency
        self.allow_private = allow_private
        # One for each task: a statement of one never lands in a transaction of another.
        self.claimer, self.writer, self.keeper, self.listener = (Line(conninfo) for _ in range(4))
        self.throttle = Throttle()
        self.deliveries = Deliveries(concurrency, self.throttle)
        self.after_lane = 0
        self.found_work = False
        # Whether anything is due at all, as far as the last look at the time has told.
        self.is_due = False
        self.wake = asyncio.Event()
        self.stopping = asyncio.Event()
        self.drained = False

    def stop(self) -> None:
        """Claim nothing more; what is under way has ten seconds to end."""
        self.stopping.set()
        self.wake.set()
        self.deliveries.room.set()

    async def run(self) -> None:
        """Deliver until `stop`; everything finished by then is written down."""
        # Names are resolved in threads, and a name server that is silent keeps one busy.
        resolvers = ThreadPoolExecutor(RESOLVERS, thread_name_prefix="resolve")
        asyncio.get_running_loop().set_default_executor(resolvers)
        async with (
            outbound.open_session(
                allow_private=self.allow_private, connections=self.concurrency
            ) as session,
            Clients(session) as clients,
        ):
            work = [self._claim(clients), self._promote(), self._listen(), self._write()]
            tasks = [asyncio.create_task(one) for one in work]
            stopped: asyncio.Task[Any] = asyncio.create_task(self.stopping.wait())
            done, _ = await asyncio.wait([stopped, *tasks], return_when=asyncio.FIRST_COMPLETED)
            self.stop()
            await self._drain(claiming=tasks[0], writing=tasks[-1])
            await end_tasks(tasks)
        await self._patiently(self._sound)
        for line in (self.claimer, self.writer, self.keeper, self.listener):
            await line.close()
        for task in done - {stopped}:
            task.result()

    async def _drain(self, *, claiming: asyncio.Task[None], writing: asyncio.Task[None]) -> None:
        """Wait for what is under way, then for its outcomes to be written; neither for ever."""
        await asyncio.wait([claiming], timeout=WRITE_GRACE_SECONDS)
        await self.deliveries.end(GRACE_SECONDS)
        self.drained = True
        self.deliveries.finished.set()
        await asyncio.wait([writing], timeout=WRITE_GRACE_SECONDS)

    # --- claiming ------------------------------------------------------------------------------

    async def _claim(self, clients: Clients) -> None:
        """Claim while there is work and room; then wait to be woken."""
        while not self.stopping.is_set():
            if self.deliveries.free < min(claims.ROWS_A_CLAIM, max(1, self.concurrency // 4)):
                self.deliveries.room.clear()
                await self.deliveries.room.wait()
                continue
            if not self.after_lane:
                # What wakes us from here on may lie in a lane that has been seen by then.
                self.wake.clear()
            more = await self._patiently(lambda: self._claim_once(clients))
            if not more:
                await self.wake.wait()

    async def _claim_once(self, clients: Clients) -> bool:
        """Start the deliveries of one claim; whether another claim may find more."""
        # No more than a share: all of it may be for one destination.
        wanted = min(claims.ROWS_A_CLAIM, self.deliveries.free, self.deliveries.share)
        last_lane, more, rows = await self._fetch_claim(wanted)
        for row in rows:
            self.throttle.learn(row[deliveries.LANE], row[deliveries.LANE_STATE :])
        for claimed in deliveries.read_claims(rows):
            self.deliveries.start(claimed, clients)
        if len(rows) == wanted:
            # The cut lanes come next; the last served one waits for its turn.
            self.after_lane = max(row[deliveries.LANE] for row in rows)
        else:
            self.after_lane = last_lane if more else 0
        self.found_work |= bool(rows)
        if self.after_lane:
            return True
        # All lanes have been seen. If none of them gave anything, nothing will until a wake-up.
        found, self.found_work = self.found_work, False
        return found

    async def _fetch_claim(self, wanted: int) -> tuple[int, bool, list[Any]]:
        """The last lane looked at, whether there may be more of them, and the claimed rows."""
        connection = await self.claimer.open()
        crowded = self.deliveries.find_crowded()
        try:
            async with connection.pipeline():
                locked = await connection.execute(claims.LOCK_LANES, {"after": self.after_lane})
                claimed = await connection.execute(
                    claims.CLAIM, {"rows": wanted, "crowded": crowded}
                )
            _, last_lane, more = await locked.fetchone() or (None, 0, False)
            return last_lane, more, await claimed.fetchall()
        except psycopg.Error:
            # psycopg trusts in having prepared what the pipeline passed by after an error.
            await self.claimer.close()
            raise

    # --- writing -------------------------------------------------------------------------------

    async def _write(self) -> None:
        """Write what has finished, every few milliseconds, in one statement; all of it at last."""
        while not self.drained or self.deliveries.endings:
            await self.deliveries.finished.wait()
            await self._patiently(self._flush)
            await asyncio.sleep(FLUSH_SECONDS)

    async def _flush(self) -> bool:
        self.deliveries.finished.clear()
        endings, self.deliveries.endings = self.deliveries.endings, []
        try:
            await self._finish_all(endings)
        except lines.OUT_OF_REACH:
            # What was written before the connection broke only counts as late the second time.
            self.deliveries.endings = endings + self.deliveries.endings
            self.deliveries.finished.set()
            raise
        await self._move_lanes()
        self.wake.set()
        return True

    async def _move_lanes(self) -> None:
        """Write how the lanes' limits have moved; read the lanes that another process moved."""
        moves = self.throttle.start_moves()
        if moves is None:
            return
        try:
            if lost := await self._write_moves(moves):
                await self._read_lanes(lost)
        except lines.OUT_OF_REACH:
            raise
        except psycopg.Error:
            # A limit that cannot be written must not keep anything from being delivered.
            logger.exception("The limits of %d lanes cannot be written", len(moves.states))
            self.throttle.forget(moves.states)

    async def _write_moves(self, moves: Moves) -> list[int]:
        """The lanes that another process has moved, or has locked."""
        won: list[int] = []
        try:
            connection = await self.writer.open()
            cursor = await connection.execute(throttle.MOVE, moves.parameters, prepare=True)
            won = [lane_id for (lane_id,) in await cursor.fetchall()]
        finally:
            lost = self.throttle.end_moves(moves, won)
        return lost

    async def _read_lanes(self, lane_ids: list[int]) -> None:
        connection = await self.writer.open()
        cursor = await connection.execute(throttle.READ, [lane_ids])
        for lane_id, *columns in await cursor.fetchall():
            self.throttle.learn(lane_id, columns)

    async def _finish_all(self, endings: list[Ending]) -> None:
        """At once; where one of them cannot be written, singly, so that the others are kept."""
        try:
            await self._finish(endings)
        except lines.OUT_OF_REACH:
            raise
        except psycopg.Error:
            logger.exception("Writing %d outcomes at once failed", len(endings))
            for ending in endings:
                await self._finish_singly(ending)

    async def _finish(self, endings: list[Ending]) -> None:
        """Write them. What somebody has locked stays among the endings, for the next tick."""
        if not endings:
            return
        connection = await self.writer.open()
        parameters = settlement.finish_parameters(endings, statuses=IN_FLIGHT)
        keeps = settlement.has_what_is_kept(endings)
        flush = settlement.FLUSH if keeps else settlement.FLUSH_BARE
        cursor = await connection.execute(flush, parameters, prepare=True)
        if busy := set(await cursor.fetchall()):
            left = [ending for ending in endings if (ending.record_id, ending.attempt) in busy]
            self.deliveries.endings += left

    async def _finish_singly(self, ending: Ending) -> None:
        try:
            await self._finish([ending])
        except lines.OUT_OF_REACH:
            raise
        except psycopg.Error:
            logger.exception("The outcome of action %d cannot be written", ending.record_id)

    # --- time and wake-ups ---------------------------------------------------------------------

    async def _promote(self) -> None:
        """Twice a second: bring back what has become due. Now and then: claim whatever came."""
        ticks, sounded = 0, time.monotonic()
        while True:
            if await self._patiently(self._promote_once) or (self.is_due and ticks == 0):
                self.wake.set()
            if self.deliveries.endings or self.throttle.moving:
                # What somebody had locked at the last flush.
                self.deliveries.finished.set()
            ticks = (ticks + 1) % SWEEP_TICKS
            if time.monotonic() > sounded + soundings.WRITE_SECONDS:
                sounded = time.monotonic()
                await self._patiently(self._sound)
            await asyncio.sleep(TICK_SECONDS)

    async def _sound(self) -> bool:
        """Write how the destinations have answered since the last time, which may get lost."""
        seen = self.deliveries.soundings.take()
        if seen is None:
            return False
        try:
            connection = await self.keeper.open()
            await connection.execute(soundings.ADD, seen)
        except lines.OUT_OF_REACH:
            raise
        except psycopg.Error:
            # Nothing else depends on it.
            logger.exception("How destinations have answered cannot be written")
        return True

    async def _promote_once(self) -> bool:
        connection = await self.keeper.open()
        cursor = await connection.execute(claims.PROMOTE, prepare=True)
        [(promoted, _, self.is_due, now, lanes, starts, _)] = await cursor.fetchall()
        for lane_id, started in zip(lanes, starts, strict=True):
            unsettled = Observation(Seen.BAD, started, now, True, None, "not settled in time")
            self.throttle.observe(lane_id, limits.observe_settlement, unsettled)
            self.deliveries.finished.set()
        return bool(promoted)

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
        except lines.OUT_OF_REACH as error:
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
