"""What came of a chore is kept where an operator sees it."""

from __future__ import annotations

import pytest
from django.db import OperationalError
from psycopg.errors import DeadlockDetected, LockNotAvailable, QueryCanceled

from operations import chores
from operations.chores import Report
from operations.models import Chore


def test_the_result_of_a_chore_is_kept(db):
    assert chores.run("sweep", lambda: Report({"deleted": 3})) == {"deleted": 3}

    chore = Chore.objects.get()
    assert (chore.name, chore.result, chore.trouble) == ("sweep", {"deleted": 3}, "")
    assert chore.began_at is not None
    assert chore.seconds >= 0
    assert str(chore) == "sweep"


def test_its_next_run_takes_its_place_and_leaves_the_cursor(db):
    Chore.objects.create(name="sweep", cursor=42)
    chores.run("sweep", lambda: Report({"deleted": 3}, trouble="It looks odd."))
    first = Chore.objects.get()

    chores.run("sweep", Report)

    chore = Chore.objects.get()
    assert (chore.result, chore.trouble, chore.cursor) == ({}, "", 42)
    assert chore.began_at > first.began_at


def test_trouble_is_kept_and_logged(db, caplog):
    chores.run("count", lambda: Report({"sound": False}, trouble="Two are missing."))

    assert Chore.objects.get().trouble == "Two are missing."
    (line,) = caplog.records
    assert (line.levelname, line.getMessage()) == ("ERROR", "count: Two are missing.")


def test_trouble_that_goes_on_is_logged_once(db, caplog):
    for trouble in ("Two are missing.", "Two are missing.", "Three are.", "", "Three are."):
        chores.run("count", lambda trouble=trouble: Report(trouble=trouble))

    assert caplog.messages == ["count: Two are missing.", "count: Three are.", "count: Three are."]


def test_a_chore_that_fails_says_why_and_fails(db):
    def fail():
        raise OSError("no space left")

    with pytest.raises(OSError, match="no space left"):
        chores.run("sweep", fail)

    chore = Chore.objects.get()
    assert (chore.trouble, chore.result) == ("It failed: no space left", {})


def test_a_chore_that_is_running_shows_since_when(db):
    def look():
        assert Chore.objects.get().began_at is not None
        return Report()

    chores.run("sweep", look)


@pytest.mark.parametrize(
    ("seconds", "told", "stops"), [(60, False, False), (60, True, True), (-1, False, True)]
)
def test_a_run_stops_when_its_time_is_over_and_when_it_is_told(seconds, told, stops):
    assert chores.within(seconds, lambda: told)() is stops


@pytest.fixture
def step(monkeypatch):
    """Something that fails as often as it is told, and then is done."""
    monkeypatch.setattr(chores, "PAUSE_SECONDS", 0.0)
    tried = []

    def fail(cause, times):
        def go():
            tried.append(cause)
            if len(tried) <= times:
                raise OperationalError("canceling statement") from cause
            return "done"

        return go

    fail.tried = tried
    return fail


@pytest.mark.parametrize("cause", [LockNotAvailable(), DeadlockDetected()])
def test_a_step_that_others_keep_from_its_locks_is_tried_again(step, cause):
    assert chores.insist(step(cause, times=4)) == "done"
    assert len(step.tried) == 5


@pytest.mark.parametrize(("cause", "tried"), [(LockNotAvailable(), 5), (QueryCanceled(), 1)])
def test_a_step_is_not_tried_for_ever_nor_after_another_fault(step, cause, tried):
    with pytest.raises(OperationalError):
        chores.insist(step(cause, times=5))
    assert len(step.tried) == tried
