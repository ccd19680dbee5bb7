"""Two hundred calls that wait in a real web process, and what the others notice of them."""

from __future__ import annotations

import json
import socket
import statistics
import time
from contextlib import ExitStack
from http.client import HTTPConnection

import pytest
from django.db import connection

from tests import factories
from tests.dispatch.background import wait_until
from tests.end_to_end.conftest import is_healthy
from tests.end_to_end.processes import find_free_port

pytestmark = pytest.mark.django_db(transaction=True)
WAITING = 200
REQUESTS = 150
ROUNDS = 5


@pytest.fixture
def sdk(acme):
    made = factories.make_destination(acme, "sdk")
    factories.make_definition(acme, to=made)
    return made


@pytest.fixture
def key(acme):
    return factories.make_key(acme)


@pytest.fixture
def web(start_command):
    """The port of a web process, and the process."""
    port = find_free_port()
    process = start_command("web", f"--port={port}", "--workers=2")
    wait_until(lambda: is_healthy(port), seconds=30)
    return port, process


def send_pull(port, key, seconds, namespace="billing-workers"):
    """A socket on which a pull waits."""
    body = json.dumps({"wait_seconds": seconds, "max": 1}).encode()
    sent = socket.create_connection(("127.0.0.1", port), 10)
    sent.sendall(
        f"POST /v1/sdk/{namespace}/pull HTTP/1.1\r\nhost: localhost\r\nx-arklow-auth: {key}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n".encode()
        + body
    )
    return sent


def read_items(sent):
    sent.settimeout(40)
    received = b""
    while b"\r\n\r\n" not in received or not received.endswith(b"}"):
        more = sent.recv(65_536)
        assert more, received
        received += more
    assert received.startswith(b"HTTP/1.1 200"), received
    return json.loads(received.split(b"\r\n\r\n", 1)[1])["data"]["items"]


def count_connections():
    """Those of web processes: theirs alone bear a statement timeout, and this test's own do not."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND application_name = 'waybill' AND pid <> pg_backend_pid()"
        )
        return cursor.fetchone()[0]


def time_requests(port, key):
    """The 95th percentile of the seconds that a request takes, one after the other."""
    http = HTTPConnection("127.0.0.1", port, timeout=20)
    body = json.dumps({"input": {"n": 1}})
    headers = {"x-arklow-auth": key, "content-type": "application/json"}
    seconds = []
    for _ in range(REQUESTS):
        began = time.perf_counter()
        http.request("POST", "/v1/ingress/kept", body, headers)
        assert http.getresponse().read()
        seconds.append(time.perf_counter() - began)
    http.close()
    return statistics.quantiles(seconds, n=20)[-1]


def test_two_hundred_waiting_pulls_leave_the_others_alone(acme, sdk, key, web):
    port, _ = web
    factories.make_definition(acme, "kept")
    time_requests(port, key)
    ratios = []

    for _ in range(ROUNDS):
        alone = time_requests(port, key)
        with ExitStack() as open_sockets:
            waiting = [open_sockets.enter_context(send_pull(port, key, 4)) for _ in range(WAITING)]
            # Answered at once only where it could not wait.
            time.sleep(0.7)
            beside = time_requests(port, key)
            connections = count_connections()
            assert [read_items(one) for one in waiting] == [[]] * WAITING
        ratios.append(beside / alone)
        # Four slots and one that hears, of each of two processes.
        assert connections <= 10
        if min(ratios) <= 1.5:
            break

    # The best of the rounds: others work on this machine, too.
    assert min(ratios) <= 1.5, ratios


def test_waiting_pulls_get_each_action_once(acme, sdk, key, web):
    port, _ = web
    with ExitStack() as open_sockets:
        waiting = [open_sockets.enter_context(send_pull(port, key, 15)) for _ in range(20)]
        time.sleep(0.5)
        # A lane of its own each: a new lane lets four start.
        records = [factories.make_record(acme, tags={"n": str(n)}).pk for n in range(20)]
        got = [int(item["action_record_id"]) for one in waiting for item in read_items(one)]

    assert sorted(got) == sorted(records)


def test_a_web_process_that_ends_sends_those_who_wait_away(sdk, key, web):
    port, process = web
    with send_pull(port, key, 25) as waiting:
        time.sleep(0.5)
        began = time.monotonic()
        process.terminate()

        assert read_items(waiting) == []
        assert process.wait(15) == 0
        assert time.monotonic() - began < 8


def test_more_than_may_wait_are_answered_at_once(sdk, key, start_command):
    port = find_free_port()
    start_command("web", f"--port={port}", "--workers=1", "--waiting=2", "--threads=2")
    wait_until(lambda: is_healthy(port), seconds=30)
    with ExitStack() as open_sockets:
        began = time.monotonic()
        waiting = [open_sockets.enter_context(send_pull(port, key, 3)) for _ in range(3)]
        ends = []
        for one in waiting:
            assert read_items(one) == []
        ends.append(time.monotonic() - began)
        assert is_healthy(port)
    assert 2 < ends[0] < 12
