"""Ids that belong to moments."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from dispatch import moments
from tests.factories import make_over


def ago(**time):
    return timezone.now() - timedelta(**time)


@pytest.fixture
def made(acme, definition):
    """An action of each of these days, by how long ago that is."""
    return {days: make_over(acme, days_ago=days).pk for days in (9, 7, 5, 3, 1)}


def test_the_first_id_of_a_time_is_found_by_halves(made, django_assert_num_queries):
    end = moments.find_end()
    assert end == made[1] + 1

    def first(**time):
        return moments.find_first_id(ago(**time), end)

    with django_assert_num_queries(4):
        assert first(days=100) == 1
        assert made[7] < first(days=6) <= made[5]
        assert made[3] < first(days=2) <= made[1]
        assert first(hours=1) == end


def test_where_nothing_was_ever_accepted_it_is_the_end(db):
    assert moments.find_first_id(ago(days=1), 17) == 1
    assert moments.find_first_id(ago(days=1), 1) == 1


@pytest.mark.parametrize(
    ("after", "before", "found"),
    [
        (None, None, [9, 7, 5, 3, 1]),
        ({"days": 6}, None, [5, 3, 1]),
        (None, {"days": 6}, [9, 7]),
        ({"days": 8}, {"days": 2}, [7, 5, 3]),
        # A moment that is in nobody's middle, and one that is some minutes beside a row's.
        ({"days": 5, "minutes": -5}, {"days": 5, "minutes": 5}, [5]),
        ({"hours": 1}, None, []),
        ({"days": 100}, {"days": 90}, []),
    ],
)
def test_bounds_leave_out_what_is_of_another_time(acme, made, after, before, found):
    moment = {name: ago(**time) if time else None for name, time in (("a", after), ("b", before))}

    bounds = moments.find_bounds(moment["a"], moment["b"])

    low, high = bounds.get("id__gte", 0), bounds.get("id__lt", 2**63)
    assert [days for days, pk in made.items() if low <= pk < high] == found
    assert set(bounds) == {
        name for name, asked in (("id__gte", after), ("id__lt", before)) if asked
    }


def test_the_ends_of_the_calendar_are_moments_too(made):
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

    bounds = moments.find_bounds(first, last)

    assert bounds == {"id__gte": 1, "id__lt": made[1] + 1}
