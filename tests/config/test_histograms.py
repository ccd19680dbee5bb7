"""Histograms of times are told apart closely enough, and add up."""

from __future__ import annotations

import math

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from config import histograms

TIMES = st.lists(st.floats(1, 2_592_000_000), min_size=1, max_size=60)


@given(times=TIMES, share=st.sampled_from([0.5, 0.95, 0.99, 1.0]))
def test_a_percentile_is_within_five_percent_of_the_exact_one(times, share):
    buckets = {}
    for one in times:
        bucket = histograms.bucket_of(one)
        buckets[bucket] = buckets.get(bucket, 0) + 1

    found = histograms.find_percentile(buckets, share)

    exact = sorted(times)[math.ceil(share * len(times)) - 1]
    assert found == pytest.approx(exact, rel=0.05)


def test_there_is_no_percentile_of_nothing():
    assert histograms.find_percentile({}, 0.5) is None


@pytest.mark.parametrize("milliseconds", [0, 0.4, 1, 1.5, 80, 12_345.6, 86_400_000])
def test_the_database_finds_the_same_bucket(milliseconds, db):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {histograms.bucket_in_sql('%s::float8 / 1000')}", [milliseconds])
        assert cursor.fetchone() == (histograms.bucket_of(milliseconds),)
