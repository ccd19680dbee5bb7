"""How the limits of lanes have moved is sampled now and then, and the last sample stays."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from dispatch import advice
from dispatch.models import Lane
from operations import lane_samples, measures
from operations.models import LaneSample
from tests import factories
from tests.operations.using import never


def move(lane, limit, **ago):
    lane.refresh_from_db()
    at = timezone.now() - timedelta(**ago)
    Lane.objects.filter(pk=lane.pk).update(
        running_limit=limit, revision=lane.revision + 1, moved_at=at, reason=f"to {limit}"
    )


def limits(lane):
    return [one.running_limit for one in lane_samples.find_last([lane.pk])[lane.pk]]


def test_only_lanes_that_have_moved_are_sampled(webhook):
    still, moving = factories.make_lane(webhook), factories.make_lane(webhook, tags={"a": "b"})
    move(moving, 5)
    assert lane_samples.take(never).result == {"taken": 1}
    assert lane_samples.take(never).result == {"taken": 0}
    move(moving, 6)
    move(moving, 7)
    assert lane_samples.take(never).result == {"taken": 1}

    assert (limits(still), limits(moving)) == ([], [5, 7])


def test_what_was_committed_a_moment_late_is_sampled_as_well(webhook):
    late, lane = factories.make_lane(webhook, tags={"a": "b"}), factories.make_lane(webhook)
    move(lane, 5)
    lane_samples.take(never)
    move(late, 6, seconds=40)
    lane_samples.take(never)

    assert limits(late) == [6]


def test_an_operators_cap_is_a_move(webhook):
    lane = factories.make_lane(webhook)
    advice.set_caps(lane_ids=[lane.pk], caps={"running_cap": 2}, actor="ann@example.com")
    lane_samples.take(never)

    (sample,) = LaneSample.objects.all()
    assert sample.reason == "running cap set to 2 by ann@example.com"


def test_old_samples_go_but_the_last_of_each_lane(webhook):
    lane, other = factories.make_lane(webhook), factories.make_lane(webhook, tags={"a": "b"})
    for limit in (5, 6):
        move(lane, limit)
        move(other, limit)
        lane_samples.take(never)
    move(other, 7)
    lane_samples.take(never)
    old = timezone.now() - timedelta(days=4)
    LaneSample.objects.exclude(running_limit=7).update(at=old)

    assert measures.delete_old(never).result["lane_samples"] == 3
    assert (limits(lane), limits(other)) == ([6], [7])
