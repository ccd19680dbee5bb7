"""Who sends what, seen by real web processes that are killed."""

from __future__ import annotations

import json
from http.client import HTTPConnection

import pytest

from dispatch.models import ActionRecord, Sender
from tests import factories
from tests.dispatch.background import wait_until
from tests.end_to_end.conftest import is_healthy
from tests.end_to_end.processes import find_free_port

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def start_web(start_command):
    def start():
        port = find_free_port()
        process = start_command("web", f"--port={port}", "--workers=1")
        wait_until(lambda: is_healthy(port), seconds=30)
        return process, port

    return start


def send(port, key, count):
    """Hand in so many actions over one connection, each after the answer to the one before."""
    http = HTTPConnection("127.0.0.1", port, timeout=20)
    headers = {"x-arklow-auth": key, "content-type": "application/json"}
    for _ in range(count):
        http.request("POST", "/v1/ingress/count", json.dumps({"input": {"n": 1}}), headers)
        answer = http.getresponse()
        assert answer.status == 200, answer.read()
        answer.read()
    http.close()


def test_two_processes_note_a_sender_once_and_a_kill_loses_none_that_is_written_down(
    acme, start_web
):
    factories.make_definition(acme)
    keys = [factories.make_key(acme) for _ in range(2)]
    (first, port), (_, other) = start_web(), start_web()

    for key in keys:
        send(port, key, 10)
        send(other, key, 10)
    # It is written down when an answer is out, so before the next one is, or soon after.
    wait_until(lambda: Sender.objects.count() == 2)
    first.kill()
    first.wait()
    further = factories.make_key(acme)
    send(other, further, 1)

    wait_until(lambda: Sender.objects.count() == 3)
    assert ActionRecord.objects.count() == 41
    assert {sender.caller for sender in Sender.objects.all()} == {
        f"key {key.pk}" for key in acme.keys.all()
    }
