"""What a worker does when handlers or the network misbehave: it never holds an action for ever."""

from __future__ import annotations

import functools
import threading

import pytest
from waybill_sdk import AsyncClient, AsyncWorker, Client, Unreachable, Unreadable, Worker

from tests.dispatch.background import wait_until
from tests.sdk.stage import HTML, Running, Stage
from tests.sdk.test_client import InLoop

both = pytest.mark.parametrize("mode", ["sync", "async"])


@pytest.fixture
def stage():
    made = Stage()
    yield made
    made.close()


@pytest.fixture
def start(stage):
    started = []

    def start(mode, does, **options):
        started.append(Running(stage, mode, does, **options))
        return started[-1]

    yield start
    for one in started:
        one.end()


def plain(action):
    """A handler of threads."""


async def coroutine(action):
    """A handler of a loop."""


def generator(action):
    yield


async def async_generator(action):
    yield


class Plain:
    def __call__(self, action):
        """A handler of threads."""

    def method(self, action):
        """Another one."""


class Coroutine:
    async def __call__(self, action):
        """A handler of a loop."""

    async def method(self, action):
        """Another one."""


PLAIN = [plain, Plain(), Plain().method, functools.partial(plain), functools.partial(Plain())]
COROUTINES = [
    coroutine,
    Coroutine(),
    Coroutine().method,
    functools.partial(coroutine),
    functools.partial(Coroutine()),
]


def test_a_handler_of_the_other_kind_is_refused_when_it_is_registered():
    workers = [
        (Worker(Client("http://127.0.0.1", "k"), "n"), PLAIN, COROUTINES),
        (AsyncWorker(AsyncClient("http://127.0.0.1", "k"), "n"), COROUTINES, PLAIN),
    ]
    for worker, right, wrong in workers:
        for number, handler in enumerate(right):
            assert worker.action(f"count-{number}")(handler) is handler
        for handler in wrong:
            with pytest.raises(TypeError, match="not for this worker"):
                worker.action("other")(handler)
        for handler in (generator, async_generator):
            with pytest.raises(TypeError, match="generator"):
                worker.action("other")(handler)


def test_an_awaitable_that_a_thread_is_given_is_a_failure(stage, start):
    stage.give("1")

    def give(action):
        return coroutine(action)

    start("sync", give)

    wait_until(lambda: stage.calls("nack"))
    assert stage.acked() == []


class Own(BaseException):
    """What is no `Exception`."""


@both
@pytest.mark.parametrize("error", [SystemExit, Own])
def test_whatever_a_handler_raises_fails_its_action_alone(stage, start, mode, error):
    def end(action):
        if action.id == "1":
            raise error

    stage.give("1")
    worker = start(mode, end, concurrency=1)

    wait_until(lambda: stage.calls("nack"))
    assert stage.calls("nack")[0]["action_record_id"] == "1"
    stage.give("2")
    wait_until(lambda: ["2"] in stage.acked())
    assert worker.lives


@both
def test_an_interrupt_in_a_handler_ends_the_worker(stage, start, mode):
    def interrupt(action):
        raise KeyboardInterrupt

    stage.give("1")
    worker = start(mode, interrupt)

    worker.thread.join(20)
    assert not worker.lives
    assert len(stage.calls("nack")) == 1


@pytest.mark.parametrize("make_client", [Client, InLoop])
@pytest.mark.parametrize("text", [HTML, b"", b"[]", b'{"data": null}', b'{"data": {"items": [1]}}'])
def test_an_answer_that_is_not_waybills_is_an_error_of_this_package(stage, make_client, text):
    stage.moods["pull"].append((200, text))
    with make_client(stage.url, "k") as client, pytest.raises(Unreadable, match="/pull was"):
        client.pull("n")


@both
def test_answers_that_are_not_waybills_end_no_loop(stage, start, mode):
    page = (200, HTML)
    for what in ("pull", "modack", "ack", "nack"):
        stage.moods[what].append(page)
    waits = threading.Event()

    def fail_first(action):
        if action.id == "1":
            raise ValueError
        waits.wait(20)

    stage.give("1", "2")
    worker = start(mode, fail_first)

    wait_until(lambda: stage.calls("nack"))
    wait_until(lambda: len(stage.extended()) >= 2)
    waits.set()
    wait_until(lambda: stage.acked() == [["2"], ["2"]])
    assert worker.lives


@both
def test_what_has_succeeded_is_settled_until_there_is_an_answer(stage, start, mode):
    stage.moods["ack"] += [(503, b""), "cut", (502, HTML), (429, b"")]
    stage.give("1")
    start(mode, plain, lease_seconds=1)

    wait_until(lambda: stage.acked() == [["1"]] * 5)
    # Its lease was kept all the while.
    assert stage.extended().count("1") >= 4
    stage.give("2")
    wait_until(lambda: ["2"] in stage.acked())
    assert stage.acked().count(["1"]) == 5
    assert stage.calls("nack") == []


@both
@pytest.mark.parametrize("refusal", [409, 404, 401])
def test_a_refusal_is_an_answer(stage, start, mode, refusal):
    stage.moods["ack"].append((refusal, b""))
    stage.give("1")
    start(mode, plain, concurrency=1)

    wait_until(lambda: stage.acked() == [["1"]])
    stage.give("2")
    wait_until(lambda: ["2"] in stage.acked())
    assert stage.acked() == [["1"], ["2"]]


@both
def test_what_has_succeeded_is_not_given_back_at_a_stop(stage, start, mode):
    stage.moods["ack"] += [(503, b"")] * 20
    stage.give("1")
    worker = start(mode, plain, grace_seconds=0.2)
    wait_until(stage.acked)

    worker.end()

    assert stage.calls("nack") == []


@both
def test_an_extension_that_hangs_keeps_no_other_waiting(stage, start, mode):
    """Neither for its own timeout, nor by being repeated."""
    over, hangs = threading.Event(), threading.Event()
    stage.moods["modack"].append(hangs)
    stage.give(*"1234")
    start(mode, lambda action: over.wait(20), lease_seconds=3, retries=5)
    try:
        wait_until(lambda: len(stage.extended()) >= 8)
        ids = stage.extended()
        first, at = ids[0], [at for what, _, at in stage.seen if what == "modack"]
        # The rest of the first round did not wait for the one that hung.
        assert sorted(ids[:4]) == list("1234")
        assert at[3] - at[0] < 0.9
        # It was tried again in the next round, within its lease.
        again = at[4 + ids[4:].index(first)] - at[0]
        assert 0.9 < again < 2.9
    finally:
        over.set()
        hangs.set()


@pytest.mark.parametrize("make_client", [Client, InLoop])
def test_a_pull_whose_answer_was_lost_is_not_repeated(stage, make_client):
    stage.give("1")
    stage.moods["pull"].append("cut")
    with make_client(stage.url, "k") as client, pytest.raises(Unreachable):
        client.pull("n")
    assert len(stage.calls("pull")) == 1
