"""Where accepted actions go: the default destination, else the sink; what is not delivered yet."""

import pytest

from actions import services as actions
from destinations.models import Destination
from dispatch.models import ActionEvent, ActionRecord
from tests import factories
from tests.dispatch.concurrency import at_once


def test_an_action_without_a_destination_ends_in_a_sink_at_once(api, acme):
    factories.make_definition(acme)

    data = api.data(api.post("/v1/ingress/count", {"input": {"n": 1}, "tags": {"a": "b"}}))

    record = ActionRecord.objects.get(pk=data["id"])
    assert data["status"] == record.status == "succeeded"
    assert (record.lane, record.push) == (None, False)
    assert record.completed_at == record.created_at
    assert (record.destination.type, record.destination.org) == ("default_sink", acme)
    events = list(record.events.values_list("kind", "status", "attempt"))
    assert events == [("accepted", "succeeded", 0), ("sunk", "succeeded", 0)]


def test_a_sink_takes_an_action_also_before_its_time(api, acme):
    factories.make_definition(acme)

    body = {"input": {"n": 1}, "available_at": "2020-01-01T00:00:00Z"}
    assert api.data(api.post("/v1/ingress/count", body))["status"] == "succeeded"


def test_the_sink_is_made_once(acme, globex):
    for org in (acme, globex):
        factories.make_definition(org)
        for _ in range(2):
            factories.make_record(org)

    assert Destination.objects.filter(type="default_sink").count() == 2


def test_a_sink_that_was_made_by_hand_is_used(acme):
    own = factories.make_destination(acme, "default_sink", label="our own")
    factories.make_definition(acme)

    assert factories.make_record(acme).destination == own


def test_a_sink_finds_another_label_where_its_own_is_taken(acme):
    factories.make_destination(acme, label="default_sink")
    factories.make_definition(acme)

    assert factories.make_record(acme).destination.label == "default_sink 2"


@pytest.mark.django_db(transaction=True)
def test_concurrent_first_actions_make_one_sink(acme):
    factories.make_definition(acme)

    at_once(lambda n: factories.make_record(acme), range(8))

    assert Destination.objects.get().type == "default_sink"
    assert ActionRecord.objects.filter(status="succeeded").count() == 8


@pytest.mark.parametrize("kind", ["sdk"])
def test_a_type_that_is_not_delivered_yet_keeps_its_actions_waiting(api, acme, kind):
    factories.make_definition(acme, to=factories.make_destination(acme, kind))

    data = api.data(api.post("/v1/ingress/count", {"input": {"n": 1}}))

    record = ActionRecord.objects.get(pk=data["id"])
    assert (record.status, record.push, record.completed_at) == ("queued", False, None)
    assert record.lane is not None
    kinds = list(record.events.values_list("kind", flat=True))
    assert kinds == ["accepted"]


def test_only_a_default_link_routes(acme, webhook):
    definition = factories.make_definition(acme)
    actions.link_destination(definition=definition, destination_id=webhook.pk, is_default=False)

    assert factories.make_record(acme).destination.type == "default_sink"


def test_actions_keep_the_destination_they_were_accepted_with(acme, definition, webhook, record):
    other = factories.make_destination(acme)
    actions.link_destination(definition=definition, destination_id=other.pk, is_default=True)

    record.refresh_from_db()
    assert record.destination == webhook
    assert factories.make_record(acme).destination == other


def test_one_batch_feeds_sinks_and_destinations(api, acme, definition, webhook):
    factories.make_definition(acme, "sunk")
    body = {
        "actions": [
            {"variant": "sunk", "input": {"n": 1}},
            {"variant": "count", "input": {"n": 2}},
            {"variant": "sunk", "input": {"n": 3}},
        ]
    }

    items = api.data(api.post("/v1/batch", body))["items"]

    assert [item["status"] for item in items] == ["succeeded", "queued", "succeeded"]
    events = ActionEvent.objects.filter(kind="sunk").values_list("record_id", flat=True)
    assert sorted(events) == [int(items[0]["id"]), int(items[2]["id"])]
