"""`make soak` in small: the same code against real processes, and what it makes of the figures."""

from dataclasses import replace

import pytest

from benchmarks import verdict
from benchmarks.samples import Sample
from benchmarks.soak import Course, Plan, soak
from benchmarks.stack import running

pytestmark = pytest.mark.alone

QUIET = Sample(
    at=0,
    accept_p50=3,
    accept_p95=20,
    delivery_p50=6,
    delivery_p95=30,
    claim=0.5,
    dead_records=12_000,
    whole_dead=100,
    dead_lanes=40,
    records_mb=30,
    indexes_mb=20,
    dispatcher_mb=100,
    load=1,
)
PLAN = Plan(seconds=1_200)


def make_course(**last):
    """The course of a soak that saw nothing but this in its last quarter."""
    samples = [replace(QUIET, at=at) for at in range(5, 1_205, 5)]
    after = PLAN.after.choose(samples)
    changed = [replace(sample, **last) if sample in after else sample for sample in samples]
    return Course(PLAN, changed, ["1", "2"], ["1", "2", "2"], [])


def test_a_short_soak_delivers_all_it_accepts():
    with running() as stack:
        stack.start_web()
        course = soak(stack, Plan(seconds=12, rate=30))

    assert course.refused == []
    assert len(course.accepted) == 360
    assert course.lost == 0
    assert {name for sample in course.samples for name in sample.names()} == set(QUIET.names())
    assert len(course.samples) >= 10
    held = course.plan.held.choose(course.samples)
    # What has died since the session began is kept whole for it, and let go afterwards.
    assert max(sample.whole_dead for sample in held) > 50
    assert course.samples[-1].claim > 0
    assert course.samples[-1].dispatcher_mb > 20
    assert verdict.show_table(course.samples).count("\n") >= 10


def test_a_soak_that_is_as_it_was_is_fine():
    course = make_course(accept_p95=29, dead_records=17_000)

    assert course.find_faults() == []
    assert (course.lost, course.doubled) == (0, 1)


@pytest.mark.parametrize(
    ("last", "fault"),
    [
        ({"accept_p95": 31}, "p95 of accepting, ms: 20.0 before, 31.0 after"),
        ({"dead_records": 60_000}, "dead tuples of records: 12,000.0 before, 60,000.0 after"),
        ({"dead_lanes": 2_000}, "dead tuples of lanes: 40.0 before, 2,000.0 after"),
    ],
)
def test_what_has_not_come_back_to_its_level_is_a_fault(last, fault):
    assert make_course(**last).find_faults() == [fault]


def test_what_was_accepted_and_not_delivered_is_a_fault():
    course = replace(make_course(), accepted=["1", "2", "3"], refused=["HTTP 503"])

    assert course.find_faults() == [
        "1 actions were accepted and never delivered",
        "1 were not accepted, the first: HTTP 503",
    ]


def test_the_session_is_held_for_five_minutes_of_twenty():
    assert Plan().seconds == 1_200
    assert Plan().held == (300, 600)
    assert Plan().every == 5
    assert Plan(seconds=240).held == (60, 120)
