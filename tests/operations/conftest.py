"""What most tests of bulk operations and chores start from."""

from __future__ import annotations

import pytest
from django.db import connection

from operations import usage
from tests.factories import make_over


@pytest.fixture
def failed(acme, definition):
    """Five failed actions of acme, whose payloads tell them apart."""
    return [make_over(acme, input={"n": number}) for number in range(5)]


@pytest.fixture(autouse=True)
def _no_jobs_left(request):
    """Procrastinate's tables are not Django's: nobody else empties them after a transaction."""
    marker = request.node.get_closest_marker("django_db")
    if not marker or not marker.kwargs.get("transaction"):
        yield
        return
    request.getfixturevalue("transactional_db")
    yield
    with connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE procrastinate_jobs, procrastinate_workers, procrastinate_events, "
            "procrastinate_periodic_defers"
        )


@pytest.fixture
def short_slices(monkeypatch):
    monkeypatch.setattr(usage, "SLICE", 4)
    monkeypatch.setattr(usage, "SLICES_AT_ONCE", 2)
