"""`POST .../lanes/advice`: the caps that an operator sets, and what they do to work."""

import pytest

from dispatch import lanes
from dispatch.models import ActionRecord, Lane, LaneUse
from tests import factories
from tests.client import codes
from tests.dispatch.background import wait_until
from tests.dispatch.claiming import by_lane, claim
from tests.dispatch.concurrency import at_once

TAGS = {"tenant": "initech"}


def advise(api, definition, **body):
    return api.post(f"~/actions/definitions/{definition.pk}/lanes/advice", {"tags": TAGS} | body)


def caps_of(lane):
    lane.refresh_from_db()
    return lane.running_cap, lane.unsettled_cap


@pytest.fixture
def lane(acme, definition):
    """The lane of an action that is due."""
    return factories.make_record(acme, tags=TAGS).lane


# --- what is set ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "caps"),
    [
        # What is left out stays, null lifts, 0 is a cap as well.
        ({"running_cap": 3}, (3, 9)),
        ({"unsettled_cap": 3}, (7, 3)),
        ({"running_cap": None}, (None, 9)),
        ({"running_cap": 0, "unsettled_cap": None}, (0, None)),
        ({"running_cap": 1.0, "unsettled_cap": 2**31 - 1}, (1, 2**31 - 1)),
        ({"running_cap": 7, "unsettled_cap": 9}, (7, 9)),
    ],
)
def test_caps_are_set_one_by_one(api, definition, lane, body, caps):
    Lane.objects.update(running_cap=7, unsettled_cap=9)

    data = api.data(advise(api, definition, **body))

    assert caps_of(lane) == caps
    (shown,) = data["items"]
    assert data["count"] == 1
    assert (shown["running_cap"], shown["unsettled_cap"]) == caps
    assert (shown["id"], shown["queued"]) == (str(lane.pk), 1)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"running_cap": 0}, "running cap set to 0 by key {key}"),
        ({"unsettled_cap": None}, "unsettled cap lifted by key {key}"),
        (
            {"running_cap": 1_000, "unsettled_cap": None},
            "running cap set to 1,000 and unsettled cap lifted by key {key}",
        ),
    ],
)
def test_the_lane_says_who_set_which_cap(api, acme, definition, lane, body, reason):
    Lane.objects.update(unsettled_cap=9)

    (shown,) = api.data(advise(api, definition, **body))["items"]

    lane.refresh_from_db()
    assert shown["last_reason"] == lane.reason == reason.format(key=acme.keys.get().pk)
    assert shown["last_moved_at"] == lane.moved_at.isoformat()


def test_every_change_of_a_cap_is_a_new_revision_and_none_is_no_change(api, definition, lane):
    seen = []
    for cap in (5, 5, 6, None, None):
        api.data(advise(api, definition, running_cap=cap))
        lane.refresh_from_db()
        seen.append((lane.revision, lane.moved_at))

    assert [revision for revision, _ in seen] == [1, 1, 2, 3, 3]
    assert seen[0] == seen[1]
    assert seen[3] == seen[4]


def test_other_lanes_keep_their_caps(api, acme, definition, lane):
    other = factories.make_record(acme, tags=TAGS | {"region": "eu"}).lane
    untagged = factories.make_record(acme).lane

    api.data(advise(api, definition, running_cap=0))

    assert (caps_of(other), caps_of(untagged)) == ((None, None), (None, None))
    api.data(advise(api, definition, tags={}, running_cap=5))
    assert (caps_of(lane), caps_of(untagged)) == ((0, None), (5, None))


# --- which lanes ----------------------------------------------------------------------------------


def test_a_lane_is_made_before_its_first_action(api, acme, webhook, definition):
    (shown,) = api.data(advise(api, definition, running_cap=0))["items"]

    lane = Lane.objects.get()
    assert (lane.destination, lane.tags, lane.running_cap) == (webhook, TAGS, 0)
    assert (shown["id"], shown["variants"]) == (str(lane.pk), ["count"])
    assert factories.make_record(acme, tags=TAGS).lane == lane


def test_the_order_of_tags_makes_no_difference(api, definition):
    first = api.data(advise(api, definition, tags={"a": "1", "b": "2"}, running_cap=1))
    again = api.data(advise(api, definition, tags={"b": "2", "a": "1"}, running_cap=2))

    assert [lane["id"] for lane in first["items"]] == [lane["id"] for lane in again["items"]]


def test_it_holds_at_every_destination_that_the_variant_uses(api, acme, definition, lane):
    moved_to = factories.make_destination(acme)
    factories.make_definition(acme, schema=True, to=moved_to)
    factories.make_record(acme, tags=TAGS)
    newest = factories.make_definition(acme, schema={}, to=factories.make_destination(acme))

    shown = api.data(advise(api, newest, running_cap=2))

    # The two that it has used, and the one where its next action goes.
    assert shown["count"] == Lane.objects.filter(running_cap=2).count() == 3
    assert [item["id"] for item in shown["items"]] == sorted(
        (item["id"] for item in shown["items"]), key=int
    )


def test_it_holds_at_one_destination_where_one_is_named(api, acme, definition, lane):
    linked = factories.make_destination(acme)
    api.data(api.put(f"~/actions/definitions/{definition.pk}/destinations/{linked.pk}", {}))

    shown = api.data(advise(api, definition, running_cap=2, destination_id=str(linked.pk)))

    assert [item["destination_id"] for item in shown["items"]] == [str(linked.pk)]
    assert caps_of(lane) == (None, None)
    api.data(advise(api, definition, running_cap=1, destination_id=str(lane.destination_id)))
    assert caps_of(lane) == (1, None)


def test_a_lane_that_variants_share_is_capped_for_all_of_them(api, acme, definition, lane):
    factories.make_definition(acme, "other", to=lane.destination)
    factories.make_record(acme, "other", tags=TAGS)

    api.data(advise(api, definition, running_cap=0))

    assert claim() == []


@pytest.mark.parametrize("id", ["theirs", "unlinked", "sink", "0", str(2**63), "9" * 5000])
def test_a_destination_that_the_definition_does_not_lead_to_is_a_422(
    api, acme, globex, definition, lane, id
):
    sink = factories.make_destination(acme, "default_sink")
    api.data(api.put(f"~/actions/definitions/{definition.pk}/destinations/{sink.pk}", {}))
    rows = {
        "theirs": factories.make_destination(globex).pk,
        "unlinked": factories.make_destination(acme).pk,
        "sink": sink.pk,
    }

    refused = advise(api, definition, running_cap=0, destination_id=str(rows.get(id, id)))

    assert refused.status_code == 422
    assert codes(refused) == [("UNKNOWN_DESTINATION", "/destination_id")]
    assert Lane.objects.get() == lane
    assert caps_of(lane) == (None, None)


def test_a_definition_that_leads_to_the_sink_has_no_lane_to_cap(api, acme):
    definition = factories.make_definition(acme)

    refused = advise(api, definition, running_cap=0)

    assert refused.status_code == 422
    assert codes(refused) == [("NO_LANE", None)]
    assert not Lane.objects.exists()


def test_advice_makes_no_lane_beyond_the_last_one(api, acme, definition, lane, monkeypatch):
    monkeypatch.setattr(lanes, "MAX_LANES", 1)

    refused = advise(api, definition, tags={"tenant": "other"}, running_cap=0)

    assert refused.status_code == 400
    assert codes(refused) == [("TAG_CARDINALITY_EXCEEDED", "/tags")]
    assert Lane.objects.get() == lane
    assert api.data(advise(api, definition, running_cap=0))["count"] == 1


@pytest.mark.django_db(transaction=True)
def test_concurrent_advice_makes_no_more_lanes_than_there_may_be(api, definition, monkeypatch):
    monkeypatch.setattr(lanes, "MAX_LANES", 3)

    def call(number):
        return advise(api, definition, tags={"n": str(number)}, running_cap=1).status_code

    assert sorted(at_once(call, range(8))) == [200] * 3 + [400] * 5
    assert Lane.objects.count() == LaneUse.objects.count() == 3


@pytest.mark.django_db(transaction=True)
def test_concurrent_advice_for_the_same_lanes_never_deadlocks(api, acme, definition, lane):
    factories.make_definition(acme, schema=True, to=factories.make_destination(acme))
    factories.make_record(acme, tags=TAGS)

    def call(number):
        return advise(api, definition, running_cap=number).status_code

    assert at_once(call, range(8)) == [200] * 8
    assert {one.revision for one in Lane.objects.all()} == {8}
    assert len({one.running_cap for one in Lane.objects.all()}) == 1


# --- what is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, ""),
        ({"destination_id": "1"}, ""),
        ({"running_cap": -1}, "/running_cap"),
        ({"running_cap": 2**31}, "/running_cap"),
        ({"running_cap": 1.5}, "/running_cap"),
        ({"running_cap": "5"}, "/running_cap"),
        ({"unsettled_cap": True}, "/unsettled_cap"),
        ({"running_cap": 1, "destination_id": 7}, "/destination_id"),
        ({"running_cap": 1, "destination_id": "seven"}, "/destination_id"),
        ({"running_cap": 1, "tags": None}, "/tags"),
        ({"running_cap": 1, "tags": {"k": 1}}, "/tags/k"),
        ({"running_cap": 1, "tags": {f"key{n}": "v" for n in range(17)}}, "/tags"),
        ({"running_cap": 1, "running_limit": 9}, "/running_limit"),
    ],
)
def test_a_body_of_the_wrong_shape_is_a_400(api, definition, lane, body, pointer):
    refused = advise(api, definition, **body)

    assert refused.status_code == 400
    assert set(codes(refused)) == {("INVALID_BODY", pointer)}
    assert caps_of(lane) == (None, None)


def test_tags_have_to_be_said(api, definition, lane):
    path = f"~/actions/definitions/{definition.pk}/lanes/advice"

    assert codes(api.post(path, {"running_cap": 0})) == [("INVALID_BODY", "/tags")]


# --- what it does ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("caps", "starts"),
    [
        ({}, 4),
        ({"running_cap": 2}, 2),
        ({"unsettled_cap": 3}, 3),
        ({"running_cap": 0}, 0),
        ({"unsettled_cap": 0}, 0),
        # Upper bounds, never lower ones.
        ({"running_cap": 900, "unsettled_cap": 900}, 4),
    ],
)
def test_no_more_starts_than_the_caps_allow(api, definition, lane, caps, starts):
    factories.make_records(lane, definition, 20)
    if caps:
        api.data(advise(api, definition, **caps))

    assert by_lane(claim())[lane.pk] == starts


def test_a_lane_that_is_probing_starts_nothing_at_a_cap_of_0(api, definition, lane):
    Lane.objects.update(opened=1)
    api.data(advise(api, definition, running_cap=0))

    assert claim() == []
    api.data(advise(api, definition, running_cap=5))
    assert len(claim()) == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("cap", ["running_cap", "unsettled_cap"])
def test_a_raised_cap_starts_work_at_once(api, acme, delivered, receiver, start_dispatcher, cap):
    api.data(advise(api, delivered, **{cap: 0}))
    start_dispatcher()
    factories.make_record(acme, tags=TAGS)
    passing = factories.make_record(acme, tags={"tenant": "other"})
    wait_until(lambda: receiver.received)
    assert [one.record_id for one in receiver.received] == [passing.pk]

    api.data(advise(api, delivered, **{cap: None}))

    wait_until(lambda: len(receiver.received) == 2, seconds=1)
    wait_until(lambda: ActionRecord.objects.filter(status="succeeded").count() == 2)
