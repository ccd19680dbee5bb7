"""Histograms of times: how many took how long, told apart to a tenth; {bucket: count}.

A bucket's number is the power of `BASE` that its milliseconds reach, so that what it stands for is
no more than 4.9 % from whatever is in it; less than a millisecond is as one. Histograms add up,
whoever made them, which percentiles do not.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

BASE = 1.1
_LOG = math.log(BASE)
_MIDDLE = math.sqrt(BASE)


def bucket_of(milliseconds: float) -> int:
    """The bucket of a time."""
    return math.floor(math.log(milliseconds) / _LOG) if milliseconds > 1 else 0


def value_of(bucket: int) -> float:
    """The milliseconds that a bucket stands for: the geometric middle of it."""
    return float(BASE**bucket) * _MIDDLE


def find_percentile(times: Mapping[int, int], share: float) -> float | None:
    """The milliseconds within which this share of them ended; None where there are none.

    Its rank is exact, the least that so many do not exceed; its time is that of its bucket.
    """
    rank = math.ceil(share * sum(times.values()))
    for bucket in sorted(times):
        rank -= times[bucket]
        if rank <= 0:
            return value_of(bucket)
    return None


def bucket_in_sql(seconds: str) -> str:
    """The bucket of an SQL expression for seconds."""
    return f"floor(ln(greatest(1, 1000 * ({seconds})::float8)) / ln({BASE}::float8))::int"


def merge_in_sql(row: str) -> str:
    """The sum of two histograms, of this row and of the one that is added to it by an upsert."""
    return f"""CASE WHEN excluded.times = '{{}}' THEN {row}.times ELSE (
      SELECT jsonb_object_agg(bucket, n) FROM (
        SELECT key AS bucket, sum(value::bigint) AS n FROM (
          SELECT * FROM jsonb_each_text({row}.times)
          UNION ALL SELECT * FROM jsonb_each_text(excluded.times)
        ) AS parts GROUP BY key
      ) AS merged
    ) END"""  # noqa: S608 -- names of columns only
