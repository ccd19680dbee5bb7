"""Bodies: read before anything else happens, within bounds, and only when they came whole."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.conf import settings

from config.errors import BadRequestError, BusyError, TooLargeError
from runtime import bodies
from runtime.bodies import Bodies, Body
from runtime.shares import Share
from tests.dispatch.background import wait_until

ACME, GLOBEX, INITECH = "198.51.100.1", "203.0.113.1", "2001:db8::1"


class Protocol:
    """What answers a request, and what its body comes from; a read ends when it is broken off."""

    def __init__(self, body=b"", *, is_silent=False):
        self.body = body
        self.gone = threading.Event()
        self.answers = []
        if not is_silent:
            self.gone.set()

    def read(self, size):
        assert self.gone.wait(10)
        return self.body[:size]

    def response_iter(self, status, headers, body):
        self.answers.append((status, headers, list(body)))
        self.gone.set()


def make_request(protocol, size=None, path="/v1/ingress/x", address=ACME):
    return {
        "CONTENT_LENGTH": str(len(protocol.body) if size is None else size),
        "PATH_INFO": path,
        "REMOTE_ADDR": address,
        "wsgi.input": protocol,
        bodies.PROTOCOL: protocol,
    }


@pytest.fixture
def few(monkeypatch):
    """Two bodies are read at once, and four kilobytes held."""
    monkeypatch.setattr(bodies, "AT_ONCE", 2)
    monkeypatch.setattr(bodies, "HELD_BYTES", 4_096)
    return Bodies()


def fault_of(request):
    with pytest.raises((BadRequestError, BusyError, TooLargeError)) as raised:
        bodies.check(request)
    return raised.value


@pytest.mark.parametrize(
    ("count", "size", "each"),
    [
        (0, 1, (0, 0, 0)),
        (1, 1, (1, 0, 0)),
        (2, 1, (1, 1, 0)),
        (256, 1, (128, 64, 32)),
        # What is larger than what is free is not had, and half is not exceeded for it.
        (256, 16, (8, 4, 2)),
        (16, 16, (1, 0, 0)),
        (15, 16, (0, 0, 0)),
    ],
)
def test_one_address_has_half_and_the_next_half_of_the_rest(count, size, each):
    share, taken = Share(count), []
    for address in (ACME, GLOBEX, INITECH):
        taken.append(0)
        while share.has_room(address, size):
            share.move(address, size)
            taken[-1] += 1

    assert tuple(taken) == each


def test_what_is_given_back_leaves_nothing_behind():
    share = Share(4)
    share.move(ACME, 2)
    share.move(ACME, -2)

    assert share._taken == {}


def test_the_body_is_there_before_the_request_works(few):
    request = make_request(Protocol(b'{"input":{}}'))

    held = few.fetch(request)

    bodies.check(request)
    assert request["wsgi.input"].read(12) == b'{"input":{}}'
    assert few._held._taken == {ACME: 12}
    few.release(held)
    assert (few._held._taken, few._reading._taken, few._ends) == ({}, {}, {})


@pytest.mark.parametrize("length", ["", "0", None, "nonsense"])
def test_a_request_without_a_body_passes(few, length):
    request = make_request(Protocol(b"never read")) | {"CONTENT_LENGTH": length}

    few.release(few.fetch(request))

    bodies.check(request)
    assert few._held._taken == {}


def test_a_body_is_forgotten_when_it_has_been_read():
    body = Body(b"0123456789")

    assert (body.read(4), len(body.getvalue())) == (b"0123", 10)
    assert (body.read(), len(body.getvalue())) == (b"456789", 0)
    assert body.read() == b""


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("/v1/ingress/x", settings.MAX_BODY_BYTES),
        ("/api/v1/gateway/token/exchange", settings.MAX_BODY_BYTES),
        ("/accounts/login/", settings.MAX_BODY_BYTES),
        ("/v1/batch", settings.MAX_BATCH_BYTES),
        ("/v1/batch/", settings.MAX_BATCH_BYTES),
        ("/admin/orgs/user/add/", settings.DATA_UPLOAD_MAX_MEMORY_SIZE),
    ],
)
def test_what_says_that_it_is_too_long_is_not_read(path, most):
    ours = Bodies()
    longest, longer = (make_request(Protocol(b" "), size, path) for size in (most, most + 1))

    _, (_, held) = ours.fetch(longest), ours.fetch(longer)

    # The one that may be so long was cut off.
    assert fault_of(longest).status == 400
    assert (fault_of(longer).status, held) == (413, 0)
    assert longer["wsgi.input"].read() == b""


def test_a_body_that_is_cut_off_is_none(few):
    request = make_request(Protocol(b'{"input":{}}'), size=200)

    held = few.fetch(request)

    assert str(fault_of(request)) == "The body ends after 12 of 200 bytes."
    assert request["wsgi.input"].read() == b""
    few.release(held)
    assert few._held._taken == {}


def test_one_address_does_not_keep_others_from_sending(few):
    slow = Protocol(b"x", is_silent=True)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(few.fetch, make_request(slow))
        wait_until(lambda: few._ends)
        second, other = (make_request(Protocol(b"x"), address=one) for one in (ACME, GLOBEX))
        few.release(few.fetch(second))
        few.release(few.fetch(other))
        slow.gone.set()
        few.release(reading.result(10))

    assert (fault_of(second).status, fault_of(second).retry_after) == (503, 1)
    bodies.check(other)
    few.release(few.fetch(third := make_request(Protocol(b"x"))))
    bodies.check(third)


def test_what_waits_for_a_slot_is_bounded_by_its_bytes(few):
    held = few.fetch(first := make_request(Protocol(b"x" * 2_048)))
    few.fetch(second := make_request(Protocol(b"x")))
    few.release(held)
    few.fetch(third := make_request(Protocol(b"x")))

    bodies.check(first)
    assert fault_of(second).status == 503
    bodies.check(third)


def test_what_takes_too_long_is_broken_off_and_does_nothing(few):
    slow = Protocol(b"x", is_silent=True)
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(few.fetch, request := make_request(slow))
        wait_until(lambda: few._ends)
        (ends,) = few._ends.values()
        few.break_off(ends - 0.1)
        assert not slow.answers
        few.break_off(ends)
        few.release(reading.result(10))

    assert slow.answers == [(408, [("Content-Length", "1")], [])]
    # Whole by now or not: nobody would hear what becomes of it.
    assert fault_of(request).status == 400
    assert (few._ends, few._reading._taken) == ({}, {})


def test_the_page_for_operators_says_what_is_bounded():
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text()
    mebibyte = settings.MAX_BODY_BYTES

    assert f"| bodies that are being read at once | {bodies.AT_ONCE} |" in page
    assert f"wait for a slot | {bodies.HELD_BYTES // mebibyte} MB |" in page
    assert f"| the time that a body takes | {bodies.SECONDS} s |" in page
    batch, forms = (most // mebibyte for most in settings.LARGER_BODIES.values())
    assert f"| 1 MB; {batch} MB of `/v1/batch`, {forms} MB of forms of the admin |" in page


def test_all_that_is_too_slow_is_looked_for_again_and_again(few, monkeypatch):
    looked = []

    def break_off(now):
        looked.append(now)
        if len(looked) == 2:
            raise InterruptedError

    monkeypatch.setattr(bodies, "TICK", 0)
    monkeypatch.setattr(few, "break_off", break_off)

    with pytest.raises(InterruptedError):
        few.watch()

    assert looked == sorted(looked)
