"""`outbound.post` against real servers on loopback: bounded in time, size and reach."""

from __future__ import annotations

import asyncio
import re
import socket
import time

import aiohttp
import pytest
import uvloop
from aiohttp import web
from aiohttp.abc import AbstractResolver
from django.conf import settings

from destinations.outward import outbound
from destinations.outward.outbound import AddressRefusedError
from tests.destinations.receiver import receive, refusing, speak, unreachable


async def post(url, *, seconds=5.0, body=b"{}", headers=None, allow_private=True):
    async with outbound.open_session(allow_private=allow_private, connections=10) as session:
        return await outbound.post(
            session,
            url,
            headers=headers or {},
            body=body,
            seconds=seconds,
        )


def post_to(handler, **options):
    """What `post` gives of a receiver, and the receiver."""

    async def run():
        async with receive(handler) as receiver:
            return await post(receiver.url, **options), receiver

    return asyncio.run(run())


def run_failing(url, error, **options):
    """The error that `post` to this URL ends with, and how long that took."""
    started = time.monotonic()
    with pytest.raises(error) as failed:
        asyncio.run(post(url, **options))
    return failed.value, time.monotonic() - started


def test_status_headers_and_body_come_back():
    answer, receiver = post_to(
        web.Response(status=418, headers={"X-Mixed-Case": "Yes"}, body=b"short\0stout"),
        body=b'{"n": 1.0}',
        headers={"x-sent": "it"},
    )

    ((request, body),) = receiver.seen
    assert (request.method, body, request.headers["x-sent"]) == ("POST", b'{"n": 1.0}', "it")
    assert (answer.status, answer.body) == (418, b"short\0stout")
    assert answer.headers["x-mixed-case"] == "Yes"


def test_a_request_says_who_calls_and_asks_for_plain_bytes():
    _, receiver = post_to(web.Response())
    headers = receiver.seen[0][0].headers
    assert (headers["User-Agent"], headers["Accept-Encoding"]) == ("Waybill", "identity")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_never_followed(status):
    async def run():
        async with receive(web.Response()) as inside:
            away = web.Response(status=status, headers={"Location": inside.url})
            async with receive(away) as outside:
                return await post(outside.url), inside.seen

    answer, seen = asyncio.run(run())
    assert answer.status == status
    assert seen == []


def test_cookies_are_not_kept():
    async def run():
        async def set_cookie(request):
            return web.Response(headers={"Set-Cookie": "session=1; Path=/"})

        async with (
            receive(set_cookie) as receiver,
            outbound.open_session(allow_private=True, connections=1) as session,
        ):
            for _ in range(2):
                await outbound.post(session, receiver.url, headers={}, body=b"", seconds=5)
            return [request.headers.get("Cookie") for request, _ in receiver.seen]

    assert asyncio.run(run()) == [None, None]


@pytest.mark.parametrize(
    ("size", "kept"),
    [
        (0, 0),
        (65_535, 65_535),
        (65_536, 65_536),  # the limit itself
        (65_537, 65_536),
        (2_000_000, 65_536),
    ],
)
def test_64_kb_of_an_answer_are_kept(size, kept):
    answer, _ = post_to(web.Response(body=b"x" * size))
    assert len(answer.body) == kept


def test_the_connection_is_closed_when_an_answer_does_not_end():
    async def run():
        ended = asyncio.Event()

        async def flood(request):
            response = web.StreamResponse()
            await response.prepare(request)
            try:
                while True:
                    await response.write(b"x" * 65_536)
            finally:
                ended.set()

        async with receive(flood) as receiver:
            answer = await post(receiver.url)
            await asyncio.wait_for(ended.wait(), 5)
            return answer

    assert len(asyncio.run(run()).body) == 65_536


def test_a_compressed_answer_is_not_blown_up():
    zipped = web.Response(body=b"not really gzip", headers={"Content-Encoding": "gzip"})
    assert post_to(zipped)[0].body == b"not really gzip"


# --- time -----------------------------------------------------------------------------------------


async def never(request):
    await asyncio.sleep(60)


async def drip(request):
    """Always a byte before any idle limit, never an end."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"x")
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("handler", [never, drip])
def test_the_time_limit_includes_everything(handler):
    async def run():
        async with receive(handler) as receiver:
            started = time.monotonic()
            with pytest.raises(TimeoutError) as failed:
                await post(receiver.url, seconds=0.3)
            return failed.value, time.monotonic() - started

    error, took = asyncio.run(run())
    assert not isinstance(error, aiohttp.ConnectionTimeoutError)
    assert 0.3 <= took < 1.5


def test_a_connection_that_never_comes_is_a_timeout_of_its_own(monkeypatch):
    monkeypatch.setattr(outbound, "CONNECT_SECONDS", 0.2)
    with unreachable() as url:
        _, took = run_failing(url, aiohttp.ConnectionTimeoutError)
    assert 0.2 <= took < 1.5


class SlowResolver(AbstractResolver):
    """A name server that does not answer."""

    async def resolve(self, host, port=0, family=socket.AF_INET):
        await asyncio.sleep(60)

    async def close(self):
        pass


def test_a_name_that_is_never_resolved_is_a_connection_timeout(monkeypatch):
    monkeypatch.setattr(outbound, "CONNECT_SECONDS", 0.2)
    monkeypatch.setattr(outbound, "ThreadedResolver", SlowResolver)
    _, took = run_failing("http://slow.example.com/", aiohttp.ConnectionTimeoutError)
    assert 0.2 <= took < 1.5


# --- what goes wrong ------------------------------------------------------------------------------


def test_a_refused_connection_is_an_error():
    with refusing() as url:
        run_failing(url, aiohttp.ClientConnectorError)


def test_a_name_that_does_not_exist_is_an_error(monkeypatch):
    def unknown(*args, **options):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    run_failing("http://nowhere.example.com/", aiohttp.ClientConnectorDNSError)


def test_a_name_that_leads_to_a_private_address_is_refused_and_not_called(monkeypatch):
    real = socket.getaddrinfo

    def rebound(host, *args, **options):
        if host == "rebind.example.com" and not options.get("flags", 0) & socket.AI_NUMERICHOST:
            host = "127.0.0.1"
        return real(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", rebound)

    async def run():
        async with receive(web.Response()) as receiver:
            url = receiver.url.replace("127.0.0.1", "rebind.example.com")
            allowed = await post(url)
            monkeypatch.setattr(outbound.addresses, "check_url", lambda url, policy: None)
            with pytest.raises(AddressRefusedError):
                await post(url, allow_private=False)
            return allowed.status, len(receiver.seen)

    assert asyncio.run(run()) == (200, 1)


def test_a_url_that_is_refused_is_not_called():
    async def run():
        async with receive(web.Response()) as receiver:
            with pytest.raises(AddressRefusedError):
                await post(receiver.url, allow_private=False)
            return receiver.seen

    assert asyncio.run(run()) == []


@pytest.mark.parametrize(
    "reply",
    [
        b"",  # hangs up
        b"SSH-2.0-OpenSSH_9.6\r\n",  # speaks something else
        b"HTTP/1.1 two hundred\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnot a chunk\r\n",
    ],
)
def test_an_answer_that_is_not_http_is_an_error_of_the_connection(reply):
    async def run():
        async with speak(reply) as url:
            with pytest.raises(aiohttp.ClientError):
                await post(url)

    asyncio.run(run())


def test_tls_that_is_none_is_an_error():
    async def run():
        async with speak(b"HTTP/1.1 200 OK\r\n\r\n") as url:
            with pytest.raises(aiohttp.ClientConnectorError):
                await post(url.replace("http:", "https:"))

    asyncio.run(run())


# --- interim answers ------------------------------------------------------------------------------

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
DONE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def post_to_speaker(reply):
    async def run():
        async with speak(reply) as url:
            return await post(url)

    return asyncio.run(run())


@pytest.mark.parametrize("count", [1, 2, outbound.MOST_INTERIM])
@pytest.mark.parametrize("interim", [CONTINUE, HINTS])
def test_some_interim_answers_may_come_before_the_answer(interim, count):
    answer = post_to_speaker(interim * count + DONE)
    assert (answer.status, answer.body) == (200, b"ok")


@pytest.mark.parametrize("interim", [CONTINUE, HINTS])
def test_more_of_them_end_the_connection(interim):
    with pytest.raises(aiohttp.ClientPayloadError, match="Interim answers without end"):
        post_to_speaker(interim * (outbound.MOST_INTERIM + 1) + DONE)


@pytest.mark.parametrize("loop_factory", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_flood_of_interim_answers_is_not_listened_to(loop_factory):
    async def run():
        ended = asyncio.Event()

        async def flood(reader, writer):
            try:
                while True:
                    writer.write(CONTINUE * 1_000)
                    await writer.drain()
            except ConnectionError:
                ended.set()
            finally:
                writer.close()

        server = await asyncio.start_server(flood, "127.0.0.1", 0)
        async with server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            with pytest.raises(aiohttp.ClientError):
                await post(url)
            await asyncio.wait_for(ended.wait(), 5)

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(run())


def test_each_answer_of_a_connection_may_have_some():
    async def run():
        async def speak_twice(reader, writer):
            for _ in range(2):
                await reader.readuntil(b"\r\n\r\n{}")
                writer.write(CONTINUE * outbound.MOST_INTERIM + DONE)
            await writer.drain()
            writer.close()

        server = await asyncio.start_server(speak_twice, "127.0.0.1", 0)
        async with server, outbound.open_session(allow_private=True, connections=1) as session:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            sent = {"headers": {}, "body": b"{}", "seconds": 5}
            return [(await outbound.post(session, url, **sent)).status for _ in range(2)]

    assert asyncio.run(run()) == [200, 200]


@pytest.mark.parametrize(
    "reply",
    [
        rb"HTTP/1.1 2x0 back\slash-s3cret" + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 8_190 + b"s3cret\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\ns3cret\r\n",
        b"HTTP/1.1 200 OK\r\nX-A: s3cret\r\n",
    ],
)
def test_what_cannot_be_read_is_not_quoted(reply):
    with pytest.raises(aiohttp.ClientError) as malformed:
        post_to_speaker(reply)

    said = outbound.judge_silence(malformed.value, sent=True).message
    assert type(malformed.value).__name__ in said
    assert "s3cret"[:3] not in said


def test_a_change_of_protocol_that_nobody_asked_for_is_an_answer():
    reply = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\nx"
    assert post_to_speaker(reply).status == 101


# --- configured headers ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-team": "orders"},
        {"Authorization": "Bearer abc.def-ghi_jkl"},
        {"X-Odd!#$%&'*+.^_`|~-1": ""},  # every character a name may have
        {"x-tabbed": "a\tb"},
        {"x-long": "v" * 4096},
    ],
)
def test_a_header_that_can_be_sent_is_accepted(headers):
    assert outbound.check_headers(headers) == {}


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("", "1", "name"),
        ("x y", "1", "name"),
        ("x:y", "1", "name"),
        ("x\r\ny", "1", "name"),
        ("x\n", "1", "name"),
        ("naïve", "1", "name"),
        ("x\0", "1", "name"),
        ("x-a", "1\r\nx-b: 2", "ASCII"),  # injection
        ("x-a", "1\n", "ASCII"),
        ("x-a", "1\r", "ASCII"),
        ("x-a", "\0", "ASCII"),
        ("x-a", "\x7f", "ASCII"),
        ("x-a", "café", "ASCII"),
        ("Host", "example.com", "connection"),
        ("CONTENT-LENGTH", "0", "connection"),
        ("Transfer-Encoding", "chunked", "connection"),
        ("connection", "close", "connection"),
        ("Keep-Alive", "1", "connection"),
        ("Proxy-Connection", "close", "connection"),
        ("Proxy-Authorization", "Basic x", "connection"),
        ("proxy-authenticate", "Basic", "connection"),
        ("TE", "trailers", "connection"),
        ("Trailer", "x", "connection"),
        ("Upgrade", "h2c", "connection"),
        ("Expect", "100-continue", "connection"),
    ],
)
def test_a_header_that_cannot_be_sent_is_refused(name, value, reason):
    faults = outbound.check_headers({"x-fine": "1", name: value})
    assert list(faults) == [name]
    assert reason in faults[name]


# --- the only way ---------------------------------------------------------------------------------

OTHER_WAYS = re.compile(
    r"ClientSession\(|TCPConnector\(|urlopen|http\.client|httpx|import requests"
)


def test_there_is_no_other_way_out_over_http():
    apps = ["config", "orgs", "destinations", "actions", "dispatch", "operations"]
    files = [path for app in apps for path in (settings.BASE_DIR / app).rglob("*.py")]
    found = {
        path.relative_to(settings.BASE_DIR).as_posix()
        for path in files
        if OTHER_WAYS.search(path.read_text())
    }

    assert len(files) > 50
    assert found == {"destinations/outward/outbound.py"}
