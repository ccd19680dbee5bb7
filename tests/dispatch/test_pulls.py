"""Pulling: what a worker gets, in which order, within which limits, and what it leaves."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from dispatch import pulls, waiting
from dispatch.models import ActionRecord, Lane
from dispatch.pulls import Order
from tests import factories
from tests.client import codes
from tests.dispatch.claiming import connected, promote
from tests.dispatch.concurrency import at_once

PATH = "/v1/sdk/billing-workers/pull"


@pytest.fixture
def sdk(acme):
    return factories.make_destination(acme, "sdk")


@pytest.fixture
def pulled_definition(acme, sdk):
    return factories.make_definition(acme, to=sdk)


@pytest.fixture(autouse=True)
def _fresh_cursors():
    pulls.cursors.after.clear()


def pull(api, **body):
    return api.data(api.post(PATH, body))["items"]


def take(sdk, most=100, **fields):
    """The actions that one pull without the API gets."""
    order = Order(sdk.org_id, "billing-workers", most, 60, "tests", **fields)
    return pulls.take(order, waiting.find_destinations(order.key))


def by_lane(pulled, lanes):
    return [sum(one.lane_id == lane.pk for one in pulled) for lane in lanes]


def make_lanes(sdk, definition, *counts, **fields):
    lanes = [factories.make_lane(sdk, tags={"n": str(n)}, **fields) for n in range(len(counts))]
    for lane, count in zip(lanes, counts, strict=True):
        if count:
            factories.make_records(lane, definition, count, push=False)
    return lanes


def test_a_pulled_action_waits_for_its_settlement_until_its_lease_ends(
    api, acme, pulled_definition
):
    record = factories.make_record(acme, tags={"tenant": "a"})
    assert list(record.events.values_list("kind", flat=True)) == ["accepted"]

    (item,) = pull(api, lease_seconds=90, worker="w-1")

    record.refresh_from_db()
    assert item == {
        "action_record_id": str(record.pk),
        "attempt": 0,
        "variant": "count",
        "version": 1,
        "input": {"n": 1},
        "tags": {"tenant": "a"},
        "deadline": record.timeout_at.isoformat(),
    }
    assert record.status == "ack_wait"
    assert record.timeout_at - record.started_at == timedelta(seconds=90)
    event = record.events.get(kind="pulled")
    key = acme.keys.get()
    assert (event.status, event.attempt) == ("ack_wait", 0)
    assert event.detail == {"by": f"key {key.pk}", "seconds": 90, "worker": "w-1"}
    assert pull(api) == []


def test_the_input_comes_byte_for_byte(api, acme, sdk):
    factories.make_definition(acme, "any", sdk, schema={})
    body = b'{"input": {"b": 1.10, "a": [1e2, "\\u00e4"], "big": 12345678901234567890}}'
    stored = api.data(api.call("POST", "/v1/ingress/any", body))
    exact = ActionRecord.objects.get(pk=stored["id"]).payload.input

    answer = api.post(PATH, {})

    assert b'"input":' + bytes(exact) in answer.content


def test_the_deadline_is_that_of_the_action_where_it_comes_first(api, acme, pulled_definition):
    record = factories.make_record(acme, timeout=30)

    (item,) = pull(api, lease_seconds=600)

    assert item["deadline"] == record.deadline_at.isoformat()


def test_what_has_run_out_of_time_is_not_pulled(api, acme, pulled_definition):
    record = factories.make_record(acme, timeout=30)
    factories.move(record, deadline_at=timezone.now() - timedelta(seconds=1))

    assert pull(api) == []


@pytest.mark.parametrize("change", ["deleted", "paused", "renamed", "other type"])
def test_only_live_open_sdk_destinations_of_the_namespace_give(
    api, acme, sdk, pulled_definition, change
):
    factories.make_record(acme)
    if change == "deleted":
        sdk.deleted_at = timezone.now()
    elif change == "paused":
        sdk.paused_at = timezone.now()
    elif change == "renamed":
        sdk.config = {"namespace": "billing"}
    else:
        sdk.type = "aws_sqs"
    sdk.save()

    assert pull(api) == []


def test_several_destinations_of_a_namespace_give_what_they_have(api, acme, sdk):
    namespaces = ["billing-workers", "billing-workers", "others"]
    for number, namespace in enumerate(namespaces):
        config = {"namespace": namespace}
        destination = factories.make_destination(acme, "sdk", config=config)
        factories.make_definition(acme, f"variant {number}", destination)
        factories.make_record(acme, f"variant {number}")

    assert {item["variant"] for item in pull(api)} == {"variant 0", "variant 1"}


def test_a_namespace_may_hold_anything(api, acme):
    name = "a/b c.é"
    sdk = factories.make_destination(acme, "sdk", config={"namespace": name})
    factories.make_definition(acme, to=sdk)
    record = factories.make_record(acme)

    items = api.data(api.post("/v1/sdk/a/b%20c.%C3%A9/pull", {}))["items"]

    assert [item["action_record_id"] for item in items] == [str(record.pk)]


def test_another_organization_gets_nothing_of_it(api, globex_api, acme, pulled_definition):
    record = factories.make_record(acme)

    assert pull(globex_api) == []
    (item,) = pull(api)
    ack = {"action_record_id": item["action_record_id"], "attempt": 0}
    assert globex_api.post("/v1/ack", ack).status_code == 404
    answer = globex_api.data(globex_api.post("/v1/sdk/ack", {"items": [ack]}))
    assert answer["items"][0]["errors"][0]["code"] == "NOT_FOUND"
    record.refresh_from_db()
    assert record.status == "ack_wait"


def test_the_oldest_come_first_up_to_as_many_as_asked_for(sdk, pulled_definition):
    lane = factories.make_lane(sdk)
    now = timezone.now()
    newer = factories.make_records(lane, pulled_definition, 3, push=False, available_at=now)
    then = now - timedelta(minutes=1)
    older = factories.make_records(lane, pulled_definition, 3, push=False, available_at=then)

    assert [one.record_id for one in take(sdk, 4)] == [*older, newer[0]]
    assert [one.record_id for one in take(sdk, 4)] == newer[1:]


@pytest.mark.parametrize(
    ("limits", "most"),
    [
        ({"unsettled_limit": 7}, 7),
        ({"unsettled_cap": 6}, 6),
        # what a worker holds is under way
        ({"running_cap": 5}, 5),
        # the limit of deliveries under way, which is learnt from answers, is no matter of it
        ({"running_limit": 1}, 20),
        # paused
        ({"running_cap": 0}, 0),
        ({"unsettled_cap": 0}, 0),
        ({"paused_until": timezone.now() + timedelta(hours=1)}, 0),
        ({"paused_until": timezone.now() - timedelta(hours=1)}, 20),
    ],
)
def test_a_lane_gives_as_much_as_it_has_room_for(sdk, pulled_definition, limits, most):
    make_lanes(sdk, pulled_definition, 20, **limits)

    assert len(take(sdk)) == most
    assert take(sdk) == []
    ActionRecord.objects.filter(status="ack_wait").update(
        status="succeeded", completed_at=timezone.now()
    )
    assert len(take(sdk, 2)) == min(2, most, 20 - most)


def test_lanes_take_turns(sdk, pulled_definition):
    lanes = make_lanes(sdk, pulled_definition, 50, 50, 50)

    served = [by_lane(take(sdk, 10), lanes) for _ in range(4)]

    assert served == [[10, 0, 0], [0, 10, 0], [0, 0, 10], [10, 0, 0]]


def test_one_at_a_time_lanes_take_turns_too(sdk, pulled_definition):
    lanes = make_lanes(sdk, pulled_definition, 9, 1, 9)

    served = [by_lane(take(sdk, 1), lanes).index(1) for _ in range(7)]

    assert served == [0, 1, 2, 0, 2, 0, 2]


def test_a_full_lane_keeps_nobody_from_the_others(sdk, pulled_definition):
    lanes = make_lanes(sdk, pulled_definition, 20, 20, unsettled_limit=3)

    assert by_lane(take(sdk), lanes) == [3, 3]
    Lane.objects.filter(pk=lanes[1].pk).update(unsettled_limit=5)
    assert by_lane(take(sdk), lanes) == [0, 2]


def test_beyond_more_full_lanes_than_one_look_sees_there_is_more(
    sdk, pulled_definition, monkeypatch
):
    lanes = make_lanes(sdk, pulled_definition, *[1] * 12, running_cap=0)
    Lane.objects.filter(pk=lanes[-1].pk).update(running_cap=None)
    narrow = pulls.LOCK_LANES.replace(f"seen < {pulls.LANES_SEEN}", "seen < 5")
    monkeypatch.setattr(
        pulls, "LOCK_LANES", narrow.replace(f"max(seen) = {pulls.LANES_SEEN}", "max(seen) = 5")
    )

    assert by_lane(take(sdk), lanes) == [*[0] * 11, 1]


def test_an_answer_has_its_bounds(api, acme, sdk, monkeypatch):
    factories.make_definition(acme, "any", sdk, schema={})
    for size in (100, 300, 300, 300):
        factories.make_record(acme, "any", input="x" * size)
    monkeypatch.setattr(pulls, "CLAIM", pulls.CLAIM.replace(str(pulls.MOST_BYTES), "250"))

    sizes = [[len(item["input"]) for item in pull(api)] for _ in range(4)]

    assert sizes == [[100, 300], [300], [300], []]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"max": 0}, "/max"),
        ({"max": 101}, "/max"),
        ({"max": 1.5}, "/max"),
        ({"max": "10"}, "/max"),
        ({"max": None}, "/max"),
        ({"wait_seconds": -1}, "/wait_seconds"),
        ({"wait_seconds": 31}, "/wait_seconds"),
        ({"wait_seconds": True}, "/wait_seconds"),
        ({"lease_seconds": 0}, "/lease_seconds"),
        ({"lease_seconds": 43_201}, "/lease_seconds"),
        ({"worker": "x" * 256}, "/worker"),
        ({"worker": 7}, "/worker"),
        ({"namespace": "x"}, "/namespace"),
        ([], ""),
    ],
)
def test_a_bad_pull_is_400_and_takes_nothing(api, acme, pulled_definition, body, pointer):
    record = factories.make_record(acme)

    answer = api.post(PATH, body)

    assert answer.status_code == 400
    assert codes(answer) == [("INVALID_BODY", pointer)]
    record.refresh_from_db()
    assert record.status == "queued"


def test_any_key_of_the_organization_pulls_by_either_header(api, acme, pulled_definition):
    key = api.headers.pop("x-arklow-auth")
    assert api.post(PATH, {}).status_code == 401

    answer = api.call("POST", PATH, {}, Authorization=f"Bearer {key}")

    assert answer.json()["data"] == {"items": []}


def test_acks_settle_many_at_once(api, acme, pulled_definition):
    ids = [factories.make_record(acme).pk for _ in range(4)]
    Lane.objects.update(unsettled_limit=3)
    assert len(pull(api)) == 3
    asked = [(ids[0], 0), (ids[1], 1), (ids[3], 0), (10**15, 0), (10**30, 0), (ids[0], 0)]
    body = {"items": [{"action_record_id": str(one), "attempt": at} for one, at in asked]}

    first, again = (api.data(api.post("/v1/sdk/ack", body)) for _ in range(2))

    found = [item.get("status") or item["errors"][0]["code"] for item in first["items"]]
    over, missing = "ATTEMPT_OVER", "NOT_FOUND"
    assert found == ["ok", over, over, missing, missing, "ok"]
    assert first["settled"] == 2
    assert again == first
    statuses = ActionRecord.objects.order_by("id").values_list("status", flat=True)
    assert list(statuses) == ["succeeded", "ack_wait", "ack_wait", "queued"]


def test_two_attempts_of_an_action_in_one_call_are_told_apart(api, acme, pulled_definition):
    record = factories.make_record(acme)
    factories.move(record, attempt=1)
    pull(api)
    items = [{"action_record_id": str(record.pk), "attempt": one} for one in (1, 0, 2)]

    answer = api.data(api.post("/v1/sdk/ack", {"items": items}))["items"]

    assert ["status" in item for item in answer] == [True, False, False]


@pytest.mark.django_db(transaction=True)
def test_settlements_raise_the_limit_of_the_lane(api, acme, pulled_definition):
    for _ in range(40):
        factories.make_record(acme)

    for _ in range(3):
        items = [{key: item[key] for key in ("action_record_id", "attempt")} for item in pull(api)]
        for item in items[:2]:
            api.data(api.post("/v1/ack", item))
        api.data(api.post("/v1/sdk/ack", {"items": items[2:]}))

    assert Lane.objects.get().unsettled_limit > 4


def test_nack_and_modack_of_a_pulled_action(api, acme, pulled_definition):
    record = factories.make_record(acme)
    (item,) = pull(api)
    attempt = {"action_record_id": item["action_record_id"], "attempt": 0}

    api.data(api.post("/v1/modack", {**attempt, "seconds": 600}))
    record.refresh_from_db()
    assert record.timeout_at - timezone.now() > timedelta(seconds=590)

    api.data(api.post("/v1/nack", {**attempt, "terms": {"retry_at": 0}}))
    (again,) = pull(api)
    assert again["attempt"] == 1
    api.data(api.post("/v1/nack", {**attempt, "attempt": 1, "terms": {"retry": False}}))
    record.refresh_from_db()
    assert (record.status, record.failures) == ("failed", 2)


def test_what_is_not_settled_in_time_comes_back_at_once_under_its_next_attempt(
    api, acme, pulled_definition
):
    record = factories.make_record(acme)
    pull(api)
    factories.move(record, timeout_at=timezone.now() - timedelta(seconds=1))

    # Nothing for a dispatcher: it changed, but is not to be delivered.
    assert promote() == (0, 1)

    (item,) = pull(api)
    assert (item["action_record_id"], item["attempt"]) == (str(record.pk), 1)
    kinds = list(record.events.values_list("kind", flat=True))
    assert kinds == ["accepted", "pulled", "unsettled", "pulled"]
    late = api.post("/v1/ack", {"action_record_id": str(record.pk), "attempt": 0})
    assert codes(late) == [("ATTEMPT_OVER", None)]


@pytest.mark.django_db(transaction=True)
def test_nothing_is_pulled_twice_and_no_limit_broken_by_many_at_once(sdk, pulled_definition):
    lanes = make_lanes(sdk, pulled_definition, 100, 100, 100, unsettled_limit=10)

    def pull_often(_):
        pulls.cursors.after.clear()
        return [one for _ in range(5) for one in take(sdk, 7)]

    got = [one for some in at_once(pull_often, range(8)) for one in some]

    ids = [one.record_id for one in got]
    assert len(ids) == len(set(ids)) == 30
    assert by_lane(got, lanes) == [10, 10, 10]


@pytest.mark.django_db(transaction=True)
def test_a_lane_that_another_pull_has_is_passed_over_or_waited_for(sdk, pulled_definition):
    first, second = make_lanes(sdk, pulled_definition, 3, 3)
    with connected() as other:
        with other.transaction():
            other.execute("SELECT pg_advisory_xact_lock(%s)", [pulls.LANE_LOCKS + first.pk])
            assert by_lane(take(sdk), [first, second]) == [0, 3]

        taken = threading.Barrier(2)

        def hold():
            with other.transaction():
                other.execute("SELECT pg_advisory_xact_lock(%s)", [pulls.LANE_LOCKS + first.pk])
                taken.wait(10)
                time.sleep(0.3)

        holder = threading.Thread(target=hold)
        holder.start()
        taken.wait(10)
        # It is the only one left.
        assert by_lane(take(sdk), [first, second]) == [3, 0]
        holder.join()


@pytest.mark.django_db(transaction=True)
def test_a_row_that_somebody_holds_is_passed_over(sdk, pulled_definition):
    make_lanes(sdk, pulled_definition, 3)
    ids = list(ActionRecord.objects.order_by("id").values_list("pk", flat=True))
    with connected() as other, other.transaction():
        other.execute("SELECT FROM dispatch_actionrecord WHERE id = %s FOR UPDATE", [ids[0]])

        assert [one.record_id for one in take(sdk)] == ids[1:]
    assert [one.record_id for one in take(sdk)] == ids[:1]


@pytest.fixture
def crowded(acme, sdk, pulled_definition):
    """Much that is over, later, or of others, beside 2,000 due ones in ten lanes of two hundred."""
    now = timezone.now()
    lanes = make_lanes(sdk, pulled_definition, *[200, *[0] * 19] * 10)
    other = factories.make_lane(factories.make_destination(acme, "sdk", config={"namespace": "o"}))
    over = {"status": "succeeded", "completed_at": now}
    for lane in (lanes[0], other):
        factories.make_records(lane, pulled_definition, 10_000, push=False, **over)
        later = {"status": "scheduled", "available_at": now + timedelta(hours=1)}
        factories.make_records(lane, pulled_definition, 3_000, push=False, **later)
    factories.make_records(other, pulled_definition, 3_000, push=False)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE dispatch_actionrecord, dispatch_lane, destinations_destination")
    return sdk


def explain(statement, parameters):
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF) {statement}", parameters)
        return "\n".join(line for (line,) in cursor.fetchall())


def test_a_pull_reads_only_what_is_due(crowded):
    asked = {"after": 0, "destinations": [crowded.pk], "most": 100}
    plans = [
        explain(pulls.LOCK_LANES, asked),
        explain(pulls.CLAIM, {"most": 100, "lease": 60, "detail": "{}"}),
        explain(
            waiting.LOOK, {"orgs": [crowded.org_id] * 2, "namespaces": ["billing-workers", "x"]}
        ),
    ]

    for plan in plans:
        assert "Seq Scan on dispatch_actionrecord" not in plan
        assert "using record_pullable on dispatch_actionrecord" in plan, plan
        for other in ("record_open", "record_newest", "record_due"):
            assert other not in plan
        # What else waits in lanes is as good for one lane, and never gone through for the next.
        assert "(lane_id > " not in plan, plan
    assert ActionRecord.objects.filter(status="ack_wait").count() == 100


def test_destinations_are_found_by_their_namespace(acme):
    for number in range(300):
        factories.make_destination(acme, "sdk", config={"namespace": f"n-{number}"})
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE destinations_destination")

    plan = explain(waiting.FIND, {"org": acme.pk, "namespace": "n-7"})

    assert "destination_namespace" in plan
    assert len(waiting.find_destinations((acme.pk, "n-7"))) == 1
