"""Clients that many calls share."""

from __future__ import annotations

import asyncio

import pytest

from destinations.brokers import pools
from destinations.brokers.pools import Client, Pool


class Making:
    """Makes clients that are numbers, and notes which of them have been closed."""

    def __init__(self, *, until=float("inf")):
        self.made = []
        self.closed = []
        self.until = until
        self.error = None
        self.may = asyncio.Event()
        self.may.set()

    async def __call__(self, key):
        self.made.append(key)
        await self.may.wait()
        if self.error:
            raise self.error
        number = len(self.made)

        async def close():
            self.closed.append(number)

        return Client(number, close, self.until)


async def use(pool, key):
    async with pool.use(key) as client:
        return client


def test_a_client_is_made_once_for_all_who_want_it():
    async def run():
        making = Making()
        pool = Pool(making)
        used = await asyncio.gather(*(use(pool, "a") for _ in range(5)), use(pool, "b"))
        await pool.close()
        return used, making

    used, making = asyncio.run(run())
    assert used == [1, 1, 1, 1, 1, 2]
    assert (making.made, sorted(making.closed)) == (["a", "b"], [1, 2])


def test_whoever_gives_up_does_not_spoil_it_for_the_others():
    async def run():
        making = Making()
        making.may.clear()
        pool = Pool(making)
        first, second = (asyncio.create_task(use(pool, "a")) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        await asyncio.wait([first])
        making.may.set()
        used = await second
        await pool.close()
        return used

    assert asyncio.run(run()) == 1


def test_what_could_not_be_made_is_made_again():
    async def run():
        making = Making()
        making.error = OSError("no")
        pool = Pool(making)
        with pytest.raises(OSError, match="no"):
            await use(pool, "a")
        making.error = None
        used = await use(pool, "a")
        await pool.close()
        return used

    assert asyncio.run(run()) == 2


def test_a_client_whose_time_is_over_is_replaced_and_closed_by_its_last_user():
    async def run():
        making = Making(until=0.0)
        pool = Pool(making)
        async with pool.use("a") as old:
            new = await use(pool, "a")
            await asyncio.sleep(0)
            assert making.closed == []
        await pool.close()
        return old, new, making.closed

    assert asyncio.run(run()) == (1, 2, [1, 2])


def test_no_more_are_kept_than_it_may():
    async def run():
        making = Making()
        pool = Pool(making, most=2)
        async with pool.use("a"):
            for key in "bcd":
                await use(pool, key)
            kept = len(pool)
            await asyncio.sleep(0.01)
            closed = list(making.closed)
        await pool.close()
        return kept, closed

    # The oldest is in use; those after it make room.
    assert asyncio.run(run()) == (2, [2, 3])


def test_what_nobody_has_used_for_long_is_closed(monkeypatch):
    monkeypatch.setattr(pools, "IDLE_SECONDS", -1.0)

    async def run():
        making = Making()
        pool = Pool(making)
        await use(pool, "a")
        await asyncio.sleep(0.01)
        kept = len(pool)
        await pool.close()
        return kept, making.closed

    assert asyncio.run(run()) == (0, [1])
