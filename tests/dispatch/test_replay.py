"""Replay: a new action with the same bytes and version, routed as things are now."""

from datetime import timedelta

import pytest

from actions import services as actions
from dispatch import lanes, services
from dispatch.models import ActionPayload, ActionRecord
from tests import factories
from tests.client import codes

OVER = ["succeeded", "failed", "canceled"]


@pytest.fixture(params=OVER)
def over(request, acme, definition):
    record = factories.make_record(acme, tags={"tenant": "t1"}, timeout=60)
    # A newer contract that the payload would break.
    factories.make_definition(acme, schema={"type": "null"})
    past = record.created_at - timedelta(days=1)
    over = {"status": request.param, "attempt": 2, "completed_at": past, "deadline_at": past}
    return factories.move(record, **over)


def replay(api, record):
    return api.post(f"~/actions/records/{record.pk}/replay")


def test_a_replay_has_the_same_bytes_version_tags_and_timeout(api, over):
    data = api.data(replay(api, over))

    again = ActionRecord.objects.get(pk=data["id"])
    assert again.pk > over.pk
    assert (again.replay_of, data["replay_of"]) == (over.pk, str(over.pk))
    assert (again.definition, again.destination) == (over.definition, over.destination)
    assert (again.lane, again.tags, again.timeout) == (over.lane, {"tenant": "t1"}, 60)
    assert (again.status, again.attempt, again.failures) == ("queued", 0, 0)
    assert again.deadline_at == again.created_at + timedelta(seconds=60)
    assert again.payload.input == over.payload.input == b'{"n":1}'


def test_both_records_tell_of_it(api, over):
    data = api.data(replay(api, over))

    assert [event["kind"] for event in data["events"]] == ["accepted"]
    event = over.events.order_by("id").last()
    assert (event.kind, event.status, event.attempt) == ("replayed", over.status, 2)
    assert event.detail["replayed_as"] == data["id"]
    assert event.detail["by"].startswith("key ")
    status, attempt = over.status, over.attempt
    over.refresh_from_db()
    assert (over.status, over.attempt) == (status, attempt)


def test_a_replay_may_be_repeated_and_replayed(api, over):
    first, second = (api.data(replay(api, over))["id"] for _ in range(2))
    again = ActionRecord.objects.get(pk=second)
    factories.move(again, status="failed", completed_at=again.created_at)

    data = api.data(replay(api, again))

    assert len({first, second, data["id"]}) == 3
    assert data["replay_of"] == second


def test_a_replay_goes_where_the_definition_leads_now(api, acme, over):
    other = factories.make_destination(acme, "sdk")
    actions.link_destination(definition=over.definition, destination_id=other.pk, is_default=True)

    data = api.data(replay(api, over))

    assert data["destination_id"] == str(other.pk)
    assert [event["kind"] for event in data["events"]] == ["accepted"]


def test_a_replay_of_a_sunk_action_is_delivered_when_there_is_a_destination(api, acme, webhook):
    definition = factories.make_definition(acme)
    sunk = factories.make_record(acme)
    assert api.data(replay(api, sunk))["state"]["status"] == "succeeded"
    actions.link_destination(definition=definition, destination_id=webhook.pk, is_default=True)

    data = api.data(replay(api, sunk))

    assert (data["state"]["status"], data["destination_id"]) == ("queued", str(webhook.pk))


@pytest.mark.parametrize("status", ["queued", "scheduled", "running", "ack_wait"])
def test_an_action_that_is_not_over_is_not_replayed(api, record, status):
    factories.move(record, status=status)

    response = replay(api, record)

    assert response.status_code == 409
    assert codes(response) == [("NOT_OVER", None)]
    assert ActionRecord.objects.count() == record.events.count() == 1


def test_an_action_of_a_deleted_version_is_not_replayed(api, over):
    actions.delete_definition(definition=over.definition)

    response = replay(api, over)

    assert response.status_code == 409
    assert codes(response) == [("DEFINITION_DELETED", None)]
    assert ActionRecord.objects.count() == 1


def test_a_replay_that_would_need_one_lane_too_many_is_refused(api, acme, over, monkeypatch):
    monkeypatch.setattr(lanes, "MAX_LANES", 1)
    other = factories.make_destination(acme)
    actions.link_destination(definition=over.definition, destination_id=other.pk, is_default=True)

    response = replay(api, over)

    assert response.status_code == 409
    assert codes(response) == [("TAG_CARDINALITY_EXCEEDED", None)]
    assert ActionRecord.objects.count() == 1


def test_a_replay_keeps_bytes_that_no_contract_would_admit_now(acme, over):
    ActionPayload.objects.filter(record_id=over.pk).update(input=b'{ "b" : 1e2, "a":1 }')
    over = ActionRecord.objects.get(pk=over.pk)

    accepted = services.replay_record(record=over, actor="a test")

    assert ActionPayload.objects.get(record_id=accepted.id).input == b'{ "b" : 1e2, "a":1 }'
