"""Attempts that are joined into calls, without a broker."""

from __future__ import annotations

import asyncio
import importlib
import sys
import threading
import time
from types import ModuleType

import pytest

from destinations.attempts import Attempt
from destinations.brokers.batches import Account, Batches, Limits, Place
from destinations.outcomes import Outcome, Verdict
from destinations.outward.clients import Clients

LIMITS = Limits(messages=3, bytes=100, calls=2)
PLACE = Place(Account(1, 1), "here")
ORDERED = Place(Account(1, 1), "here", order="12")


class Sent:
    sent = True


@pytest.fixture
def broker(monkeypatch):
    """A module whose broker notes the calls and answers them while `open` is set."""

    class Broker:
        def __init__(self):
            self.calls = []
            self.under_way = self.most = 0
            self.open = asyncio.Event()
            self.open.set()
            self.error = None
            self.is_closed = False

        async def send(self, place, batch):
            self.calls.append([entry.attempt.record_id for entry in batch.entries])
            self.under_way += 1
            self.most = max(self.most, self.under_way)
            try:
                batch.body = Sent()
                await self.open.wait()
                await asyncio.sleep(0)
                if self.error:
                    raise self.error
                return [Outcome(Verdict.ACK) for _ in batch.entries]
            finally:
                self.under_way -= 1

        async def close(self):
            self.is_closed = True

    module = ModuleType("tests.made_up_broker")
    module.Broker = Broker
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return module.__name__


def make_attempt(number, seconds=5.0):
    ends = time.monotonic() + seconds
    return Attempt(number, 0, 0, "aws_sqs", {}, b"{}", ends)


async def open_batches(module):
    """Batches whose broker is there."""
    batches = Batches(module, LIMITS)
    await batches.deliver(make_attempt(0), PLACE, 1)
    broker = await batches._loading
    broker.calls.clear()
    return batches, broker


def deliver_all(batches, numbers, place=PLACE, size=1):
    return [
        asyncio.create_task(batches.deliver(make_attempt(number), place, size))
        for number in numbers
    ]


def test_calls_are_full_and_the_rest_waits_a_moment(broker):
    async def run():
        batches, made = await open_batches(broker)
        await asyncio.gather(*deliver_all(batches, range(1, 9)))
        await batches.close()
        return made

    made = asyncio.run(run())
    assert made.calls == [[1, 2, 3], [4, 5, 6], [7, 8]]
    assert made.most == 2
    assert made.is_closed


def test_a_call_has_no_more_bytes_than_it_may_unless_it_is_one_message(broker):
    async def run():
        batches, made = await open_batches(broker)
        await asyncio.gather(*deliver_all(batches, [1, 2], size=60))
        await asyncio.gather(*deliver_all(batches, [3], size=1_000))
        await batches.close()
        return made.calls

    assert asyncio.run(run()) == [[1], [2], [3]]


def test_what_has_an_order_is_sent_one_call_after_the_other(broker):
    async def run():
        batches, made = await open_batches(broker)
        await asyncio.gather(*deliver_all(batches, range(1, 10), ORDERED))
        await batches.close()
        return made.calls, made.most

    assert asyncio.run(run()) == ([[1, 2, 3], [4, 5, 6], [7, 8, 9]], 1)


def test_a_call_that_nobody_waits_for_any_more_is_given_up(broker):
    async def run():
        batches, made = await open_batches(broker)
        made.open.clear()
        tasks = deliver_all(batches, range(1, 4))
        while not made.calls:
            await asyncio.sleep(0.001)
        tasks[0].cancel()
        await asyncio.sleep(0.01)
        under_way = made.under_way
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        await asyncio.sleep(0.01)
        left = made.under_way
        await batches.close()
        return under_way, left

    assert asyncio.run(run()) == (1, 0)


@pytest.mark.parametrize(("is_full", "verdict"), [(False, "ambiguous"), (True, "unavailable")])
def test_an_attempt_whose_time_is_over_tells_whether_it_was_sent(broker, is_full, verdict):
    async def run():
        batches, made = await open_batches(broker)
        made.open.clear()
        before = deliver_all(batches, range(1, 7)) if is_full else []
        while len(made.calls) < len(before) // LIMITS.messages:
            await asyncio.sleep(0.001)
        late = await batches.deliver(make_attempt(9, seconds=0.05), PLACE, 1)
        made.open.set()
        await asyncio.gather(*before)
        await batches.close()
        return late

    late = asyncio.run(run())
    assert (late.verdict, late.sent) == (Verdict(verdict), not is_full)


def test_a_bug_is_told_to_all_of_a_call(broker):
    async def run():
        batches, made = await open_batches(broker)
        made.error = RuntimeError("a bug")
        ended = await asyncio.gather(*deliver_all(batches, [1, 2]), return_exceptions=True)
        await batches.close()
        return ended

    assert [str(one) for one in asyncio.run(run())] == ["a bug", "a bug"]


def test_what_is_under_way_at_the_end_is_given_up(broker):
    async def run():
        batches, made = await open_batches(broker)
        made.open.clear()
        (task,) = deliver_all(batches, [1])
        while not made.calls:
            await asyncio.sleep(0.001)
        await batches.close()
        await asyncio.wait([task])
        return task.cancelled(), made.is_closed

    assert asyncio.run(run()) == (True, True)


def test_a_module_that_could_not_be_loaded_is_tried_again(broker, monkeypatch):
    module = sys.modules.pop(broker)

    async def run():
        batches = Batches(broker, LIMITS)
        (failed,) = await asyncio.gather(*deliver_all(batches, [1]), return_exceptions=True)
        await batches.close()
        monkeypatch.setitem(sys.modules, broker, module)
        (well,) = await asyncio.gather(*deliver_all(batches, [2]))
        await batches.close()
        return failed, well

    failed, well = asyncio.run(run())
    assert isinstance(failed, ModuleNotFoundError)
    assert well.verdict is Verdict.ACK


def test_a_load_that_fails_at_the_end_keeps_nothing_from_closing(broker, monkeypatch, caplog):
    begins, fails = threading.Event(), threading.Event()

    def load(_):
        begins.set()
        fails.wait(10)
        raise ImportError("half an installation")

    async def run():
        monkeypatch.setattr(importlib, "import_module", load)
        batches = Batches(broker, LIMITS)
        (task,) = deliver_all(batches, [1])
        await asyncio.to_thread(begins.wait, 10)
        closing = asyncio.create_task(batches.close())
        await asyncio.sleep(0)
        fails.set()
        await closing
        await asyncio.wait([task])

    asyncio.run(run())
    assert "tests.made_up_broker could not be loaded" in caplog.text


def test_one_client_that_does_not_close_keeps_none_of_the_others_open(caplog):
    closed = []

    class Bad:
        def __init__(self, clients):
            pass

        async def close(self):
            raise RuntimeError("a bug")

    class Good(Bad):
        async def close(self):
            await asyncio.sleep(0)
            closed.append(1)

    async def run():
        async with Clients(None) as clients:
            clients.of(Bad)
            clients.of(Good)

    asyncio.run(run())
    assert closed == [1]
    assert "Bad did not close" in caplog.text
