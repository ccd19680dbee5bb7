"""The client: each call against a real web process, and what it does when the network fails."""

from __future__ import annotations

import asyncio
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import orjson
import pytest
from waybill_sdk import (
    ApiError,
    AsyncClient,
    BadRequest,
    Client,
    Conflict,
    NotFound,
    Problem,
    Retries,
    RetryLater,
    Unauthorized,
    Unavailable,
    Unreachable,
)
from waybill_sdk.handlers import Handlers, Options

from tests import factories

SCHEMA = {"type": "object", "required": ["to"], "properties": {"to": {"type": "string"}}}


class InLoop:
    """An `AsyncClient` that is called as a `Client` is."""

    def __init__(self, *arguments, **options):
        self.runner = asyncio.Runner()
        self.client = AsyncClient(*arguments, **options)

    def __getattr__(self, name):
        method = getattr(self.client, name)
        return lambda *arguments, **options: self.runner.run(method(*arguments, **options))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.runner.run(self.client.close())
        self.runner.close()


both = pytest.mark.parametrize("make_client", [Client, InLoop])


@both
@pytest.mark.django_db(transaction=True)
def test_the_walk(acme, url, key, make_client):
    with make_client(url, key, org_id=str(acme.pk)) as client:
        sdk = client.create_destination("mailers", "sdk", {"namespace": "mail"})
        assert [one.label for one in client.list_destinations()] == ["mailers"]
        definition = client.put_definition("send_email", SCHEMA, alias=["mail"])
        assert client.link(definition.id, sdk.id).variant == "send_email"
        (same,) = client.list_definitions(variant="send_email")
        assert (same.id, same.version, same.alias) == (definition.id, 1, ["mail"])

        first = client.submit("mail", {"to": "a"}, idempotency_key="order-1", tags={"t": "x"})
        assert (
            client.submit("mail", {"to": "a"}, idempotency_key="order-1", tags={"t": "x"}) == first
        )
        client.submit("send_email", {"to": "b"}, version=1, timeout=600)
        client.submit("send_email", {"to": "c"})
        actions = client.pull("mail", most=50, lease_seconds=30)
        assert {one.input["to"] for one in actions} == {"a", "b", "c"}
        by_input = {one.input["to"]: one for one in actions}

        a, b, c = (by_input[name] for name in "abc")
        assert (a.id, a.attempt, a.tags) == (first.id, 0, {"t": "x"})
        client.modack(a.id, 0, 90)
        client.ack(a.id, 0)
        client.nack(b.id, 0, retry=False)
        client.nack(c.id, 0, retry_at=0)
        problems = client.ack_all([(a.id, 0), (c.id, 0)])
        assert problems[0] is None
        assert problems[1].code == "ATTEMPT_OVER"

        record = client.get_record(a.id)
        assert (record.status, record.input) == ("succeeded", {"to": "a"})
        assert [one["kind"] for one in record.events] == [
            "accepted",
            "pulled",
            "extended",
            "succeeded",
        ]
        assert [one.id for one in client.list_records(status="failed")] == [b.id]
        again = client.replay(b.id)
        assert client.cancel(again.id).status == "canceled"


@both
@pytest.mark.django_db(transaction=True)
def test_what_is_refused_is_told_apart(acme, url, key, make_client):
    factories.make_definition(acme)
    record = factories.make_over(acme)
    with make_client(url, key, org_id=str(acme.pk)) as client:
        with pytest.raises(BadRequest) as refused:
            client.submit("count", {"n": "one"})
        (problem,) = refused.value.problems
        assert (problem.code, problem.pointer) == ("INVALID_INPUT", "/input/n")
        assert str(refused.value) == f"400: INVALID_INPUT at /input/n: {problem.message}"
        with pytest.raises(BadRequest) as unknown:
            client.submit("nothing", {})
        assert unknown.value.code == "UNKNOWN_VARIANT"
        with pytest.raises(NotFound):
            client.get_record("123456789")
        with pytest.raises(Conflict):
            client.ack(str(record.pk), 7)
    with make_client(url, "api_wrong") as stranger:
        with pytest.raises(Unauthorized):
            stranger.pull("mail")
        with pytest.raises(ValueError, match="org_id"):
            stranger.list_records()


class Moody(BaseHTTPRequestHandler):
    """Answers with what the server has been told, one after the other; "cut" is no answer."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.seen.append((self.headers.get("idempotency-key"), body))
        status, headers = self.server.moods.pop(0)
        if status == "cut":
            self.close_connection = True
            return
        fine = {"id": "1", "status": "queued", "variant": "count", "version": 1}
        answer = {"data": fine, "errors": None}
        if status != 200:
            answer = {"data": None, "errors": [{"code": "NO", "message": "not now"}]}
        text = b"<html>" if status == 502 else orjson.dumps(answer)
        self.send_response(status)
        for name, value in {**headers, "content-length": len(text)}.items():
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(text)

    do_PUT = do_POST  # noqa: N815 -- as `http.server` calls it

    def log_message(self, *arguments):
        """Say nothing."""


@pytest.fixture
def moody():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Moody)
    server.moods, server.seen = [], []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def quick(make_client, server, **options):
    port = server.server_address[1]
    retries = Retries(attempts=3, first_seconds=0.01)
    return make_client(f"http://127.0.0.1:{port}", "k", **{"retries": retries} | options)


@both
@pytest.mark.parametrize(
    "moods",
    [
        [(503, {}), (429, {"retry-after": "0"}), (200, {})],
        # Nobody knows whether it was taken: the key makes it safe.
        [("cut", {}), ("cut", {}), (200, {})],
    ],
)
def test_a_submission_is_repeated_under_one_key(moody, make_client, moods):
    moody.moods += moods
    with quick(make_client, moody) as client:
        assert client.submit("count", {"n": 1}).id == "1"

    keys = {key for key, _ in moody.seen}
    assert len(moody.seen) == 3
    assert len(keys) == 1
    assert None not in keys


@both
def test_it_gives_up_in_the_end(moody, make_client):
    moody.moods += [(503, {})] * 3 + [("cut", {})] * 3 + [(502, {})]
    with quick(make_client, moody) as client:
        with pytest.raises(Unavailable) as refused:
            client.submit("count", {})
        assert (refused.value.status, refused.value.code) == (503, "NO")
        with pytest.raises(Unreachable):
            client.submit("count", {})
        # What a proxy says is not repeated, and told as it is.
        with pytest.raises(Unavailable, match="502: HTTP_ERROR: <html>"):
            client.submit("count", {})
    assert moody.moods == []


@both
def test_what_would_be_made_twice_is_repeated_only_where_it_was_not_taken(moody, make_client):
    moody.moods += [("cut", {}), (503, {}), (429, {}), (418, {})]
    with quick(make_client, moody, org_id="1") as client:
        with pytest.raises(Unreachable):
            client.put_definition("count", {})
        with pytest.raises(Unavailable):
            client.put_definition("count", {})
        with pytest.raises(ApiError) as refused:
            client.put_definition("count", {})
        assert refused.value.status == 418
    assert len(moody.seen) == 4


@both
def test_where_nobody_listens_is_unreachable(make_client, moody):
    with quick(make_client, moody) as client:
        moody.moods += [(200, {})]
        client.submit("count", {})
    moody.socket.close()
    with quick(make_client, moody) as client, pytest.raises(Unreachable):
        client.submit("count", {})


def test_pauses_double_are_drawn_and_heed_what_is_asked_for():
    retries = Retries(first_seconds=1, most_seconds=4)

    drawn = [[retries.pause(attempt) for _ in range(200)] for attempt in (1, 2, 3, 4)]

    assert [max(some) <= most for some, most in zip(drawn, (1, 2, 4, 4), strict=True)] == [True] * 4
    assert all(min(some) < 0.2 < max(some) for some in drawn)
    assert retries.pause(1, "7") == 7
    assert retries.pause(1, "3600") == 60
    assert retries.pause(1, "tomorrow") <= 1


def test_what_cannot_work_is_refused_at_once():
    handlers = Handlers()
    handlers.add("count", None, print)
    with pytest.raises(ValueError, match="already"):
        handlers.add("count", None, print)
    for wrong in ({"concurrency": 0}, {"lease_seconds": 0}, {"wait_seconds": 31}):
        with pytest.raises(ValueError, match="at least 1"):
            Options("n", **wrong)
    with pytest.raises(ValueError, match="not both"):
        RetryLater(after=1, at=2)
    assert str(Problem("A", "b")) == "A: b"
