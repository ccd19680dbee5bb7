"""Which actions a bulk operation is about: every filter, window by window, counted to a bound."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import timezone

from config.errors import BadRequestError
from dispatch.models import OPEN, Status
from operations import matching
from operations.matching import APPLIES_TO, Span, read_aim
from operations.models import BulkOperation
from tests import factories
from tests.factories import make_over, make_record


@pytest.fixture
def other(acme):
    """Another variant of acme, with a destination of its own."""
    return factories.make_definition(acme, "other", to=factories.make_destination(acme))


def find(org, kind="replay", **asked):
    """The ids of all that match, window by window."""
    aim = read_aim(org.pk, kind, asked)
    span, ids = aim.whole_span(), []
    while span.after < span.newest:
        found = aim.find(span, most=1_000)
        assert span.after < found.last_id <= span.newest
        ids += found.ids
        span = Span(found.last_id, span.newest)
    return ids


def ago(**time):
    return (timezone.now() - timedelta(**time)).isoformat()


def test_an_empty_filter_matches_all_that_the_kind_takes(acme, globex, definition):
    over = [make_over(acme, status).pk for status in ("succeeded", "failed", "canceled")]
    opened = [factories.move(make_record(acme), status=status).pk for status in OPEN]
    factories.make_definition(globex, to=factories.make_destination(globex))
    make_record(globex)
    make_over(globex)

    assert find(acme) == over
    assert find(acme, "cancel") == opened


def test_every_status_is_of_one_kind_and_what_is_held_can_be_decided_on_as_well():
    replay, cancel, *decisions = (APPLIES_TO[kind] for kind in BulkOperation.Kind)
    assert sorted((*replay, *cancel)) == sorted(Status)
    assert decisions == [(Status.HELD,)] * 2
    assert APPLIES_TO.keys() == set(BulkOperation.Kind)


@pytest.mark.parametrize("status", ["succeeded", "failed", "canceled"])
def test_by_status(acme, definition, status):
    made = {one: make_over(acme, one).pk for one in ("succeeded", "failed", "canceled")}

    assert find(acme, status=status) == [made[status]]


def test_queued_includes_what_is_scheduled(acme, definition):
    queued, scheduled, running = (
        factories.move(make_record(acme), status=status).pk
        for status in ("queued", "scheduled", "running")
    )

    assert find(acme, "cancel", status="queued") == [queued, scheduled]
    assert find(acme, "cancel", status="running") == [running]


def test_by_variant_whatever_the_version(acme, definition, other):
    first = make_over(acme).pk
    factories.make_definition(acme, schema=True)
    second = make_over(acme).pk
    third = make_over(acme, variant="other").pk

    assert find(acme, variant="count") == [first, second]
    assert find(acme, variant="other", status="failed") == [third]
    assert find(acme, variant="none") == []


def test_by_destination(acme, globex, definition, other):
    first, second = make_over(acme), make_over(acme, variant="other")

    assert find(acme, destination=str(first.destination_id)) == [first.pk]
    assert find(acme, destination=str(second.destination_id)) == [second.pk]
    # Another organization's, nobody's, and more than any row can have.
    for nobodys in (factories.make_destination(globex).pk, 10**15, "9" * 5_000):
        assert find(acme, destination=str(nobodys)) == []


def test_by_tags_of_which_there_may_be_more(acme, definition):
    first = make_over(acme, tags={"tenant": "a", "region": "eu"}).pk
    second = make_over(acme, tags={"tenant": "b", "region": "eu"}).pk
    third = make_over(acme).pk

    assert find(acme, tags={"region": "eu"}) == [first, second]
    assert find(acme, tags={"region": "eu", "tenant": "b"}) == [second]
    assert find(acme, tags={"region": "us"}) == []
    assert find(acme, tags={}) == [first, second, third]


def test_by_time_from_the_first_moment_to_before_the_last(acme, definition):
    days = {day: make_over(acme, days_ago=day) for day in (3, 2, 1)}

    assert find(acme, created_after=ago(days=2, hours=1)) == [days[2].pk, days[1].pk]
    assert find(acme, created_before=ago(days=2, hours=-1)) == [days[3].pk, days[2].pk]
    at = days[2].created_at.isoformat()
    assert find(acme, created_after=at, created_before=ago(hours=36)) == [days[2].pk]
    assert find(acme, created_before=at) == [days[3].pk]


def test_a_time_bounds_the_span_that_is_looked_through(acme, globex, definition):
    made = {day: make_over(acme, days_ago=day).pk for day in (9, 7, 5, 3, 1)}

    def span(kind="replay", **asked):
        return read_aim(acme.pk, kind, asked).whole_span()

    assert span() == Span(made[9] - 1, made[1])
    assert span(created_after=ago(days=4)) == Span(made[3] - 1, made[1])
    assert span(created_before=ago(days=4)) == Span(made[9] - 1, made[5])
    both = {"created_after": ago(days=6), "created_before": ago(days=2)}
    assert span(**both) == Span(made[5] - 1, made[3])
    assert span(**both, after_id=str(made[5])) == Span(made[5], made[3])
    nothing = span(created_after=ago(hours=1))
    assert nothing.after >= nothing.newest


def test_what_is_canceled_is_looked_for_among_what_is_not_over(acme, definition):
    for _ in range(3):
        make_over(acme)
    waiting = make_record(acme).pk
    make_over(acme)

    assert read_aim(acme.pk, "cancel", {}).whole_span() == Span(waiting - 1, waiting)


def test_after_an_id(acme, definition):
    first, second, third = (make_over(acme).pk for _ in range(3))

    assert find(acme, after_id=str(first)) == [second, third]
    assert find(acme, after_id=f"00{second}") == [third]
    assert find(acme, after_id=str(third)) == find(acme, after_id="9" * 30) == []
    assert find(acme, after_id="0") == find(acme, after_id="000") == [first, second, third]


def test_all_of_a_filter_at_once(acme, definition, other):
    wanted = make_over(acme, tags={"tenant": "a"})
    make_over(acme, Status.SUCCEEDED, tags={"tenant": "a"})
    make_over(acme, variant="other", tags={"tenant": "a"})
    make_over(acme, tags={"tenant": "b"})

    found = find(
        acme,
        status="failed",
        variant="count",
        destination=str(wanted.destination_id),
        tags={"tenant": "a"},
        created_after=ago(hours=1),
        created_before=ago(hours=-1),
        after_id=str(wanted.pk - 1),
    )

    assert found == [wanted.pk]


@pytest.mark.parametrize("name", ["created_after", "created_before"])
def test_a_moment_that_is_none_is_refused(acme, name):
    # The format admits it, no calendar does.
    with pytest.raises(BadRequestError) as refused:
        read_aim(acme.pk, "replay", {name: "2026-11-24T18:59:60Z"})

    assert refused.value.faults[0].pointer == f"/filter/{name}"


@pytest.mark.parametrize("asked", [{}, {"status": "failed"}])
@pytest.mark.parametrize("window", [1, 2, 3, 7, 8, 100])
def test_windows_of_any_size_find_the_same(acme, globex, definition, monkeypatch, window, asked):
    monkeypatch.setattr(matching, "WINDOW", window)
    factories.make_definition(globex, to=factories.make_destination(globex))
    made = []
    for number in range(8):
        # Every other one, with what is none of its business in between.
        make_over(globex)
        if number % 2:
            made.append(make_over(acme).pk)
        else:
            make_record(acme)

    assert find(acme, **asked) == made


def test_a_window_that_ends_at_the_last_one_wanted_goes_on_after_it(acme, definition):
    made = [make_over(acme).pk for _ in range(5)]
    aim = read_aim(acme.pk, "replay", {})

    first = aim.find(aim.whole_span(), most=2)
    second = aim.find(Span(first.last_id, made[-1]), most=2)
    third = aim.find(Span(second.last_id, made[-1]), most=2)

    assert [first.ids, second.ids, third.ids] == [made[:2], made[2:4], made[4:]]
    assert [first.last_id, second.last_id, third.last_id] == [made[1], made[3], made[4]]


def test_a_window_is_one_statement_over_an_index_in_the_order_of_ids(
    acme, definition, django_assert_num_queries
):
    made = make_over(acme)
    aim = read_aim(acme.pk, "replay", {"status": "failed", "variant": "count"})
    span = aim.whole_span()

    # Where the window ends, and what is in it.
    with django_assert_num_queries(2):
        assert aim.find(span, most=10).ids == [made.pk]


@pytest.mark.parametrize(
    ("made", "number", "exact"), [(0, 0, True), (2, 2, True), (3, 3, True), (4, 3, False)]
)
def test_counting_stops_at_its_bound(acme, definition, monkeypatch, made, number, exact):
    monkeypatch.setattr(matching, "COUNTED", 3)
    monkeypatch.setattr(matching, "WINDOW", 2)
    for _ in range(made):
        make_over(acme)
    aim = read_aim(acme.pk, "replay", {})

    count = aim.count(aim.whole_span())

    assert (count.number, count.exact) == (number, exact)
    assert len(count.ids) == made


def test_counting_stops_when_a_caller_would_wait_too_long(acme, definition, monkeypatch):
    monkeypatch.setattr(matching, "COUNTING_SECONDS", -1.0)
    make_over(acme)
    aim = read_aim(acme.pk, "replay", {})

    count = aim.count(aim.whole_span())

    assert (count.number, count.exact) == (0, False)


@pytest.mark.parametrize(
    ("asked", "finds"),
    [
        ({"error": "http 50"}, [0, 1]),
        ({"error": "%"}, []),
        ({"destination_label": "webhook 0"}, [0, 1, 2]),
        ({"destination_label": "nowhere"}, []),
        ({"destination_label": "webhook 0", "error": "503"}, [1]),
    ],
)
def test_what_errors_say_and_labels_narrow(acme, globex, definition, asked, finds):
    factories.make_definition(globex, to=factories.make_destination(globex, label="webhook 0"))
    factories.move(make_over(globex), error_message="HTTP 500")
    said = ("HTTP 500", "http 503", "")
    made = [factories.move(make_over(acme), error_message=error).pk for error in said]
    aim = read_aim(acme.pk, "replay", asked)

    assert aim.count(aim.whole_span()).ids == [made[number] for number in finds]


def test_ids_are_those_actions_of_the_organization_and_no_others(acme, globex, definition):
    factories.make_definition(globex, to=factories.make_destination(globex))
    other = make_over(globex)
    made = [make_over(acme).pk for _ in range(3)]
    still_open = factories.make_record(acme)
    ids = [str(one) for one in (other.pk, made[0], made[2], still_open.pk, 10**30)]

    aim = read_aim(acme.pk, "replay", {"ids": ids})
    assert aim.count(aim.whole_span()).ids == [made[0], made[2]]
    aim = read_aim(acme.pk, "cancel", {"ids": ids})
    assert aim.count(aim.whole_span()).ids == [still_open.pk]
