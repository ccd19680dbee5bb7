"""`/readyz`: whether all that work needs is there, and what is not."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.core.cache import caches
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone

from dispatch.models import Lane
from operations import chores, health, partitions
from operations.chores import Report
from operations.models import Chore
from tests import factories
from tests.operations.spans import at_record, set_next_id

WELL = {"database": "ok", "partitions": "ok"}
# Where no test comes by.
FAR = 40
PLACES = [partitions.Partition(table, FAR).name for table in partitions.TABLES]


@pytest.fixture(autouse=True)
def _no_answer_is_kept(monkeypatch):
    """Each test looks anew, as often as it asks."""
    caches["process"].clear()
    monkeypatch.setattr(health, "KEPT_SECONDS", 0)


@pytest.fixture
def worker(db):
    """One has run a chore a moment ago."""
    chores.run("make_partitions", Report)


def ask(path="/readyz"):
    answer = Client(raise_request_exception=False).get(path)
    return answer.status_code, answer.json()


def due_for(record, **time):
    return factories.move(record, available_at=timezone.now() - timedelta(**time))


def test_it_is_200_when_everything_is_there(worker, record):
    assert ask() == (200, {"status": "ok", "checks": WELL, "warnings": []})
    assert ask("/readyz/")[0] == 200


def test_it_takes_few_queries(worker, record, django_assert_num_queries):
    with django_assert_num_queries(5):
        ask()


def test_an_answer_is_given_again_for_two_seconds(worker, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(health, "KEPT_SECONDS", 2)
    first = ask()

    with django_assert_num_queries(0):
        assert ask() == first
    caches["process"].clear()
    with django_assert_num_queries(5):
        assert ask() == first


def test_a_database_that_takes_no_writes_is_503(worker):
    with connection.cursor() as cursor:
        cursor.execute("SET transaction_read_only = on")

    status, told = ask()

    assert status == 503
    assert told["checks"] == {"database": "It takes no writes."}


def test_without_a_database_it_is_503_and_nothing_else_is_told(worker):
    def refuse(execute, sql, params, many, context):
        raise OperationalError("the connection is lost")

    with connection.execute_wrapper(refuse):
        status, told = ask()

    assert status == 503
    assert told["status"] == "unavailable"
    assert told["checks"] == {"database": "It is out of reach, or does not answer in time."}


def test_what_calls_for_somebody_and_is_not_told_in_time_keeps_nobody_from_work(worker, record):
    def refuse_what_is_late(execute, sql, params, many, context):
        if "RECURSIVE" in sql:
            raise OperationalError("canceling statement due to statement timeout")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(refuse_what_is_late):
        status, told = ask()

    assert (status, told["checks"]) == (200, WELL)
    assert told["warnings"] == ["What else there may be was not told in time."]


def test_without_any_worker_it_is_200_with_a_warning(db):
    assert ask() == (
        200,
        {
            "status": "ok",
            "checks": WELL,
            "warnings": ["No worker has ever run: start `manage.py worker`."],
        },
    )


@pytest.mark.parametrize(("minutes", "missed"), [(14, False), (16, True)])
def test_a_worker_that_was_last_seen_long_ago_is_missed(worker, minutes, missed):
    Chore.objects.create(name="reconcile", began_at=timezone.now() - timedelta(days=1))
    at = timezone.now() - timedelta(minutes=minutes)
    Chore.objects.filter(name="make_partitions").update(began_at=at)

    status, told = ask()

    assert (status, told["checks"]) == (200, WELL)
    text = f"No worker has run a chore since {at:%Y-%m-%d %H:%M} UTC: start `manage.py worker`."
    assert told["warnings"] == ([text] if missed else [])


def test_a_chore_that_has_found_trouble_is_named_and_not_what_it_found(worker):
    chores.run("reconcile", lambda: Report(trouble="organization 7: action 4711 is lost"))

    status, told = ask()

    assert (status, told["checks"]) == (200, WELL)
    assert told["warnings"] == ["The chore reconcile has found trouble: see the admin's Chores."]


@pytest.mark.django_db(transaction=True)
def test_a_place_for_the_next_action_is_missed(worker, monkeypatch):
    with at_record(FAR * partitions.SPAN - 2):
        with monkeypatch.context() as shortsighted:
            shortsighted.setattr(partitions, "AHEAD", 0)
            partitions.make_missing()
        status, told = ask()
        # There is a place for the next one, and none for those after it.
        assert (status, told["checks"]) == (200, WELL)
        (warning,) = told["warnings"]
        assert warning == f"Needed next, and not made yet: {', '.join(PLACES)}."

        # The last one of the partition before has been given out.
        set_next_id(FAR * partitions.SPAN - 1)
        status, told = ask()
        assert status == 503
        assert told["checks"]["partitions"] == (
            f"Nothing can be accepted: there is no {PLACES[0]} and no {PLACES[1]}."
        )

        partitions.make_missing()
        assert ask() == (200, {"status": "ok", "checks": WELL, "warnings": []})


@pytest.mark.parametrize(
    ("minutes", "columns", "warned"),
    [
        (16, {}, True),
        (14, {}, False),
        (16, {"running_cap": 5, "unsettled_cap": 1}, True),
        # Its lane does not let it start.
        (16, {"running_cap": 0}, False),
        (16, {"unsettled_cap": 0}, False),
        (16, {"opened": 1}, False),
        (16, {"paused_until": 60}, False),
        (16, {"paused_until": -60}, True),
    ],
)
def test_what_is_due_for_long_in_an_open_lane_is_a_warning(
    worker, record, minutes, columns, warned
):
    due_for(record, minutes=minutes)
    if "paused_until" in columns:
        columns = {"paused_until": timezone.now() + timedelta(seconds=columns["paused_until"])}
    Lane.objects.update(**columns)

    status, told = ask()

    assert (status, told["checks"]) == (200, WELL)
    if warned:
        (warning,) = told["warnings"]
        assert f"its lane {record.lane_id} is open" in warning
        assert re.search(r"due for (959|96\d) s", warning)
    else:
        assert told["warnings"] == []


def test_what_waits_for_a_paused_destination_is_no_warning(worker, record, webhook):
    due_for(record, hours=3)
    webhook.paused_at = timezone.now()
    webhook.save()

    assert ask()[1]["warnings"] == []


def test_the_longest_of_several_lanes_is_told(worker, acme, definition):
    _, second, third = (
        due_for(factories.make_record(acme, tags={"n": str(n)}), minutes=minutes)
        for n, minutes in enumerate((20, 40, 60))
    )
    Lane.objects.filter(pk=third.lane_id).update(running_cap=0)

    (warning,) = ask()[1]["warnings"]

    assert f"its lane {second.lane_id} is open" in warning


@pytest.mark.parametrize(("minutes", "warned"), [(14, False), (16, True)])
def test_what_is_scheduled_and_queued_by_nobody_is_a_warning(worker, record, minutes, warned):
    factories.move(due_for(record, minutes=minutes), status="scheduled")
    # Which a dispatcher would do whatever the lane says.
    Lane.objects.update(running_cap=0)

    status, told = ask()

    assert (status, told["checks"]) == (200, WELL)
    if warned:
        (warning,) = told["warnings"]
        assert re.search(r"A retry, or a later start, has been due for (959|96\d) s", warning)
    else:
        assert told["warnings"] == []


def test_lanes_that_let_nothing_start_do_not_hide_the_others(
    worker, acme, definition, webhook, monkeypatch
):
    monkeypatch.setattr(health, "LATE", health.LATE.replace("found < 100", "found < 1"))
    made = [factories.make_record(acme, tags={"n": str(n)}) for n in range(4)]
    Lane.objects.exclude(pk=made[-1].lane_id).update(running_cap=0)
    for record in made:
        due_for(record, hours=1)

    (warning,) = ask()[1]["warnings"]

    assert f"its lane {made[-1].lane_id} is open" in warning


def test_so_many_lanes_are_looked_at_and_no_more(worker, acme, definition, monkeypatch):
    made = [factories.make_record(acme, tags={"n": str(n)}) for n in range(3)]
    due_for(made[-1], hours=1)

    monkeypatch.setattr(health, "LATE", health.LATE.replace("seen < 10000", "seen < 2"))
    assert ask()[1]["warnings"] == []
    monkeypatch.setattr(health, "LATE", health.LATE.replace("seen < 2", "seen < 3"))
    assert len(ask()[1]["warnings"]) == 1


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_it_is_only_read(db, method):
    assert getattr(Client(), method)("/readyz").status_code == 405
