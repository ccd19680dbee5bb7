"""What is kept of an attempt: how long it took, and the answer that failed it."""

from __future__ import annotations

import orjson
import pytest
from django.db import connection
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from destinations import replies
from destinations.attempts import Attempt
from destinations.kinds import mcp
from destinations.mcp import line
from destinations.outcomes import Outcome, Verdict
from dispatch import answers, retries, settlement
from dispatch.engine import deliveries
from dispatch.engine import dispatcher as dispatcher_module
from dispatch.models import IN_FLIGHT, ActionEvent, ActionPayload, ActionRecord
from dispatch.throttle import Throttle
from operations import retention
from tests import factories
from tests.dispatch.background import Answer, flush, wait_until

REPLY = {"status": 503, "headers": {"retry-after": "5"}, "body": "busy", "is_cut": False}
# As the client decodes what a server sends.
HEADERS = st.dictionaries(
    st.sampled_from(replies.HEADERS),
    st.binary(max_size=600).map(lambda text: text.decode("utf-8", "surrogateescape")),
)


def fail(record_id, attempt=0, reply=REPLY, **fields):
    outcome = Outcome(Verdict.UNAVAILABLE, "HTTP 503", reply=reply)
    ending = retries.end_attempt(record_id, attempt, 0, outcome)
    for name, value in fields.items():
        setattr(ending, name, value)
    return ending


@pytest.fixture
def running(record):
    return factories.move(record, status="running", started_at=timezone.now())


@pytest.mark.django_db(transaction=True)
def test_the_answer_of_a_failure_is_kept_and_the_time_of_each_attempt(
    acme, delivered, receiver, start_dispatcher, statements, monkeypatch
):
    monkeypatch.setattr(dispatcher_module, "TICK_SECONDS", 0.05)
    monkeypatch.setattr(retries, "SCHEDULE", (0.01,) * 11)
    headers = {"content-type": "text/plain", "x-request-id": "r-7", "set-cookie": "a=b"}
    receiver.answers = [Answer(503, headers, b"Come back " + b"later" * 1_000)]
    record = factories.make_record(acme)

    start_dispatcher()
    wait_until(lambda: record.events.filter(kind="succeeded").exists())

    (answer,) = ActionPayload.objects.get().answers
    assert answer["attempt"] == 0
    assert answer["status"] == 503
    assert answer["body"].startswith("Come back later")
    assert len(answer["body"]) <= replies.BODY_BYTES
    assert answer["is_cut"]
    assert answer["headers"]["x-request-id"] == "r-7"
    assert "set-cookie" not in answer["headers"]
    times = dict(record.events.values_list("kind", "milliseconds"))
    assert times["accepted"] is None
    assert 0 <= times["retried"] < 20_000
    assert 0 <= times["succeeded"] < 20_000
    # A success touches no payload.
    ends = [text for text in statements if "json_to_recordset" in text]
    assert ends == [settlement.FLUSH, settlement.FLUSH_BARE]


def test_events_in_the_api_are_as_they_were(api, running):
    flush(fail(running.pk, milliseconds=12))

    shown = api.data(api.get(f"~/actions/records/{running.pk}"))
    event = shown["events"][-1]
    assert event["detail"] == {"verdict": "unavailable", "message": "HTTP 503"}
    assert set(event) == {
        "id", "action_record_id", "org_id", "kind", "status", "attempt", "available_at", "detail",
        "created_at",
    }  # fmt: skip
    assert "answers" not in shown
    assert shown["result"] is None


def test_attempts_that_end_alike_are_told_together_whatever_time_they_took():
    endings = [retries.end_attempt(number, 0, 0, Outcome(Verdict.ACK)) for number in (1, 2, 3)]
    for number, ending in enumerate(endings):
        ending.milliseconds = number

    parameters = settlement.finish_parameters(endings, statuses=IN_FLIGHT)

    (alike,) = orjson.loads(parameters["endings"])
    assert (alike["records"], alike["times"]) == ([1, 2, 3], [0, 1, 2])
    assert not settlement.has_what_is_kept(endings)


def test_the_newest_answers_are_kept(running):
    for number in range(settlement.MOST_ANSWERS + 3):
        factories.move(running, status="running", attempt=number)
        flush(fail(running.pk, number))

    kept = [one["attempt"] for one in ActionPayload.objects.get().answers]
    assert kept == list(range(3, settlement.MOST_ANSWERS + 3))


def test_of_a_late_failure_no_answer_is_kept_and_its_event_has_its_time(running):
    factories.move(running, status="running", attempt=1)

    flush(fail(running.pk, 0, milliseconds=7))

    assert ActionPayload.objects.get().answers is None
    assert running.events.get(kind="late").milliseconds == 7


def test_a_result_keeps_the_answers_before_it(running):
    flush(fail(running.pk))
    factories.move(running, status="running", attempt=1, completed_at=None)

    flush(retries.end_attempt(running.pk, 1, 1, Outcome(Verdict.ACK, result='{"a":1}')))

    payload = ActionPayload.objects.get()
    assert payload.result == b'{"a":1}'
    assert [one["attempt"] for one in payload.answers] == [0]


@pytest.mark.django_db
@given(body=st.binary(max_size=5_000), headers=HEADERS)
def test_whatever_is_answered_can_be_written(body, headers):
    kept = replies.keep(500, headers, body, str)

    text = orjson.dumps(kept).decode()
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::jsonb", [text])
        (stored,) = cursor.fetchone()
    assert orjson.loads(stored) == kept
    assert len(kept.get("body", "")) <= replies.BODY_BYTES


def test_what_is_secret_is_masked_also_where_it_is_cut():
    secret = "pl4nted-and-never-shown"
    body = b"x" * (replies.BODY_BYTES - 5) + secret.encode()

    kept = replies.keep(401, {"location": f"/?key={secret}"}, body + b"y", hide(secret))

    assert secret[:5] not in orjson.dumps(kept).decode()
    assert kept["headers"]["location"] == "/?key=[secret]"


def hide(secret):
    return lambda text: text.replace(secret, "[secret]")


def test_answers_go_with_what_was_handed_in(acme, definition):
    old, young = (factories.make_over(acme, days_ago=days) for days in (31, 29))
    ActionPayload.objects.update(answers=[REPLY | {"attempt": 0}])

    retention.delete_payloads(lambda: False)

    assert list(ActionPayload.objects.values_list("record_id", flat=True)) == [young.pk]
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM dispatch_actionevent e WHERE e.record_id = %s AND "
            "to_jsonb(e)::text LIKE '%%busy%%'",
            [old.pk],
        )
        assert cursor.fetchone() == (0,)


@pytest.mark.parametrize(("said", "status"), [(b'{"error": "No"}', "failed"), (b"{}", "succeeded")])
def test_a_direct_call_keeps_its_answer(record, said, status):
    outcome = Outcome(Verdict.ACK, status=200, answer=said, reply=REPLY)

    ending = answers.end(record.pk, outcome)

    assert (ending.status, ending.answer) == (status, REPLY)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_whatever_an_answer_means_it_is_kept(verdict):
    assert retries.end_attempt(1, 0, 0, Outcome(verdict, reply=REPLY)).answer == REPLY


@pytest.mark.django_db(transaction=True)
def test_of_successes_that_say_something_one_a_second_is_kept(
    acme, delivered, receiver, start_dispatcher, monkeypatch
):
    monkeypatch.setattr(deliveries, "SAMPLE_SECONDS", 3_600.0)
    receiver.answers = [Answer(200, {"content-type": "text/plain"}, b"stored as 7")] * 3
    first = factories.make_record(acme)
    start_dispatcher()
    wait_until(lambda: first.events.filter(kind="succeeded").exists())
    others = [factories.make_record(acme) for _ in range(2)]
    wait_until(lambda: ActionRecord.objects.filter(status="succeeded").count() == 3)

    (answer,) = ActionPayload.objects.get(pk=first.pk).answers
    assert (answer["attempt"], answer["status"], answer["body"]) == (0, 200, "stored as 7")
    assert [ActionPayload.objects.get(pk=one.pk).answers for one in others] == [None, None]
    # That it was one is known of all.
    details = ActionEvent.objects.filter(kind="succeeded").values_list("detail", flat=True)
    assert {detail["http_status"] for detail in details} == {200}


def test_each_destination_has_its_own_sample_of_answers():
    at_work = deliveries.Deliveries(4, Throttle())

    asked = [(1, 0.0), (1, 0.9), (2, 0.5), (1, 1.0), (2, 1.4), (2, 1.5)]
    assert [at_work._is_sample(*one) for one in asked] == [True, False, True, True, False, True]


@pytest.mark.parametrize(("said", "kept"), [("isError", True), ("fine", False)])
def test_a_tool_that_fails_keeps_its_answer(said, kept):
    attempt = Attempt(1, 0, 0, "mcp", {}, b"{}", ends=0.0)
    message = {"result": {"content": [], said: True}}
    reply = line.Reply(200, {"content-type": "application/json"}, b'{"a":1}', message)

    outcome = mcp._tell(attempt, reply, reply.judge())

    assert (outcome.reply is not None) == kept
    if kept:
        assert outcome.reply["body"] == '{"a":1}'
