"""Twenty destinations at once, some of them burning: each lane finds its own capacity."""

import random

import pytest

from tests.dispatch.simulation import (
    EPOCH,
    POOL,
    SHARE,
    Collapsing,
    Dead,
    Dispatcher,
    Failing,
    Flaky,
    Lane,
    Limiting,
    Refusing,
    Slowing,
    Working,
)

SECONDS = 240.0
HALF = SECONDS / 2
OUTAGE = (EPOCH + HALF - 60, EPOCH + HALF)
# The smallest and largest capacity of the destinations of a kind, and what else is set.
HEALTHY = [
    (Limiting, 2, 8, {}),
    (Limiting, 8, 40, {}),
    (Limiting, 40, 100, {"retry_after": 1.0}),
    (Refusing, 2, 8, {}),
    (Refusing, 8, 80, {}),
    (Slowing, 2, 8, {}),
    (Slowing, 8, 20, {}),
    (Slowing, 20, 100, {}),
    (Working, 4, 40, {"deadline": 1.0}),
]
BURNING = [
    (Collapsing, 2, 8, {}),
    (Collapsing, 8, 20, {}),
    (Collapsing, 20, 100, {"down_for": 3.0}),
    (Flaky, 4, 20, {"background": 0.02}),
    (Flaky, 20, 80, {"background": 0.05}),
    (Failing, 2, 8, {"out_from": OUTAGE[0], "out_until": OUTAGE[1]}),
    (Failing, 8, 80, {"out_from": OUTAGE[0], "out_until": OUTAGE[1]}),
]


def make_destinations(seed):
    """The twenty: the extremes, and of each kind one of some capacity and latency."""
    draw = random.Random(seed)
    made = [
        Limiting("the quickest", 2, 0.005, random.Random(seed)),
        Limiting("the largest", 200, 0.8, random.Random(seed), retry_after=1.0),
        Dead("refuses", 0, 0.005, random.Random(seed)),
        Dead("hangs", 0, 30.0, random.Random(seed)),
    ]
    for kind, least, most, more in HEALTHY + BURNING:
        capacity = round(least * (most / least) ** draw.random())
        # 5 ms to 2 s, but no more than some 100 answers a second, to keep the simulation short.
        latency = max(0.005 * 400 ** draw.random(), capacity / 100)
        name = f"{kind.__name__} of {capacity} in {latency * 1000:.0f} ms"
        rolls = random.Random(draw.random())
        made.append(kind(name, capacity, latency, rolls, **more))
    return made


def deliver(destinations, seed, seconds=SECONDS, **how):
    lanes = [Lane(destination) for destination in destinations]
    Dispatcher(lanes, seconds, random.Random(seed), **how).run()
    return lanes


@pytest.fixture(scope="module", params=[1, 2, 3], ids="seed {}".format)
def seed(request):
    return request.param


@pytest.fixture(scope="module")
def lanes(seed):
    return deliver(make_destinations(seed), seed)


def average(lane):
    """The mean, over the last half, of the limit that the destination's capacity is of."""
    area = lane.unsettled_area if type(lane.destination) is Working else lane.running_area
    return area / HALF


def test_the_limits_come_to_lie_at_the_capacities(lanes):
    assert len(lanes) == 20
    assert sum(lane.destination.capacity for lane in lanes) < POOL
    far = {
        lane.destination.name: f"{average(lane):.1f}; {lane.state.reason}"
        for lane in lanes
        if lane.destination.capacity
        and not 0.75 <= average(lane) / lane.destination.capacity <= 1.25
    }
    assert not far


def test_a_dead_destination_is_tried_a_few_times_only(lanes):
    for lane in lanes:
        if type(lane.destination) is Dead:
            assert average(lane) <= 2
            # Ten to open the breaker, what was in flight by then, and the probes.
            assert lane.attempts <= 25
            assert lane.good == 0


def test_no_healthy_destination_gets_less_while_the_others_burn(lanes, seed):
    alone = [d for d in make_destinations(seed) if d.healthy]
    together = {lane.destination.name: lane for lane in lanes}
    assert len(alone) == len(HEALTHY) + 2
    starved = {}
    for destination in alone:
        (solo,) = deliver([destination], seed)
        good = together[destination.name].good
        assert solo.good > 0
        if good < 0.9 * solo.good:
            starved[destination.name] = (good, solo.good)

    assert not starved


def test_without_what_it_learns_the_dead_would_starve_a_healthy_destination():
    # So it is the limits that keep them apart here, not the pool's share for each.
    def run(**how):
        hanging = [Dead(f"hangs {n}", 0, 30.0, random.Random(n)) for n in range(POOL // SHARE)]
        healthy = Limiting("healthy", 50, 0.2, random.Random(9))
        return deliver([*hanging, healthy], 9, seconds=120.0, **how)[-1].good

    assert run(room=lambda lane, now: SHARE) < 0.5 * run()
