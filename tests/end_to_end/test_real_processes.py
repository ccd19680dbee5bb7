"""From the API to a real webhook and back, with GitHub's own contracts and payloads."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Any

import orjson
import pytest

from tests.end_to_end import github, oracle
from tests.end_to_end.clients import Api, Delivery, Receiver
from tests.end_to_end.github import Example
from tests.end_to_end.processes import wait_until

ACK = {"enabled": True, "default": "ack"}
# Where GitHub's events go: three ways of saying that an action is done.
DONE = ("/ok", "/ok-by-body", "/ok-unsignaled")
# Where an action has more of a life; to the last one go as many as there are ways to settle.
TROUBLED = ("/slow", "/fails-once", "/fails-twice", "/nack", "/gone", "/wait")
WAITS = ("acked", "extended", "nacked", "given up")
SEND_EMAIL = {
    "type": "object",
    "required": ["recipient", "subject", "body"],
    "properties": {
        "recipient": {"type": "string", "format": "email"},
        "subject": {"type": "string", "minLength": 1},
        "body": {"type": "string"},
        "priority": {"enum": ["low", "normal", "high"]},
    },
    "additionalProperties": False,
}
EMAIL = {"subject": "Zoë said: 👋 \u2028", "recipient": "user@example.com", "body": "<b>\t&</b>"}
# Events without a delivery.
UNDELIVERED = {"accepted", "sunk"}


@dataclass(frozen=True)
class Sent:
    """An example and what Waybill answered: an id, or errors."""

    example: Example
    id: str | None
    errors: list[dict[str, str]]


@pytest.fixture(scope="module")
def destinations(api: Api, receiver: Receiver) -> dict[str, dict[str, Any]]:
    """A webhook destination for each path of the receiver."""
    return {
        path: api.data(
            "PUT",
            "~/destinations",
            {
                "label": path,
                "type": "webhook",
                "config": {
                    "url": receiver.url(path),
                    "headers": {"X-Team": "blue", "Content-Type": "text/plain"},
                    **({"signaling": ACK} if path == "/ok-unsignaled" else {}),
                },
            },
        )
        for path in (*DONE, *TROUBLED)
    }


@pytest.fixture(scope="module")
def definitions(api: Api, destinations: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """`send_email` and every event of GitHub, registered and linked."""
    linked = {"send_email": api.link("send_email", SEND_EMAIL, destinations["/ok"])}
    for number, (event, schema) in enumerate(github.read_schemas().items()):
        path = DONE[number % len(DONE)]
        linked[event] = api.link(github.name_variant(event), schema, destinations[path])
    return linked


@pytest.fixture(scope="module")
def troubled(api: Api, destinations: dict[str, Any], definitions: dict[str, Any]) -> dict[str, str]:
    """Actions for the troubled receivers: sent before all others, looked at after them."""
    ids = {}
    for path in TROUBLED:
        variant = f"visit{path.replace('/', '.')}"
        api.link(variant, True, destinations[path])
        for name in WAITS if path == "/wait" else (path,):
            ids[name], _ = api.submit(variant, {"name": name})
    return ids


@pytest.fixture(scope="module")
def sent(api: Api, troubled: dict[str, str]) -> list[Sent]:
    """Every example, handed in: every other one in one batch, the rest one by one."""
    examples = github.read_examples()
    singly = [Sent(one, *api.submit(one.variant, one.payload)) for one in examples[::2]]
    batch = [(one.variant, one.payload) for one in examples[1::2]]
    answers = zip(examples[1::2], api.submit_batch(batch), strict=True)
    return singly + [Sent(example, *answer) for example, answer in answers]


@pytest.fixture(scope="module")
def arrived(receiver: Receiver, sent: list[Sent]) -> dict[str, Delivery]:
    """The delivery of each accepted example: one, and no more."""
    ids = {one.id for one in sent if one.id}

    def look() -> list[Delivery] | None:
        found = [delivery for delivery in receiver.seen if delivery.action_id in ids]
        return found if len(found) >= len(ids) else None

    found = wait_until(look, seconds=30)
    assert Counter(delivery.action_id for delivery in found) == Counter(ids)
    return {delivery.action_id: delivery for delivery in found}


def write(value: Any) -> str:
    """JSON with the keys in their order and numbers in their spelling."""
    return json.dumps(value)


def test_contracts_are_kept_as_they_were_sent(definitions):
    kept = {event: definition["schema"] for event, definition in definitions.items()}

    assert write(kept) == write({"send_email": SEND_EMAIL, **github.read_schemas()})
    assert {definition["version"] for definition in definitions.values()} == {1}
    assert all(definition["destinations"][0]["is_default"] for definition in definitions.values())
    assert len(definitions) == 67


def test_a_contract_registered_again_is_the_one_that_is_stored(api, definitions):
    body = {"variant": "github.push", "schema": github.read_schemas()["push"]}
    again = api.data("PUT", "~/actions/definitions", body)

    assert again["id"] == definitions["push"]["id"]


def test_every_valid_example_is_accepted_and_every_invalid_one_refused(sent):
    expected = {str(one.example): one.example.faults == [] for one in sent if is_judged(one)}
    accepted = {str(one.example): one.id is not None for one in sent if is_judged(one)}

    assert accepted == expected
    assert Counter(expected.values()) == {True: 275, False: 51}
    assert len(sent) == 329


def is_judged(one: Sent) -> bool:
    return one.example.faults is not None


def test_accepted_examples_arrive_exactly_as_sent(sent, arrived):
    for one in sent:
        if one.id:
            body = arrived[one.id].body
            assert body == orjson.dumps(one.example.payload), str(one.example)
            assert write(json.loads(body)) == write(one.example.payload), str(one.example)


def test_deliveries_carry_the_right_headers(arrived, definitions, sent, receiver):
    paths = {
        event: definition["destinations"][0]["destination"]["config"]["url"]
        for event, definition in definitions.items()
    }
    for one in sent:
        if one.id:
            delivery = arrived[one.id]
            assert delivery.method == "POST"
            assert receiver.url(delivery.path) == paths[one.example.event]
            assert delivery.headers["content-type"] == "application/json"
            assert delivery.headers["content-length"] == str(len(delivery.body))
            assert delivery.headers["x-arklow-actionid"] == one.id
            assert delivery.headers["x-arklow-attempt"] == "0"
            assert delivery.headers["x-team"] == "blue"
            assert "x-arklow-auth" not in delivery.headers


def test_refused_examples_are_told_every_fault_and_its_place(sent):
    for one in sent:
        if one.example.faults:
            assert {error["code"] for error in one.errors} == {"INVALID_INPUT"}, str(one.example)
            assert all(error["message"] for error in one.errors)
            told = {error["pointer"] for error in one.errors}
            expected = {f"/input{pointer}" for pointer in one.example.faults}
            assert told == expected, str(one.example)


def test_refused_examples_leave_nothing_behind(api, sent, arrived):
    refused = Counter(one.example.variant for one in sent if not one.id)
    total = Counter(one.example.variant for one in sent)

    for variant in refused:
        assert api.count(variant=variant) == total[variant] - refused[variant]
    assert api.count() == len(api.accepted)


@pytest.mark.parametrize(
    ("change", "pointers"),
    [
        ({"recipient": None}, ["/input/recipient"]),  # a wrong type
        ({"recipient": "nobody"}, ["/input/recipient"]),  # a wrong format
        ({"subject": ""}, ["/input/subject"]),  # too short
        ({"priority": "urgent"}, ["/input/priority"]),  # none of the enum
        ({"cc/bcc~": "x"}, ["/input/cc~1bcc~0"]),  # an unknown key
        ({"subject": 1, "body": 2}, ["/input/body", "/input/subject"]),  # two at once
    ],
)
def test_a_broken_email_is_refused_at_the_right_place(api, definitions, change, pointers):
    before = api.count()
    action_id, errors = api.submit("send_email", EMAIL | change)

    assert action_id is None
    assert sorted(error["pointer"] for error in errors) == pointers
    assert {error["code"] for error in errors} == {"INVALID_INPUT"}
    assert api.count() == before


def test_an_email_arrives(api, receiver, definitions):
    action_id, _ = api.submit("send_email", EMAIL)
    api.wait_for(action_id, "succeeded", seconds=10)
    (delivery,) = receiver.of(action_id)

    assert delivery.body == orjson.dumps(EMAIL)


def test_an_action_without_a_link_is_kept_by_the_default_sink(api, receiver):
    api.data("PUT", "~/actions/definitions", {"variant": "unlinked", "schema": {}})
    action_id, _ = api.submit("unlinked", [1, {"b": 1.5, "a": None}])
    record = api.record(action_id)

    assert record["state"]["status"] == "succeeded"
    assert tell(record) == [("accepted", 0), ("sunk", 0)]
    assert receiver.of(action_id) == []


def tell(record: dict[str, Any]) -> list[tuple[str, int]]:
    """What happened to an action: (event, attempt), in order."""
    return [(event["kind"], event["attempt"]) for event in record["events"]]


def test_a_worker_settles_what_it_asked_time_for(api, receiver, troubled):
    action_id = troubled["acked"]
    record = api.wait_for(action_id, "ack_wait", seconds=10)
    assert record["state"]["timeout_at"] > record["state"]["started_at"]

    assert api.settle("ack", action_id, 1)[0] == 409
    assert api.settle("ack", action_id, 0) == (200, {"status": "ok"}, None)
    assert api.settle("ack", action_id, 0)[0] == 200
    status, _, (error,) = api.settle("nack", action_id, 0)

    assert (status, error["code"]) == (409, "ATTEMPT_OVER")
    record = api.record(action_id)
    assert record["state"]["status"] == "succeeded"
    assert tell(record) == [("accepted", 0), ("delivered", 0), ("succeeded", 0)]


def test_a_worker_moves_its_deadline(api, troubled):
    action_id = troubled["extended"]
    before = api.wait_for(action_id, "ack_wait", seconds=10)
    assert api.settle("modack", action_id, 0, seconds=600)[0] == 200
    after = api.record(action_id)
    assert api.settle("ack", action_id, 0)[0] == 200

    assert after["state"]["timeout_at"] > before["state"]["timeout_at"]
    kinds = [kind for kind, _ in tell(api.record(action_id))]
    assert kinds == ["accepted", "delivered", "extended", "succeeded"]


def test_a_worker_refuses_for_now_and_for_good(api, troubled):
    now, good = troubled["nacked"], troubled["given up"]
    api.wait_for(now, "ack_wait", seconds=10)
    api.wait_for(good, "ack_wait", seconds=10)

    assert api.settle("nack", now, 0, terms={"retry_at": 0})[0] == 200
    assert api.settle("nack", good, 0, terms={"retry": False})[0] == 200
    wait_until(lambda: ("delivered", 1) in tell(api.record(now)), seconds=10)
    assert api.settle("ack", now, 1)[0] == 200

    assert tell(api.record(good)) == [("accepted", 0), ("delivered", 0), ("nacked", 0)]
    assert api.record(good)["state"]["status"] == "failed"
    assert tell(api.record(now))[2:] == [("nacked", 0), ("delivered", 1), ("succeeded", 1)]


def test_a_nack_in_the_answer_names_the_time_of_the_next_attempt(api, receiver, troubled):
    record = api.wait_for(troubled["/nack"], "succeeded", seconds=20)
    first, second = receiver.of(record["id"])

    assert tell(record) == [("accepted", 0), ("nacked", 0), ("succeeded", 1)]
    assert second.at - first.at >= 1
    assert (first.attempt, second.attempt) == (0, 1)


def test_an_answer_of_410_ends_an_action(api, receiver, troubled):
    record = api.wait_for(troubled["/gone"], "failed", seconds=10)

    assert tell(record) == [("accepted", 0), ("failed", 0)]
    assert "410" in record["state"]["error_message"]
    assert len(receiver.of(record["id"])) == 1


def test_a_slow_receiver_holds_up_nobody(api, receiver, troubled, arrived):
    api.wait_for(troubled["/slow"], "succeeded", seconds=20)
    (slow,) = receiver.of(troubled["/slow"])

    meanwhile = [one for one in arrived.values() if slow.at < one.at < slow.at + 3]
    assert len(meanwhile) > 10


def test_expectations_are_what_the_oracle_says():
    schemas = github.read_schemas()
    for event, examples in groupby(github.read_examples(), key=lambda one: one.event):
        judged = [one for one in examples if one.faults is not None]
        found = oracle.find_pointers(schemas[event], [one.payload for one in judged])
        assert list(found) == [one.faults for one in judged], event


def test_a_receiver_that_fails_twice_gets_it_a_third_time(api, receiver, troubled):
    record = api.wait_for(troubled["/fails-twice"], "succeeded", seconds=20)
    deliveries = receiver.of(record["id"])

    assert [delivery.attempt for delivery in deliveries] == [0, 1, 2]
    assert len({delivery.body for delivery in deliveries}) == 1
    assert tell(record) == [("accepted", 0), ("retried", 0), ("retried", 1), ("succeeded", 2)]
    details = [event["detail"] for event in record["events"] if event["kind"] == "retried"]
    assert [(detail["http_status"], detail["seconds"]) for detail in details] == [(500, 1)] * 2
    assert all(b.at - a.at >= 1 for a, b in pairwise(deliveries))
    assert record["state"]["attempt"] == 2


def test_a_receiver_that_names_no_time_is_tried_again_by_the_schedule(api, receiver, troubled):
    record = api.wait_for(troubled["/fails-once"], "succeeded", seconds=20)
    first, second = receiver.of(record["id"])

    assert tell(record) == [("accepted", 0), ("retried", 0), ("succeeded", 1)]
    # 5 s, 20 % more or less, and what the dispatcher needs.
    assert 4 <= second.at - first.at < 12


def test_records_events_and_deliveries_agree_one_to_one(api, receiver, sent, troubled):
    for status in ("queued", "running"):
        wait_until(lambda status=status: api.count(status=status) == 0, seconds=20)
    listed = list(api.list_records())
    ids = [record["id"] for record in listed]

    assert ids == sorted(api.accepted, key=int, reverse=True)
    deliveries = {(one.action_id, one.attempt): one for one in receiver.seen}
    assert len(deliveries) == len(receiver.seen)
    told = set()
    for record in listed:
        full = api.record(record["id"])
        assert without(full, "events", "definition", "result") == without(record, "definition")
        check_story(full)
        told |= {(full["id"], event["attempt"]) for event in delivered(full)}
    assert told == deliveries.keys()
    for record in listed:
        attempt = record["state"]["attempt"]
        if (delivery := deliveries.get((record["id"], attempt))) is not None:
            assert write(record["input"]) == write(json.loads(delivery.body))


def check_story(record: dict[str, Any]) -> None:
    """The events begin with the acceptance, grow in time, and end in the record's state."""
    events, state = record["events"], record["state"]
    assert [event["kind"] for event in events].count("accepted") == 1
    assert events[0]["kind"] == "accepted"
    assert {event["action_record_id"] for event in events} == {record["id"]}
    assert [event["created_at"] for event in events] == sorted(e["created_at"] for e in events)
    assert (events[-1]["status"], events[-1]["attempt"]) == (state["status"], state["attempt"])
    over = None if state["status"] == "ack_wait" else events[-1]["created_at"]
    assert state["completed_at"] == over


def delivered(record: dict[str, Any]) -> list[dict[str, Any]]:
    return [event for event in record["events"] if event["kind"] not in UNDELIVERED]


def without(row: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def test_no_process_has_complained(installation, sent):
    for name in ("web", "dispatch", "receiver"):
        log = installation.processes.log(name).read_text()
        assert "ERROR" not in log, log
        assert "Traceback" not in log, log
