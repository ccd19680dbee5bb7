"""`kinds.deliver` of a webhook to a real receiver: what is sent, and what each answer means."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import time

import aiohttp
import orjson
import pytest
from aiohttp import web

from destinations import kinds
from destinations.attempts import Attempt
from destinations.outcomes import Verdict
from destinations.outward import outbound
from destinations.outward.clients import Clients
from tests.destinations.receiver import receive, refusing, speak, unreachable
from tests.destinations.test_outcomes import expected_verdict

ACK_BY_DEFAULT = {"signaling": {"enabled": True, "default": "ack"}}

pytestmark = pytest.mark.usefixtures("private_networks")


def make_attempt(url, *, payload=b"{}", seconds=5.0, **config):
    return Attempt(
        record_id=2**53 + 1,
        number=3,
        failures=1,
        type="webhook",
        config={"url": url} | config,
        payload=payload,
        ends=time.monotonic() + seconds,
    )


async def deliver(url, **options):
    async with opened_clients() as clients:
        return await kinds.deliver(make_attempt(url, **options), clients)


@contextlib.asynccontextmanager
async def opened_clients():
    async with (
        outbound.open_session(allow_private=True, connections=10) as session,
        Clients(session) as clients,
    ):
        yield clients


def deliver_to(answer, **options):
    """The outcome of an attempt at a receiver that answers so, and the request it saw."""

    async def run():
        async with receive(answer) as receiver:
            outcome = await deliver(receiver.url, **options)
            return outcome, receiver.seen[0]

    return asyncio.run(run())


def outcome_of(status=200, *, headers=None, body=b"", **config):
    response = web.Response(status=status, headers=headers, body=body)
    return deliver_to(response, **config)[0]


# --- what is sent ---------------------------------------------------------------------------------


def test_the_headers_of_an_attempt():
    _, (request, _) = deliver_to(web.Response(), headers={"X-Team": "orders"})

    assert request.method == "POST"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["x-arklow-actionid"] == str(2**53 + 1)
    assert request.headers["x-arklow-attempt"] == "3"
    assert request.headers["Idempotency-Key"] == str(2**53 + 1)
    assert request.headers["X-Team"] == "orders"


@pytest.mark.parametrize(
    "name",
    [
        "Content-Type",
        "X-ARKLOW-ActionId",
        "x-Arklow-attempt",
        "Idempotency-Key",
    ],
)
def test_our_headers_win_over_the_destinations_in_any_case(name):
    _, (request, _) = deliver_to(web.Response(), headers={name: "theirs"})

    assert len(request.headers.getall(name)) == 1
    assert request.headers[name] != "theirs"


def test_a_destination_may_say_who_it_is_to_its_own_receiver():
    _, (request, _) = deliver_to(web.Response(), headers={"authorization": "Bearer x"})
    assert request.headers["Authorization"] == "Bearer x"


@pytest.mark.parametrize(
    "payload",
    [
        b"null",
        b'{"z":1.0,"a":1e2,"big":18446744073709551615}',  # order and spelling of numbers
        '{"text":"\u2028 ✓ \\u0001"}'.encode(),
        b"[" + b"1," * 300_000 + b"1]",
    ],
)
def test_the_body_is_the_payloads_own_bytes(payload):
    _, (_, body) = deliver_to(web.Response(), payload=payload)
    assert body == payload


# --- signals --------------------------------------------------------------------------------------

SIGNALS = [("ack", Verdict.ACK), ("nack", Verdict.NACK), ("mod_ack", Verdict.WAIT)]


@pytest.mark.parametrize("status", [200, 202, 204, 299])
@pytest.mark.parametrize(("word", "verdict"), SIGNALS)
def test_a_success_with_a_signal_in_a_header(word, verdict, status):
    headers = {"X-Arklow-Signaling": word, "X-Arklow-Signaling-Val": "9"}
    outcome = outcome_of(status, headers=headers)
    assert (outcome.verdict, outcome.seconds) == (verdict, 9)


@pytest.mark.parametrize(("word", "verdict"), SIGNALS)
def test_a_success_with_a_signal_in_its_body(word, verdict):
    body = orjson.dumps({"__arklow__": {"signal": word, "value": 9}})
    outcome = outcome_of(body=body, headers={"Content-Type": "text/plain"})
    assert (outcome.verdict, outcome.seconds) == (verdict, 9)


def test_a_signal_wins_over_the_destinations_default():
    outcome = outcome_of(headers={"x-arklow-signaling": "nack"}, **ACK_BY_DEFAULT)
    assert outcome.verdict is Verdict.NACK


def test_headers_win_over_the_body():
    body = orjson.dumps({"__arklow__": {"signal": "nack", "value": 9}})
    outcome = outcome_of(headers={"x-arklow-signaling": "mod_ack"}, body=body)
    assert (outcome.verdict, outcome.seconds) == (Verdict.WAIT, None)


def test_values_are_clamped():
    for word, most in (("nack", 86_400), ("mod_ack", 43_200)):
        headers = {"x-arklow-signaling": word, "x-arklow-signaling-val": "99999999"}
        assert outcome_of(headers=headers).seconds == most


@pytest.mark.parametrize(
    ("signaling", "verdict"),
    [
        (None, Verdict.WAIT),
        ({"enabled": True, "default": "ack"}, Verdict.ACK),
        ({"enabled": True, "default": "mod_ack"}, Verdict.WAIT),
        ({"enabled": False}, Verdict.WAIT),
        ({"enabled": False, "default": "ack"}, Verdict.WAIT),
    ],
)
def test_a_silent_success_is_what_the_destination_is_configured_for(signaling, verdict):
    config = {} if signaling is None else {"signaling": signaling}
    outcome = outcome_of(**config)
    assert (outcome.verdict, outcome.seconds) == (verdict, None)


@pytest.mark.parametrize(
    "body",
    [b"\0\0", b"\xff\xfe", b'{"__arklow__": {"signal": "ack\0"}}', b"<html>", b"x" * 3_000_000],
)
def test_a_success_whose_body_is_garbage_is_silent(body):
    assert outcome_of(body=body, **ACK_BY_DEFAULT).verdict is Verdict.ACK
    assert outcome_of(body=body).verdict is Verdict.WAIT


# --- the answer table -----------------------------------------------------------------------------

STATUSES = [300, 301, 302, 303, 304, 307, 308, *range(400, 419), 421, 422, 423, 424, 425, 426, 428]
STATUSES += [429, 431, 451, 500, 501, 502, 503, 504, 505, 511, 599]


def test_every_status_is_judged_by_the_answer_table():
    async def run():
        async def answer(request):
            status = int(request.query["status"])
            return web.Response(status=status, headers={"x-arklow-signaling": "ack"})

        async with (
            receive(answer) as receiver,
            opened_clients() as clients,
        ):
            attempts = [make_attempt(f"{receiver.url}?status={status}") for status in STATUSES]
            return await asyncio.gather(*(kinds.deliver(attempt, clients) for attempt in attempts))

    outcomes = asyncio.run(run())
    assert [one.status for one in outcomes] == STATUSES
    assert [one.verdict for one in outcomes] == [expected_verdict(status) for status in STATUSES]


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("120", 120),
        ("999999", 86_400),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
        ("Thu, 01 Jan 2026 00:00:00 +999999999999999999999", None),
        ("-5", None),
        ("later", None),
    ],
)
def test_a_rate_limit_names_its_wait(retry_after, seconds):
    outcome = outcome_of(429, headers={"Retry-After": retry_after})
    assert (outcome.verdict, outcome.seconds) == (Verdict.RATE_LIMITED, seconds)


def test_what_a_failure_says_is_kept_where_it_can_be_stored():
    outcome = outcome_of(500, body=b"out of \0 order \xff" + b"x" * 100_000)
    assert outcome.message.startswith("HTTP 500: out of  order \ufffdxxx")
    assert len(outcome.message) < 300


# --- no answer ------------------------------------------------------------------------------------


async def never(request):
    await asyncio.sleep(60)


def test_no_answer_in_time_is_ambiguous_because_it_was_sent():
    outcome, (_, body) = deliver_to(never, seconds=0.3, payload=b"[1]")

    assert (outcome.verdict, outcome.sent) == (Verdict.AMBIGUOUS, True)
    assert outcome.message == "Sent, but no answer in time; it may have been done."
    assert body == b"[1]"


def test_no_connection_in_time_was_not_sent(monkeypatch):
    monkeypatch.setattr(outbound, "CONNECT_SECONDS", 0.2)
    with unreachable() as url:
        outcome = asyncio.run(deliver(url))

    assert (outcome.verdict, outcome.sent) == (Verdict.UNAVAILABLE, False)
    assert "nothing was sent" in outcome.message


def test_an_attempt_whose_time_is_over_ends_at_once():
    started = time.monotonic()
    outcome, _ = deliver_late()
    assert outcome.verdict in {Verdict.AMBIGUOUS, Verdict.UNAVAILABLE}
    assert time.monotonic() - started < 2


def deliver_late():
    async def run():
        async with receive(never) as receiver:
            return await deliver(receiver.url, seconds=-1), receiver.seen

    return asyncio.run(run())


def test_a_refused_connection_is_unavailable():
    with refusing() as url:
        outcome = asyncio.run(deliver(url))
    assert (outcome.verdict, outcome.sent) == (Verdict.UNAVAILABLE, False)
    assert "ClientConnectorError" in outcome.message


def test_a_name_that_nobody_knows_is_the_destinations_fault(monkeypatch):
    outcome = asyncio.run(deliver_unresolved(monkeypatch, socket.EAI_NONAME))

    assert (outcome.verdict, outcome.sent) == (Verdict.UNAVAILABLE, False)


@pytest.mark.parametrize("code", [socket.EAI_AGAIN, socket.EAI_MEMORY, socket.EAI_SYSTEM])
def test_a_resolver_that_is_out_of_order_is_our_fault(monkeypatch, code):
    outcome = asyncio.run(deliver_unresolved(monkeypatch, code))

    assert (outcome.verdict, outcome.sent, outcome.said) == (Verdict.OURS, False, False)


async def deliver_unresolved(monkeypatch, code):
    async def resolve(*args, **options):
        raise socket.gaierror(code, "as the resolver says it")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    return await deliver("http://hooks.example/")


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        # This machine has run out of something.
        (errno.EMFILE, Verdict.OURS),
        (errno.ENOBUFS, Verdict.OURS),
        (errno.EADDRNOTAVAIL, Verdict.OURS),
        # There is no way to that one.
        (errno.EHOSTUNREACH, Verdict.UNAVAILABLE),
        (errno.ENETUNREACH, Verdict.UNAVAILABLE),
    ],
)
def test_whose_fault_it_is_that_there_is_no_connection(monkeypatch, code, verdict):
    async def refuse(*args, **options):
        raise OSError(code, "as the kernel says it")

    async def run():
        monkeypatch.setattr(aiohttp.connector.aiohappyeyeballs, "start_connection", refuse)
        return await deliver("http://127.0.0.1:8/")

    outcome = asyncio.run(run())
    assert (outcome.verdict, outcome.sent) == (verdict, False)


@pytest.mark.parametrize(
    "reply",
    [
        b"",  # hangs up
        b"\0\xff garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nbad\0name: x\r\n\r\n",
    ],
)
def test_an_answer_that_is_not_http_is_ambiguous_because_the_request_was_sent(reply):
    async def run():
        async with speak(reply) as url:
            return await deliver(url, **ACK_BY_DEFAULT)

    outcome = asyncio.run(run())
    assert (outcome.verdict, outcome.sent) == (Verdict.AMBIGUOUS, True)
    assert outcome.message.startswith("Sent, but ")


def test_header_values_that_are_no_utf_8_do_no_harm():
    reply = (
        b"HTTP/1.1 503 Gone\xff\r\nRetry-After: \xff\xfe\r\nX-Arklow-Signaling: \xff\r\n"
        b"Content-Length: 2\r\n\r\n\xff\0"
    )

    async def run():
        async with speak(reply) as url:
            return await deliver(url)

    outcome = asyncio.run(run())
    assert (outcome.verdict, outcome.seconds) == (Verdict.UNAVAILABLE, None)
    outcome.message.encode()


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:1/",  # private: a config from before they were refused
        "http://user:secret@example.com/",
        "http://a..b/",
        "http://" + "a" * 64 + ".example/",
        "ftp://example.com/",
    ],
)
def test_a_url_that_may_not_be_called_is_refused_and_says_why(settings, url):
    settings.ALLOW_PRIVATE_NETWORKS = False
    outcome = asyncio.run(deliver(url))
    assert outcome.verdict is Verdict.REFUSED
    assert outcome.message


def test_a_secret_of_the_config_is_not_in_what_is_said():
    with refusing() as url:
        outcome = asyncio.run(deliver(url, headers={"authorization": "Bearer s3cret"}))
    assert "s3cret" not in outcome.message
