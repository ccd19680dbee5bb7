"""Calls of tools: what is handed in, what is waited for, and what an agent is told."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import orjson
import pytest
from django.db import OperationalError, connection, connections
from django.utils import timezone

from agents import calls, lookouts
from agents import services as tools
from agents.protocol import INVALID_PARAMS
from dispatch import settlement
from dispatch.models import ActionPayload, ActionRecord
from runtime import slots
from runtime.seats import Seats
from tests import factories
from tests.agents.agent import Agent, text
from tests.dispatch.background import wait_until

KEY = calls.IDEMPOTENCY_KEY


@pytest.fixture
def pulled(sdk, settings):
    """The tool `count`, for whose actions nobody waits."""
    settings.MCP_WAIT_SECONDS = 0
    return sdk


def finish(record, status="succeeded", result=None, error=""):
    """The record, over as if somebody had settled it."""
    factories.move(record, status=status, completed_at=timezone.now(), error_message=error)
    if result is not None:
        ActionPayload.objects.filter(record=record).update(result=orjson.dumps(result))
    return record


def ask(agent, record, **arguments):
    return agent.call("get_action", {"id": str(record.pk)} | arguments)


# --- what is handed in ----------------------------------------------------------------------------


def test_a_call_is_an_action_of_the_newest_version(agent, acme, tool):
    newest = factories.make_definition(acme, schema={"type": "object"})

    result = agent.call("count", {"b": 1, "a": [2.50, "ü"]})

    record = ActionRecord.objects.get()
    assert (record.org, record.definition) == (acme, newest)
    assert record.payload.input == '{"b":1,"a":[2.5,"ü"]}'.encode()
    assert result["_meta"]["waybill/actionId"] == str(record.pk)
    assert (result["isError"], text(result)) == (False, f"Action {record.pk} succeeded.")


def test_a_call_without_arguments_hands_in_an_empty_object(agent, acme):
    factories.make_definition(acme, schema={"type": "object"})
    factories.make_tool(acme)

    agent.result("tools/call", {"name": "count"})

    assert ActionRecord.objects.get().payload.input == b"{}"


@pytest.mark.parametrize("arguments", [[], "n", 1, True, [{"n": 1}]])
def test_arguments_that_are_no_object_are_refused(agent, tool, arguments):
    params = {"name": "count", "arguments": arguments}

    assert agent.error("tools/call", params) == (400, INVALID_PARAMS)
    assert agent.error("tools/call", {}) == (400, INVALID_PARAMS)
    assert not ActionRecord.objects.exists()


def test_a_model_is_told_every_place_and_reason(agent, tool):
    result = agent.call("count", {"n": "one", "a/b": True})

    assert result["isError"] is True
    assert text(result).splitlines() == [
        "Nothing was done. Repair this and call again:",
        '/n: "one" is not of type "integer"',
        "/a~1b: This field is not known.",
    ]
    assert not ActionRecord.objects.exists()


def test_what_is_wrong_with_all_of_it_has_no_place(agent, acme):
    factories.make_definition(acme, schema={"type": "object", "minProperties": 1})
    factories.make_tool(acme)

    assert text(agent.call("count")).splitlines()[1] == "{} has less than 1 property"


@pytest.mark.parametrize("name", ["other", "get-action", "", "x" * 300, "a b", "größe"])
def test_an_unknown_tool_is_an_error_of_the_protocol(agent, tool, name):
    older = Agent("acme", agent.key, "2025-11-25")
    error = older.ask("tools/call", {"name": name}).json()["error"]

    assert error == {"code": INVALID_PARAMS, "message": f"Unknown tool: {name}"}


def test_another_organizations_tools_are_unknown(agent, tool, globex, globex_api):
    factories.make_definition(globex, "secret")
    factories.make_tool(globex, "secret")

    assert agent.names() == ["get_action", "count"]
    assert agent.error("tools/call", {"name": "secret"}) == (400, INVALID_PARAMS)


def test_a_key_may_be_limited_to_some_tools(agent, acme, tool):
    factories.make_definition(acme, "other")
    factories.make_tool(acme, "other")
    theirs = agent.call("other", {"n": 1})["_meta"]["waybill/actionId"]
    key = acme.keys.get()

    tools.choose_tools(key=key, variants=["count", "nothing"], actor="tests")

    assert agent.names() == ["get_action", "count"]
    assert agent.error("tools/call", {"name": "other"}) == (400, INVALID_PARAMS)
    assert text(agent.call("get_action", {"id": theirs})).endswith(f"no action {theirs}.")
    tools.choose_tools(key=key, variants=[], actor="tests")
    assert agent.names() == ["get_action"]
    tools.choose_tools(key=key, variants=None, actor="tests")
    assert agent.names() == ["get_action", "count", "other"]


# --- once, however often --------------------------------------------------------------------------


def test_a_call_with_an_idempotency_key_has_its_effect_once(agent, acme, tool):
    first, second = (agent.call("count", {"n": 1}, **{KEY: "once"}) for _ in range(2))

    assert first == second
    assert ActionRecord.objects.count() == 1
    other = agent.call("count", {"n": 2}, **{KEY: "once"})
    assert other["isError"] is True
    assert "came with another call" in text(other)


@pytest.mark.parametrize("sent", [1, "", "ü", ["once"], "x" * 256])
def test_an_idempotency_key_is_a_text(agent, tool, sent):
    assert agent.call("count", {"n": 1}, **{KEY: sent})["isError"] is True
    assert not ActionRecord.objects.exists()


def test_a_refused_call_leaves_its_idempotency_key_free(agent, tool):
    assert agent.call("count", {"n": "x"}, **{KEY: "once"})["isError"] is True
    assert agent.call("count", {"n": 1}, **{KEY: "once"})["isError"] is False


# --- what an agent is told ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "said", "structured"),
    [
        ({"a": 1}, '{"a":1}', {"a": 1}),
        ("plain text", "plain text", None),
        ([1, 2], "[1,2]", None),
        (7, "7", None),
    ],
)
def test_a_result_that_is_kept_is_given(agent, acme, pulled, monkeypatch, result, said, structured):
    monkeypatch.setattr(
        calls, "_wait", lambda *_: finish(ActionRecord.objects.get(), result=result)
    )

    given = agent.call("count", {"n": 1})

    assert (text(given), given.get("structuredContent")) == (said, structured)


@pytest.mark.parametrize(
    ("status", "error", "said"),
    [
        ("failed", "the shop is closed", "failed: the shop is closed"),
        ("failed", "", "failed."),
        ("canceled", "", "was canceled."),
    ],
)
def test_an_action_that_failed_is_an_error(agent, pulled, monkeypatch, status, error, said):
    monkeypatch.setattr(
        calls, "_wait", lambda *_: finish(ActionRecord.objects.get(), status, error=error)
    )

    result = agent.call("count", {"n": 1})

    assert result["isError"] is True
    assert text(result) == f"Action {ActionRecord.objects.get().pk} {said}"


def test_what_is_not_over_in_time_can_be_asked_for(agent, acme, pulled):
    result = agent.call("count", {"n": 1})
    record = ActionRecord.objects.get()

    assert result["isError"] is False
    assert text(result) == (
        f"This is accepted as action {record.pk}, which is not over yet. "
        f"Ask for it with get_action and id '{record.pk}'."
    )
    told = {"id": str(record.pk), "status": "queued", "result": None, "error": ""}
    assert ask(agent, record)["structuredContent"] == told
    finish(record, result={"a": 1})
    assert ask(agent, record)["structuredContent"]["result"] == {"a": 1}


def test_what_is_put_off_is_shown_as_queued(agent, acme, pulled):
    record = factories.move(factories.make_record(acme), status="scheduled")

    assert ask(agent, record)["structuredContent"]["status"] == "queued"


def test_what_is_held_waits_for_approval(agent, acme, pulled):
    held = ActionRecord(pk=7, status="held")

    said = calls.answers.show_call(7, held)

    assert text(said).startswith("This waits for approval, as action 7.")


def test_what_is_not_kept_any_more_is_told(agent, pulled, monkeypatch):
    def forget(*_):
        ActionRecord.objects.all().delete()

    monkeypatch.setattr(calls, "_wait", forget)

    assert "is not kept any more" in text(agent.call("count", {"n": 1}))


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"id": 7},
        {"id": "x"},
        {"id": "-1"},
        {"id": "9" * 21},
        {"id": "1", "more": 1},
        {"id": "1", "wait_seconds": -1},
        {"id": "1", "wait_seconds": 26},
        {"id": "1", "wait_seconds": "1"},
    ],
)
def test_asking_wrongly_is_told_as_a_model_can_repair_it(agent, arguments):
    result = agent.call("get_action", arguments)

    assert result["isError"] is True
    assert "/" in text(result).splitlines()[1]


def test_actions_of_others_cannot_be_asked_for(agent, acme, pulled, globex):
    factories.make_definition(globex)
    factories.make_tool(globex)
    foreign = factories.make_record(globex)
    factories.make_definition(acme, "unmarked")
    unmarked = factories.make_record(acme, "unmarked")

    for record_id in (str(foreign.pk), str(unmarked.pk), "999999", "9" * 20, "0"):
        result = agent.call("get_action", {"id": record_id})
        assert result["isError"] is True
        assert text(result).splitlines()[1].startswith("/id: There is no action ")


def test_a_mark_that_is_removed_hides_its_actions(agent, acme, pulled):
    record = factories.make_record(acme)
    assert ask(agent, record)["isError"] is False

    tools.delete_tool(tool=acme.tools.get(), actor="tests")

    assert ask(agent, record)["isError"] is True
    assert agent.names() == ["get_action"]


def test_a_payload_that_is_not_kept_any_more_has_no_result(agent, acme, pulled):
    record = finish(factories.make_record(acme), result=1)
    ActionPayload.objects.all().delete()

    assert ask(agent, record)["structuredContent"]["result"] is None


# --- waiting --------------------------------------------------------------------------------------

waits = pytest.mark.django_db(transaction=True)
waiting = pytest.mark.usefixtures("_no_lookouts_left")


@pytest.fixture
def pool():
    """Threads that call, each with a connection of its own."""
    with ThreadPoolExecutor(100) as threads:

        def start(call):
            def run():
                try:
                    began = time.monotonic()
                    return call(), time.monotonic() - began
                finally:
                    connections.close_all()

            return threads.submit(run)

        yield start


def count_busy():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid()"
        )
        return cursor.fetchone()[0]


@waits
@waiting
def test_a_call_waits_for_the_end(agent, acme, sdk, work, pool):
    called = pool(lambda: agent.call("count", {"n": 1}))
    wait_until(ActionRecord.objects.exists)

    work(lambda one: None)

    result, seconds = called.result(10)
    assert text(result).endswith("succeeded.")
    assert seconds < 5


@waits
@waiting
def test_the_end_may_be_that_a_mark_and_a_key_are_gone(agent, acme, sdk, work, pool):
    called = pool(lambda: agent.call("count", {"n": 1}))
    record = wait_until(ActionRecord.objects.first)
    tools.delete_tool(tool=acme.tools.get(), actor="tests")
    acme.keys.update(deleted_at=timezone.now())

    work(lambda one: None)

    result, _ = called.result(10)
    assert text(result) == f"Action {record.pk} succeeded."
    assert agent.ask("tools/list").status_code == 401


@waits
@waiting
def test_what_is_asked_for_can_be_waited_for(agent, acme, sdk, pool):
    record = factories.make_record(acme)
    asked = pool(lambda: ask(agent, record, wait_seconds=20))
    wait_until(lambda: calls.ends.count() == 1)

    factories.move(record, status="running")
    settlement.ack(org_id=acme.pk, record_id=record.pk, attempt=0)

    result, seconds = asked.result(10)
    assert result["structuredContent"]["status"] == "succeeded"
    assert seconds < 10


@waits
@waiting
def test_an_action_that_is_gone_while_it_is_asked_for_is_none(agent, acme, sdk, pool):
    record = factories.make_record(acme)
    asked = pool(lambda: ask(agent, record, wait_seconds=1))
    wait_until(lambda: calls.ends.count() == 1)

    acme.tools.all().delete()

    assert asked.result(10)[0]["isError"] is True


@waits
@waiting
def test_a_flood_of_waiting_calls_is_bounded_and_holds_no_connections(
    agent, acme, sdk, pool, settings, monkeypatch
):
    settings.MCP_WAIT_SECONDS = 20
    monkeypatch.setattr(calls, "seats", Seats(10))
    called = [pool(lambda: agent.call("count", {"n": 1})) for _ in range(5)]
    wait_until(lambda: calls.seats.taken_by(acme.pk) == 5)
    wait_until(lambda: count_busy() == 1)

    result, seconds = pool(lambda: agent.call("count", {"n": 1})).result(10)

    # It is accepted all the same.
    assert "is not over yet" in text(result)
    assert seconds < 5
    assert ActionRecord.objects.count() == 6
    calls.ends.wake_all()
    for one in called:
        assert "is not over yet" in text(one.result(10)[0])
    assert calls.seats.taken_by(acme.pk) == 0


@waits
@waiting
def test_who_may_not_leave_its_slot_does_not_wait(agent, sdk, monkeypatch):
    monkeypatch.setattr(slots, "may_leave", lambda: False)
    began = time.monotonic()

    assert "is not over yet" in text(agent.call("count", {"n": 1}))
    assert time.monotonic() - began < 5


@waits
def test_a_lookout_goes_on_after_a_fault(acme, sdk, monkeypatch, caplog):
    record = factories.make_record(acme)
    faults = [OperationalError("gone"), ValueError("bug")]

    def look(keys):
        if faults:
            raise faults.pop(0)
        return dict.fromkeys(keys, True)

    lookout = lookouts.Lookout("tests", look, tick=0.01)
    with lookout.watch(record.pk) as watcher:
        assert watcher.wait(10)
        assert watcher.known is True
    lookout.close()
    assert "Cannot look for tests" in caplog.text
    assert "Looking for tests failed" in caplog.text
