"""`POST /actions/{name}/execute`: delivered now, once, and answered with what came of it."""

from __future__ import annotations

import orjson
import pytest
from aiohttp import web
from django.db import OperationalError, connections

from actions.models import ActionDefinition
from destinations.calls import calls
from destinations.models import Destination
from dispatch import direct, settlement
from dispatch.models import ActionRecord, Sender
from orgs.models import AuditEntry
from tests import factories
from tests.destinations.receiver import refusing
from tests.gateway import receivers
from tests.gateway.conftest import KEY
from tests.gateway.test_delivery import answering, nested

pytestmark = pytest.mark.django_db(transaction=True)
SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
PATH = "/actions/send_note/execute"


@pytest.fixture(autouse=True)
def _no_loop_left():
    yield
    calls.close()


@pytest.fixture
def action(gateway, hook):
    """The registered action `send_note`, which takes `{"n": integer}`."""
    made = gateway.made(hook.url, json_schema=SCHEMA)
    hook.seen.clear()
    return made


def execute(gateway, n=1, query="", **headers):
    return gateway.call("POST", PATH + query, {"parameters": {"n": n}}, **headers)


def test_the_result_is_answered_and_kept(gateway, action, hook):
    hook.answer = answering(result="Sent.", error="")

    answer = execute(gateway)

    record = ActionRecord.objects.get()
    assert (answer.status_code, answer.json()) == (
        200,
        {"result": "Sent.", "error": "", "action_record_id": str(record.pk), "ambiguous": False},
    )
    assert (record.status, record.payload.result) == ("succeeded", b'"Sent."')
    ((_, body),) = hook.seen
    assert receivers.raw(body, KEY)
    assert receivers.go_sample(body, KEY)
    assert receivers.python_sample(body, KEY)
    sent = orjson.loads(body)
    assert (sent["action_name"], sent["parameters"]) == ("send_note", {"n": 1})
    assert "test" not in sent


@pytest.mark.parametrize(
    ("answered", "error"),
    [
        (answering(result="", error="No such user"), "No such user"),
        (answering(result="Sent.", error="or not"), "or not"),
        (answering(500, result="", error="down"), "HTTP 500: down"),
        (answering(400, result="", error="no JSON"), "HTTP 400: no JSON"),
        (web.Response(text="OK"), "no JSON object"),
        (web.Response(status=302, headers={"location": "/"}), "HTTP 302"),
    ],
)
def test_a_failure_is_told_and_never_runs_later(gateway, action, hook, answered, error):
    hook.answer = answered

    said = execute(gateway).json()

    assert error in said["error"]
    record = ActionRecord.objects.get()
    assert (record.status, record.attempt, len(hook.seen)) == ("failed", 0, 1)
    assert record.completed_at


@pytest.mark.parametrize("answered", [web.Response(text="OK"), nested(300), nested(253)])
def test_what_succeeded_and_cannot_be_read_may_have_been_done(gateway, action, hook, answered):
    hook.answer = answered

    said = execute(gateway).json()

    assert said["error"].startswith("The webhook succeeded, but its answer is ")
    assert (said["ambiguous"], len(hook.seen)) == (True, 1)


def test_what_is_nested_as_deep_as_anything_is_kept_is_answered(gateway, action, hook):
    hook.answer = nested(63)

    assert execute(gateway).content.startswith(b'{"result":' + b"[" * 63)


def test_a_webhook_that_does_not_answer_in_time_has_failed_and_may_have_done_it(
    gateway, action, hook, monkeypatch
):
    monkeypatch.setattr(direct, "SECONDS", 3)
    hook.sleep = 60

    said = execute(gateway).json()

    assert said["error"]
    assert said["ambiguous"] is True
    assert ActionRecord.objects.get().status == "failed"


def test_where_the_database_is_away_in_the_end_nobody_is_told_to_try_again(
    gateway, action, hook, monkeypatch
):
    def finish(ending):
        raise OperationalError("gone")

    monkeypatch.setattr(direct, "SECONDS", 1)
    monkeypatch.setattr(direct, "SETTLING_SECONDS", 0)
    monkeypatch.setattr(settlement, "finish", finish)
    hook.answer = answering(result="Sent.")

    answer = execute(gateway)

    record = ActionRecord.objects.get()
    assert (answer.status_code, answer.json()) == (
        200,
        {
            "result": None,
            "error": direct.UNKNOWN,
            "action_record_id": str(record.pk),
            "ambiguous": True,
        },
    )
    assert (record.status, len(hook.seen)) == ("running", 1)
    assert "Retry-After" not in answer


def test_where_a_name_leads_by_now_is_told_by_its_event_and_not_by_the_gateway(
    gateway, action, hook, settings
):
    Destination.objects.update(config={"url": hook.url.replace("127.0.0.1", "localhost")})
    settings.ALLOW_PRIVATE_NETWORKS = False

    said = execute(gateway).json()

    assert said["error"] == (
        "Nothing was sent: the webhook_url leads to an address that may not be called."
    )
    assert (said["ambiguous"], hook.seen) == (False, [])
    assert "localhost leads to " in ActionRecord.objects.get().error_message


def test_where_nobody_listens_that_is_all_that_is_told(gateway, action):
    with refusing() as url:
        Destination.objects.update(config={"url": url})
        said = execute(gateway).json()

    assert said["error"] == "Nothing was sent: the webhook could not be reached."
    assert said["ambiguous"] is False
    assert "ClientConnectorError" in ActionRecord.objects.get().error_message


def test_what_breaks_the_contract_is_400_with_a_pointer_and_leaves_nothing(gateway, action, hook):
    answer = gateway.call("POST", PATH, {"parameters": {"n": "one"}})

    assert answer.status_code == 400
    assert answer.json()["error"] == "Invalid request format"
    assert "/parameters/n: " in answer.json()["details"]
    assert (hook.seen, ActionRecord.objects.count()) == ([], 0)


def test_absent_parameters_are_none(gateway, hook):
    gateway.made(hook.url)
    hook.answer = answering(result="Sent.")

    assert gateway.call("POST", PATH, {}).json()["error"] == ""
    assert orjson.loads(hook.seen[-1][1])["parameters"] == {}


def test_an_action_that_is_none_of_the_gateways_is_404(gateway, action, acme, webhook):
    factories.make_definition(acme, to=webhook)

    for name in ("count", "nothing"):
        answer = gateway.call("POST", f"/actions/{name}/execute", {"parameters": {"n": 1}})
        assert (answer.status_code, answer.json()) == (404, {"error": "Action not found"})


def test_a_dry_run_shows_what_would_be_sent_and_sends_nothing(gateway, action, hook):
    answer = execute(gateway, query="?dry_run=true")

    request = answer.json()["request"]
    assert answer.status_code == 200
    assert (request["method"], request["url"]) == ("POST", hook.url)
    assert receivers.raw(request["body"].encode(), KEY)
    assert orjson.loads(request["body"])["parameters"] == {"n": 1}
    assert request["headers"]["webhook-signature"]
    assert (hook.seen, ActionRecord.objects.count()) == ([], 0)


def test_a_dry_run_without_a_signing_key_says_so(gateway, action, signing_key, hook):
    signing_key.delete()

    answer = execute(gateway, query="?dry_run=1")

    assert answer.status_code == 409
    assert "signing key" in answer.json()["error"]


def test_an_unreadable_flag_is_400(gateway, action):
    assert execute(gateway, query="?dry_run=perhaps").status_code == 400


def test_the_same_idempotency_key_is_one_action(gateway, action, hook):
    hook.answer = answering(result="Sent.")
    key = {"Idempotency-Key": "once"}

    first, second = (execute(gateway, **key).json() for _ in range(2))

    assert first == second
    assert len(hook.seen) == 1
    other = execute(gateway, n=2, **key)
    assert (other.status_code, len(hook.seen)) == (409, 1)


@pytest.mark.parametrize("query", ["", "?dry_run=true"])
def test_what_is_no_idempotency_key_is_400(gateway, action, hook, query):
    answer = execute(gateway, query=query, **{"Idempotency-Key": "k" * 256})

    assert (answer.status_code, hook.seen) == (400, [])
    assert "Idempotency-Key" in answer.json()["details"]


def test_what_needs_approval_is_202_and_says_what_to_ask_for(gateway, action, hook):
    ActionDefinition.objects.update(requires_approval=True)

    answer = execute(gateway)

    record = ActionRecord.objects.get()
    said = answer.json()
    assert (answer.status_code, record.status, hook.seen) == (202, "held", [])
    assert said["action_record_id"] == str(record.pk)
    assert "approval" in said["error"]
    # What is signed could be sent past the approval.
    shown = execute(gateway, query="?dry_run=true")
    assert (shown.status_code, hook.seen) == (409, [])
    assert KEY not in shown.content.decode()
    assert "signature" not in shown.content.decode()


def test_it_is_told_by_events_and_not_by_the_audit(gateway, action, hook):
    hook.answer = answering(result="Sent.")
    before = AuditEntry.objects.count()

    execute(gateway)

    assert AuditEntry.objects.count() == before
    accepted = ActionRecord.objects.get().events.earliest("id")
    assert accepted.detail["direct"] is True
    assert accepted.detail["by"].startswith("key ")


def test_no_connection_is_open_while_it_waits(gateway, action, hook, monkeypatch):
    open_ones = []
    deliver = calls.deliver

    def look(attempt):
        open_ones.append(connections["default"].connection)
        return deliver(attempt)

    monkeypatch.setattr(calls, "deliver", look)
    hook.answer = answering(result="Sent.")

    assert execute(gateway).json()["error"] == ""
    assert open_ones == [None]


def test_who_executes_what_is_deprecated_is_told_so_and_seen(gateway, action, hook):
    ActionDefinition.objects.update(sunset_at="2026-09-01T12:00:00Z")
    hook.answer = answering(result="Sent.", error="")

    answer = execute(gateway)

    assert answer.headers["Sunset"] == "Tue, 01 Sep 2026 12:00:00 GMT"
    assert "Deprecation" not in answer.headers
    assert Sender.objects.get().caller.startswith("key ")
