"""In a real web process: one organization that waits as much as it may, and what others notice."""

from __future__ import annotations

import json
import secrets
import select
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import HTTPConnection

import pytest

from dispatch.models import ActionRecord, IdempotencyKey
from dispatch.pull_schemas import MAX_WAIT_SECONDS
from tests import factories
from tests.destinations.hook import Hook
from tests.dispatch.background import wait_until
from tests.dispatch.test_pulling_processes import read_items, send_pull
from tests.end_to_end.conftest import is_healthy
from tests.end_to_end.processes import find_free_port

pytestmark = pytest.mark.django_db(transaction=True)
# Half of them one organization may have.
SEATS = 16
EXECUTE = "/actions/count/execute"


@pytest.fixture
def port(start_command):
    """The port of a web process in which few may wait."""
    port = find_free_port()
    start_command("web", f"--port={port}", "--workers=1", f"--waiting={SEATS}")
    wait_until(lambda: is_healthy(port), seconds=30)
    return port


@pytest.fixture
def theirs():
    """Another receiver."""
    with Hook() as theirs:
        yield theirs


@pytest.fixture
def pool():
    with ThreadPoolExecutor(SEATS) as threads:
        yield threads


@pytest.fixture
def end_pulls(acme):
    """Give each of acme's pulls that wait an action."""
    factories.make_definition(acme, "pulled", to=factories.make_destination(acme, "sdk"))

    def end():
        # A lane of its own each: a new lane lets four start.
        for number in range(SEATS // 2):
            factories.make_record(acme, "pulled", tags={"n": str(number)})

    return end


def send(port, token, method, path, body, **headers):
    """The status, the body and the headers of an answer of the gateway."""
    http = HTTPConnection("127.0.0.1", port, timeout=40)
    headers |= {"authorization": f"Bearer {token}", "content-type": "application/json"}
    try:
        http.request(method, f"/api/v1/gateway{path}", json.dumps(body), headers)
        answer = http.getresponse()
        return answer.status, json.loads(answer.read()), dict(answer.getheaders())
    finally:
        http.close()


def registration(hook, name):
    return {
        "name": name,
        "description": "Counts.",
        "webhook_url": hook.url,
        "json_schema": {"type": "object"},
    }


def enroll(port, org, hook):
    """A key of the organization, its token, and its action `count`."""
    factories.make_signing_key(org)
    key = factories.make_key(org)
    _, told, _ = send(port, "", "POST", "/token/exchange", {"api_token": key})
    token = told["jwt_token"]
    status, told, _ = send(port, token, "POST", "/actions", registration(hook, "count"))
    assert status == 201, told
    return key, token


def pull(port, key, token, hook):
    with send_pull(port, key, MAX_WAIT_SECONDS) as sent:
        return read_items(sent)


def execute(port, key, token, hook):
    return send(port, token, "POST", EXECUTE, {"parameters": {}})


def register(port, key, token, hook):
    return send(port, token, "POST", "/actions", registration(hook, f"n{secrets.token_hex(4)}"))


@pytest.mark.parametrize(
    ("wait", "asked"), [(pull, 0), (execute, SEATS // 2), (register, SEATS // 2)]
)
def test_one_organization_waits_as_much_as_it_may_and_another_executes_all_the_same(
    acme, globex, port, hook, theirs, pool, end_pulls, wait, asked
):
    key, token = enroll(port, acme, hook)
    _, other = enroll(port, globex, theirs)
    once = {"Idempotency-Key": "once"}
    hook.open.clear()
    before = len(hook.seen)
    waiting = [pool.submit(wait, port, key, token, hook) for _ in range(SEATS)]
    # Those who got no seat are answered, and the others have stored and sent what they do.
    wait_until(lambda: sum(one.done() for one in waiting) >= SEATS // 2)
    wait_until(lambda: len(hook.seen) - before == asked)
    stored = ActionRecord.objects.filter(org=acme).count()

    answers = [execute(port, "", other, theirs) for _ in range(3)]
    status, told, headers = send(port, token, "POST", EXECUTE, {"parameters": {}}, **once)

    assert [(status, told["error"]) for status, told, _ in answers] == [(200, "")] * 3
    assert (status, told["error"], headers["retry-after"]) == (503, "Service unavailable", "1")
    assert "This call has stored and sent nothing: call again" in told["details"]
    assert ActionRecord.objects.filter(org=acme).count() == stored
    assert not IdempotencyKey.objects.exists()
    hook.release()
    end_pulls()
    for one in waiting:
        one.result(30)
    assert send(port, token, "POST", EXECUTE, {"parameters": {}}, **once)[0] == 200
    assert IdempotencyKey.objects.count() == 1


def test_the_seat_of_a_client_that_is_gone_is_free_again(acme, port, hook, end_pulls):
    key, token = enroll(port, acme, hook)
    with ExitStack() as gone:
        sent = [gone.enter_context(send_pull(port, key, MAX_WAIT_SECONDS)) for _ in range(SEATS)]
        # Those who got no seat are answered.
        wait_until(lambda: len(select.select(sent, [], [], 0)[0]) >= SEATS // 2)
        assert execute(port, key, token, hook)[0] == 503

    end_pulls()
    wait_until(lambda: execute(port, key, token, hook)[0] == 200, seconds=40)
