"""What a bulk operation says of itself, and the rules that the database keeps of it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError

from operations.models import BulkOperation
from tests import factories


def test_its_rate_is_of_the_time_that_it_worked(acme):
    operation = factories.make_bulk(acme, status="running", finished_at=None, done=30)
    assert operation.rate is None

    operation.updated_at = operation.started_at + timedelta(seconds=60)
    assert operation.rate == 0.5
    operation.started_at = None
    assert operation.rate is None


@pytest.mark.parametrize(
    ("columns", "progress"),
    [
        # By the ids that have been looked at, or by the cap, whichever is farther.
        ({"first_id": 100, "last_id": 150, "newest_id": 200, "done": 0, "cap": 10}, 0.5),
        ({"first_id": 100, "last_id": 110, "newest_id": 200, "done": 8, "cap": 10}, 0.8),
        ({"first_id": 100, "last_id": 100, "newest_id": 100, "done": 0, "cap": 10}, 0.0),
    ],
)
def test_its_progress_is_a_part_of_the_whole(acme, columns, progress):
    assert BulkOperation(org=acme, kind="replay", status="running", **columns).progress == progress


def test_it_is_named_by_what_it_is(acme):
    operation = factories.make_bulk(acme)

    assert str(operation) == f"replay in bulk {operation.pk}"


@pytest.mark.parametrize(
    ("rule", "columns"),
    [
        ("bulk_kind_known", {"kind": "delete"}),
        ("bulk_finished_when_over", {"finished_at": None}),
        ("bulk_finished_when_over", {"status": "running"}),
        ("bulk_within_its_cap", {"done": 101}),
        ("bulk_has_a_reason", {"reason": ""}),
    ],
)
def test_the_database_keeps_the_rule(acme, rule, columns):
    with pytest.raises(IntegrityError, match=rule):
        factories.make_bulk(acme, **columns)
