"""Lanes: one for a destination and its tags, at most 1,000 for a variant."""

import pytest

from dispatch import intake, lanes
from dispatch.models import ActionRecord, Lane, LaneUse
from tests import factories
from tests.client import codes
from tests.dispatch.concurrency import at_once


def test_a_lane_starts_with_its_constant_limits(record):
    limits = (record.lane.running_limit, record.lane.unsettled_limit)

    assert limits == (4, 4)


def test_two_variants_of_one_destination_share_its_lanes(acme, webhook):
    for variant in ("first", "second"):
        factories.make_definition(acme, variant, to=webhook)
        factories.make_record(acme, variant, tags={"tenant": "t1"})

    assert Lane.objects.get().tags == {"tenant": "t1"}
    assert list(LaneUse.objects.values_list("variant", flat=True)) == ["first", "second"]


def test_a_lane_beyond_the_variants_thousand_is_refused_and_leaves_nothing(
    api, acme, definition, monkeypatch
):
    monkeypatch.setattr(lanes, "MAX_LANES", 2)
    for tenant in ("a", "b"):
        factories.make_record(acme, tags={"tenant": tenant})

    response = api.post("/v1/ingress/count", {"input": {"n": 1}, "tags": {"tenant": "c"}})

    assert response.status_code == 400
    assert codes(response) == [("TAG_CARDINALITY_EXCEEDED", "/tags")]
    assert "2 lanes" in response.json()["errors"][0]["message"]
    assert Lane.objects.count() == LaneUse.objects.count() == ActionRecord.objects.count() == 2


def test_a_full_variant_goes_on_using_the_lanes_that_it_has(acme, definition, monkeypatch):
    monkeypatch.setattr(lanes, "MAX_LANES", 1)
    first = factories.make_record(acme, tags={"tenant": "a"})
    monkeypatch.setattr(lanes, "places", lanes.Places())

    assert factories.make_record(acme, tags={"tenant": "a"}).lane == first.lane
    assert lanes.make(acme.pk, {key_of(first)}) == {key_of(first): first.lane_id}


def key_of(record):
    route = intake.resolve(record.org_id, [("count", None)])["count", None]
    return intake.lane_key(route, record.tags)


def test_lanes_are_counted_for_each_variant(acme, definition, webhook, monkeypatch):
    monkeypatch.setattr(lanes, "MAX_LANES", 1)
    factories.make_record(acme, tags={"tenant": "a"})
    factories.make_definition(acme, "other", to=webhook)

    assert factories.make_record(acme, "other", tags={"tenant": "b"}).lane.tags == {"tenant": "b"}


def test_what_a_process_knows_of_lanes_is_bounded(monkeypatch):
    places = lanes.Places()
    monkeypatch.setattr(lanes.Places, "most", 3)
    keys = [lanes.LaneKey(1, "count", b"%d" % n) for n in range(5)]

    places.add(dict.fromkeys(keys[:3], 1))
    assert len(places.known) == 3
    places.add(dict.fromkeys(keys[3:], 2))
    assert places.known == dict.fromkeys(keys[3:], 2)


@pytest.mark.django_db(transaction=True)
def test_concurrent_first_actions_share_one_lane(acme, definition):
    at_once(lambda n: factories.make_record(acme, tags={"tenant": "a"}), range(8))

    assert Lane.objects.count() == LaneUse.objects.count() == 1
    assert ActionRecord.objects.filter(lane=Lane.objects.get()).count() == 8


@pytest.mark.django_db(transaction=True)
def test_the_thousandth_lane_is_the_last_under_concurrency_too(acme, definition, monkeypatch):
    monkeypatch.setattr(lanes, "MAX_LANES", 5)

    def submit(n):
        one = intake.Submission("count", {"n": 1}, {"tenant": str(n)})
        (result,) = intake.accept(acme.pk, [one], atomic=True)
        return isinstance(result, intake.Accepted)

    assert sum(at_once(submit, range(12))) == 5
    assert Lane.objects.count() == LaneUse.objects.count() == ActionRecord.objects.count() == 5


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "variants",
    [
        # of the same variants
        ["ab", "ba", "ab"],
        # of variants that have only the destination in common
        ["ab", "cd", "dc"],
    ],
)
def test_concurrent_batches_of_the_same_lanes_never_deadlock(acme, webhook, variants):
    for variant in sorted(set("".join(variants))):
        factories.make_definition(acme, variant, to=webhook)

    def submit(number):
        tags = list(range(12))[:: (-1) ** number]
        names = [(name, str(tag)) for name in variants[number] for tag in tags]
        batch = [intake.Submission(name, {"n": 1}, {"tenant": tag}) for name, tag in names]
        return len(intake.accept(acme.pk, batch, atomic=True))

    assert at_once(submit, range(3)) == [24] * 3
    assert Lane.objects.count() == 12
