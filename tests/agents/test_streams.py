"""Streams that say when the list of tools has changed, in a real web process."""

from __future__ import annotations

import json
import time
from http.client import HTTPConnection

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from agents import catalog, protocol, streams
from agents import services as tools
from dispatch.models import ActionRecord
from orgs import services as orgs
from orgs.models import ApiKey, User
from runtime import seats, slots
from runtime.seats import Seats
from tests import factories
from tests.agents.agent import META, Agent
from tests.dispatch.background import wait_until
from tests.end_to_end.conftest import is_healthy
from tests.end_to_end.processes import find_free_port

pytestmark = [pytest.mark.django_db(transaction=True)]
HANDSHAKE = protocol.WITH_HANDSHAKE[0]


class Stream:
    """A stream of the endpoint, as it arrives."""

    def __init__(self, port, key, *, version=HANDSHAKE, body=None):
        self.connection = HTTPConnection("127.0.0.1", port, timeout=20)
        headers = {
            "authorization": f"Bearer {key}",
            "accept": "application/json, text/event-stream",
            "content-type": "application/json",
            "mcp-protocol-version": version,
            "mcp-method": "subscriptions/listen",
        }
        method = "GET" if body is None else "POST"
        self.connection.request(method, "/mcp/acme", body, headers)
        self.response = self.connection.getresponse()

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.connection.close()

    def read_line(self):
        """The next line; empty when the stream is over."""
        return self.response.readline().decode().rstrip("\n") or None

    def read_message(self):
        """The next message."""
        while True:
            line = self.response.readline().decode()
            assert line, "the stream is over"
            if line.startswith("data: "):
                return json.loads(line.removeprefix("data: "))

    def read_rest(self):
        """All until its end."""
        return self.response.read().decode()


def listen(port, key, notifications):
    params = {"notifications": notifications, "_meta": META}
    message = {"jsonrpc": "2.0", "id": 5, "method": "subscriptions/listen", "params": params}
    return Stream(port, key, version=protocol.STATELESS, body=json.dumps(message))


def count_idle():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid()"
        )
        return cursor.fetchone()[0]


def test_a_client_with_a_handshake_hears_of_a_change(tool, key, web, toggle):
    with Stream(web, key) as stream:
        assert stream.response.status == 200
        assert stream.response.getheader("content-type") == "text/event-stream"
        assert stream.read_line() == ": here"

        toggle()

        message = stream.read_message()
        assert message["method"] == "notifications/tools/list_changed"


def test_each_change_of_the_list_is_told(tool, key, web):
    changes = {
        "a version is published": lambda: factories.make_definition(
            tool.org, schema={"type": "object"}
        ),
        "a description changes": lambda: factories.make_definition(
            tool.org, schema={"type": "object"}, description="Counts."
        ),
        "tools are chosen": lambda: tools.choose_tools(
            key=tool.org.keys.get(), variants=[], actor="tests"
        ),
        "all are allowed again": lambda: tools.choose_tools(
            key=tool.org.keys.get(), variants=None, actor="tests"
        ),
        "a mark is removed": tool.delete,
    }
    with listen(web, key, {"toolsListChanged": True}) as stream:
        assert stream.read_message()["method"] == "notifications/subscriptions/acknowledged"

        for change in changes.values():
            change()

            message = stream.read_message()
            assert message["method"] == "notifications/tools/list_changed"
            assert message["params"]["_meta"] == {protocol.SUBSCRIPTION_KEY: 5}


def test_another_organizations_changes_are_not_told(tool, key, web, globex):
    with listen(web, key, {"toolsListChanged": True}) as stream:
        stream.read_message()
        factories.make_definition(globex)
        factories.make_tool(globex)
        time.sleep(1.5)
        ApiKey.objects.update(deleted_at=timezone.now())

        assert stream.read_rest().strip() == ""


def test_a_stream_ends_with_its_key_and_with_its_member(acme, tool, key, web, toggle):
    other = factories.make_key(acme)
    with (
        listen(web, key, {"toolsListChanged": True}) as of_a_key,
        listen(web, other, {"toolsListChanged": True}) as of_a_member,
    ):
        of_a_key.read_message()
        of_a_member.read_message()

        orgs.delete_key(key=acme.keys.earliest("id"))

        assert "list_changed" not in of_a_key.read_rest()
        toggle()
        assert of_a_member.read_message()["method"] == "notifications/tools/list_changed"
        User.objects.filter(memberships__org=acme).update(is_active=False)
        assert "list_changed" not in of_a_member.read_rest()


def test_a_process_that_is_to_end_ends_its_streams_and_its_waiting_calls(
    acme, sdk, key, start_command
):
    port = find_free_port()
    process = start_command("web", f"--port={port}", "--workers=1")
    wait_until(lambda: is_healthy(port), seconds=30)
    call = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "count", "arguments": {"n": 1}},
    }
    waiting = HTTPConnection("127.0.0.1", port, timeout=20)
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    waiting.request("POST", "/mcp/acme", json.dumps(call), headers)
    wait_until(ActionRecord.objects.exists)
    with listen(port, key, {"toolsListChanged": True}) as stream:
        stream.read_message()

        process.terminate()

        # Its last message says that it has ended on purpose.
        assert '"id":5,"result"' in stream.read_rest()
    answer = json.loads(waiting.getresponse().read())
    assert "is not over yet" in answer["result"]["content"][0]["text"]
    waiting.close()
    assert process.wait(10) == 0


def test_streams_are_few_and_hold_no_connection(tool, key, web):
    streams = [Stream(web, key) for _ in range(16)]
    try:
        assert [stream.response.status for stream in streams] == [200] * 16
        # At the most one for each slot, and the one that looks.
        assert count_idle() <= 5
        with Stream(web, key) as one_more:
            assert one_more.response.status == 503
            assert one_more.response.getheader("retry-after") == "5"
            assert json.loads(one_more.response.read())["error"]["code"] == protocol.INTERNAL_ERROR
    finally:
        for stream in streams:
            stream.response.close()
            stream.connection.close()
    wait_until(lambda: is_free(web, key), seconds=40)


def is_free(web, key):
    """Whether a stream is to be had again: those that nobody reads are noticed."""
    with Stream(web, key) as stream:
        return stream.response.status == 200


def change_unread(toggle):
    """Change the list until the only stream has heard of it, of which nobody reads meanwhile."""
    (watcher,) = streams.changes._watchers
    known = watcher.known
    toggle()
    wait_until(lambda: watcher.known != known)


@pytest.mark.usefixtures("_no_lookouts_left")
def test_what_changes_while_nobody_reads_is_told_afterwards(agent, tool, toggle, monkeypatch):
    monkeypatch.setattr(streams, "SILENCE_SECONDS", 0.2)
    answer = Agent("acme", agent.key, HANDSHAKE).send(b"", "GET")
    parts = iter(answer.streaming_content)

    # Before the first part is read, and after a later one.
    change_unread(toggle)
    assert next(parts) == b": here\n\n"
    assert b"list_changed" in next(parts)
    change_unread(toggle)
    assert b"list_changed" in next(parts)

    assert next(parts) == b": still here\n\n"
    answer.close()


@pytest.mark.usefixtures("_no_lookouts_left")
def test_a_stream_ends_when_its_time_is_over(agent, tool, toggle, monkeypatch):
    monkeypatch.setattr(streams, "LASTS_SECONDS", 1.0)
    asked = {"notifications": {"toolsListChanged": True, "promptsListChanged": True}}
    answer = agent.ask("subscriptions/listen", asked)
    change_unread(toggle)

    told = [line for line in b"".join(answer.streaming_content).splitlines() if b"data:" in line]

    first, *others, last = [json.loads(line.removeprefix(b"data: ")) for line in told]
    assert first["params"]["notifications"] == {"toolsListChanged": True}
    assert [one["method"] for one in others] == ["notifications/tools/list_changed"]
    assert last["result"]["_meta"][protocol.SUBSCRIPTION_KEY] == 7
    assert (answer["Content-Type"], answer["X-Accel-Buffering"]) == ("text/event-stream", "no")
    answer.close()
    assert streams.seats.taken_by(tool.org_id) == 0


@pytest.mark.usefixtures("_no_lookouts_left")
def test_a_stream_that_asks_for_nothing_we_have_only_shows_that_it_is_there(
    agent, tool, toggle, monkeypatch
):
    monkeypatch.setattr(streams, "LASTS_SECONDS", 1.0)
    monkeypatch.setattr(streams, "SILENCE_SECONDS", 0.2)
    answer = agent.ask("subscriptions/listen", {"notifications": {"promptsListChanged": True}})
    change_unread(toggle)

    told = b"".join(answer.streaming_content).decode()

    assert "list_changed" not in told
    assert ": still here" in told
    answer.close()


@pytest.mark.usefixtures("_no_lookouts_left")
def test_a_stream_of_a_dead_key_is_over_at_once(acme, tool, key, monkeypatch):
    answer = Agent("acme", key, HANDSHAKE).send(b"", "GET")
    acme.keys.update(deleted_at=timezone.now())

    assert b"".join(answer.streaming_content) == b": here\n\n"
    answer.close()


def test_there_is_no_stream_where_too_many_wait(agent, tool, monkeypatch):
    asked = {"notifications": {"toolsListChanged": True}}
    with monkeypatch.context() as patch:
        patch.setattr(seats, "_process", Seats(0))
        assert agent.error("subscriptions/listen", asked) == (503, protocol.INTERNAL_ERROR)
    monkeypatch.setattr(slots, "may_leave", lambda: False)
    assert agent.error("subscriptions/listen", asked) == (503, protocol.INTERNAL_ERROR)
    assert streams.seats.taken_by(tool.org_id) == 0


@pytest.mark.usefixtures("_no_lookouts_left")
def test_an_organization_has_half_of_the_streams(agent, acme, globex, tool, monkeypatch):
    monkeypatch.setattr(streams, "seats", Seats(2))
    theirs = Agent("globex", factories.make_key(globex), HANDSHAKE)
    ours = Agent("acme", agent.key, HANDSHAKE)

    first = ours.send(b"", "GET")

    assert ours.send(b"", "GET").status_code == 503
    other = theirs.send(b"", "GET")
    assert (first.status_code, other.status_code) == (200, 200)
    for answer in (first, other):
        answer.close()
    assert [streams.seats.taken_by(org.pk) for org in (acme, globex)] == [0, 0]


def test_a_stream_that_cannot_begin_gives_its_seat_back(agent, tool, monkeypatch):
    def fail(keys):
        raise OperationalError("gone")

    monkeypatch.setattr(catalog, "find_states", fail)

    assert Agent("acme", agent.key, HANDSHAKE).send(b"", "GET").status_code == 503
    assert streams.seats.taken_by(tool.org_id) == 0


# --- what it costs to know ------------------------------------------------------------------------


def test_all_that_is_streamed_is_looked_for_in_one_statement(
    acme, globex, tool, django_assert_num_queries
):
    factories.make_definition(globex)
    factories.make_tool(globex)
    for org in (acme, acme, acme, globex):
        factories.make_key(org)
    first, chosen, dead, theirs = ApiKey.objects.order_by("id")
    tools.choose_tools(key=chosen, variants=[], actor="tests")
    orgs.delete_key(key=dead)
    keys = [(key.org_id, key.pk) for key in (first, chosen, dead, theirs)]

    with django_assert_num_queries(1):
        before = catalog.find_states(keys)
    factories.make_definition(acme, schema={"type": "object"})
    after = catalog.find_states(keys)

    assert list(before) == list(after) == keys
    assert before[keys[2]] is after[keys[2]] is None
    assert len({before[key] for key in keys}) == 4
    assert [before[key] != after[key] for key in keys] == [True, True, False, False]


@pytest.mark.parametrize(
    ("looked", "rest"),
    [
        (0.001, 1.0),
        # A tenth of the time.
        (0.3, 2.7),
        # After an outage nobody waits for as long as that took.
        (30.0, 5.0),
    ],
)
def test_the_longer_a_look_takes_the_longer_is_the_rest(looked, rest):
    assert streams.changes._find_rest(looked) == pytest.approx(rest)


@pytest.mark.usefixtures("_no_lookouts_left")
def test_where_nothing_is_streamed_nothing_looks(agent, tool):
    answer = Agent("acme", agent.key, HANDSHAKE).send(b"", "GET")
    assert streams.changes._thread.is_alive()

    answer.close()

    wait_until(lambda: streams.changes._thread is None)
