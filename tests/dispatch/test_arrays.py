"""Arrays as texts: PostgreSQL reads from them what was put in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from django.db import connection

from dispatch import arrays

pytestmark = pytest.mark.django_db
TEXTS = ["", "NULL", "null", '"', "\\", '\\"', "{a,b}", ",", " x ", "\n\r\t", "é𝄞", "%s", "'", "$1"]
LATER = datetime(2026, 11, 26, 12, 0, 0, 5, tzinfo=timezone(timedelta(hours=5, minutes=30)))


@pytest.mark.parametrize(
    ("text", "kind", "values"),
    [
        (arrays.of_texts(TEXTS), "text", TEXTS),
        (arrays.of_texts([]), "text", []),
        (arrays.of_numbers([1, None, -(2**63)]), "bigint", [1, None, -(2**63)]),
        (arrays.of_flags([True, False]), "bool", [True, False]),
        (arrays.of_moments([LATER, None]), "timestamptz", [LATER.astimezone(UTC), None]),
        (arrays.of_moments([datetime(1, 1, 1, tzinfo=UTC)]), "timestamptz",
         [datetime(1, 1, 1, tzinfo=UTC)]),
    ],
)  # fmt: skip
def test_an_array_is_read_as_it_was_written(text, kind, values):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT value FROM unnest(%s::{kind}[]) AS value", [text])
        assert [value for (value,) in cursor.fetchall()] == values
