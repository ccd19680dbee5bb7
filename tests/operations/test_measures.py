"""What has been counted and what has happened since together are what happened, always."""

from __future__ import annotations

import itertools
from collections import Counter
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config import histograms
from dispatch.models import ActionRecord
from operations import measures, minutes, retention, usage
from operations.models import Minute
from tests import factories
from tests.dispatch import plans
from tests.factories import make_record, move
from tests.operations.using import end, never, storing_slowly

HOUR, DAY = measures.WINDOWS["hour"], measures.WINDOWS["day"]
COUNTS = ("accepted", "succeeded", "failed", "canceled")


def told(org=None, window=HOUR):
    """What the page is told: {step: counts} and {step: times}, without what is nothing."""
    course = measures.read(org and org.pk, window)
    counts = {one.at: tuple(getattr(one, name) for name in COUNTS) for one in course.steps}
    times = {one.at: one.times for one in course.steps if one.times}
    return {at: row for at, row in counts.items() if any(row)}, times


def truth(org=None, window=HOUR):
    """The same from the records themselves, all of which are there."""
    first = measures.read(None, window).steps[0].at
    counts, times = {}, {}
    for record in ActionRecord.objects.filter(**{"org": org} if org else {}):
        for moment, name in (
            (record.created_at, "accepted"),
            (record.completed_at, record.status),
        ):
            if moment and moment >= first:
                counts.setdefault(floor(moment, window), Counter())[name] += 1
        ended = record.completed_at
        if record.status == "succeeded" and ended > record.created_at and ended >= first:
            began = record.created_at
            if record.attempt == 0:
                began = min(max(record.available_at, began), ended)
            bucket = histograms.bucket_of((ended - began).total_seconds() * 1_000)
            times.setdefault(floor(ended, window), Counter())[bucket] += 1
    return {at: tuple(row[name] for name in COUNTS) for at, row in counts.items()}, times


def floor(moment, window):
    over = moment.timestamp() % window.step.total_seconds()
    return moment.replace(microsecond=0) - timedelta(seconds=int(over))


def ago(**span):
    return timezone.now() - timedelta(**span)


def test_what_is_not_counted_is_read_live(acme, globex, definition):
    factories.make_definition(globex, "other", factories.make_destination(globex))
    made = [make_record(acme) for _ in range(4)]
    make_record(globex, "other")
    end(made[0])
    end(made[1], "failed")

    counts, _ = told(acme)
    assert sum(row[0] for row in counts.values()) == 4
    assert told() == truth()
    assert told(acme) == truth(acme)
    assert told(globex) == truth(globex)
    assert not Minute.objects.exists()


def test_what_is_counted_stays_what_it_was(acme, globex, definition):
    made = [move(make_record(acme), created_at=ago(minutes=n)) for n in range(5)]
    for record in made[:3]:
        end(record)
    before = told(), told(acme), told(None, DAY)

    for _ in range(2):
        usage.roll_up(never)
        assert (told(), told(acme), told(None, DAY)) == before
    assert told(globex) == ({}, {})
    assert Minute.objects.filter(org=None).exists()


def test_what_ends_after_it_was_counted_as_accepted_is_read_live(acme, record):
    usage.roll_up(never)
    move(record, created_at=ago(seconds=20), available_at=ago(seconds=20))
    end(record)

    assert told(acme)[1] == truth(acme)[1] != {}
    usage.roll_up(never)
    assert told(acme)[1] == truth(acme)[1]


def test_a_sink_takes_no_time_and_a_later_start_is_not_waited_for(acme):
    factories.make_definition(acme, "sunk")
    make_record(acme, "sunk")
    factories.make_definition(acme, "late", factories.make_destination(acme))
    # By the database's clock, which stands still in a transaction, as they end by it.
    due = Now() - timedelta(seconds=3)
    late = move(make_record(acme, "late"), created_at=ago(hours=2), available_at=due)
    end(late)
    again = move(make_record(acme, "late"), created_at=Now() - timedelta(seconds=60), attempt=1)
    end(again)

    total = measures.read(acme.pk, DAY).total

    assert (total.succeeded, sum(total.times.values())) == (3, 2)
    assert total.percentile(0.5) == pytest.approx(3_000, rel=0.1)
    assert total.percentile(0.95) == pytest.approx(60_000, rel=0.1)


def test_steps_are_without_gaps_and_end_with_the_present_one(acme):
    for window, number in ((HOUR, 60), (DAY, 96)):
        course = measures.read(acme.pk, window)
        gaps = {later.at - one.at for one, later in itertools.pairwise(course.steps)}
        assert (len(course.steps), gaps) == (number, {window.step})
        assert course.steps[-1].at <= course.now < course.steps[-1].at + window.step


def test_more_than_can_be_looked_through_is_told_of(acme, definition, monkeypatch):
    monkeypatch.setattr(measures, "READ_ALL", measures.READ_ALL.replace("10000", "2"))
    monkeypatch.setattr(measures, "READ_ALL", measures.READ_ALL.replace("LIMIT 10001", "LIMIT 3"))
    make_record(acme)
    assert not measures.read(None, HOUR).is_behind
    for _ in range(3):
        make_record(acme)
    assert measures.read(None, HOUR).is_behind


def test_a_worker_that_does_not_count_is_told_of(acme, record):
    assert measures.read(None, HOUR).is_late
    usage.roll_up(never)
    course = measures.read(None, HOUR)
    assert not course.is_late
    assert measures.Course(HOUR, course.steps, ago(minutes=-4), course.as_of, False).is_late


def test_what_is_imported_from_long_ago_is_in_no_minute(acme, record):
    move(record, created_at=ago(days=4))
    usage.roll_up(never)
    end(record)
    move(record, completed_at=ago(days=4))
    usage.roll_up(never)
    assert not Minute.objects.exists()


def test_what_no_hour_is_read_of_any_more_is_in_quarters_of_an_hour_only(acme, record):
    move(record, created_at=ago(hours=5))
    end(record, "failed")
    move(record, completed_at=ago(hours=4))

    usage.roll_up(never)

    assert set(Minute.objects.values_list("length", flat=True)) == {15}
    assert told(acme, DAY) == truth(acme, DAY)


def test_minutes_go_after_hours_and_quarters_of_an_hour_after_days(acme):
    for length, old, young in (
        (1, ago(minutes=181), ago(minutes=179)),
        (15, ago(hours=49), ago(hours=47)),
    ):
        Minute.objects.create(length=length, minute=old, org=acme)
        Minute.objects.create(length=length, minute=young)

    assert measures.delete_old(never).result["minutes"] == 2
    assert set(Minute.objects.values_list("length", "org")) == {(1, None), (15, None)}


def test_old_minutes_go_batch_by_batch(acme, monkeypatch):
    monkeypatch.setattr(minutes, "DELETE", minutes.DELETE.replace("10000", "2"))
    for length in (1, 15):
        for days in (5, 6, 7):
            Minute.objects.create(length=length, minute=ago(days=days), org=acme)

    with CaptureQueriesContext(connection) as queries:
        assert measures.delete_old(never).result["minutes"] == 6
    assert sum("operations_minute" in one["sql"] for one in queries) == 4


@pytest.mark.parametrize("is_stopped", [True, False])
def test_deleting_ends_when_it_is_told_or_its_time_is_over(acme, monkeypatch, is_stopped):
    monkeypatch.setattr(measures, "RUN_SECONDS", 60.0 if is_stopped else -1.0)
    Minute.objects.create(minute=ago(days=5), org=acme)

    report = measures.delete_old(lambda: is_stopped)

    assert report.result == {"minutes": 0, "lane_samples": 0, "soundings": 0}


def test_old_minutes_are_found_by_their_age_and_young_ones_by_whose_they_are(acme):
    """With many that are young, of the same minutes."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orgs_organization SELECT (jsonb_populate_record(o, jsonb_build_object("
            "'id', o.id + n, 'name', n, 'slug', n, 'tenant_id', gen_random_uuid()))).* "
            "FROM orgs_organization o, generate_series(1, 100) n WHERE o.id = %s",
            [acme.pk],
        )
        cursor.execute(
            "INSERT INTO operations_minute (org_id, length, minute, accepted, succeeded, failed, "
            "canceled, times) SELECT o.id, 1, now() - n * interval '1 minute', 1, 0, 0, 0, '{}' "
            "FROM orgs_organization o, generate_series(1, 190) n"
        )
        cursor.execute("ANALYZE operations_minute")
    deleting = plans.read(minutes.DELETE)
    asked = {"step": HOUR.step, "span": HOUR.span, "length": 1, "org": acme.pk}
    reading = plans.read(measures.READ_ONE, asked)

    assert deleting.indexes("operations_minute") == {"minute_age", "operations_minute_pkey"}
    assert reading.indexes("operations_minute") == {"minute_once"}


@pytest.mark.django_db(transaction=True)
def test_what_is_committed_late_is_missing_nowhere(acme, definition):
    """Its id was taken, and its row has the time, from before others that are counted."""
    make_record(acme)
    with storing_slowly(acme) as slow:
        make_record(acme)
        usage.roll_up(slow.is_alive)
        assert told() == truth()
    assert told() == truth()
    usage.roll_up(never)
    assert told() == truth()
    assert sum(row[0] for row in told()[0].values()) == 3


HISTORY = st.lists(
    st.tuples(
        st.sampled_from(["accept", "accept", "end", "end", "count", "half", "undo"]),
        st.integers(0, 1_000),
    ),
    max_size=30,
)


@given(history=HISTORY)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.django_db
def test_any_history_is_told_exactly(acme, globex, definition, short_slices, history):
    """Whatever is counted when, half of it, twice, or undone because its worker was killed."""
    factories.make_definition(globex, "count", factories.make_destination(globex))
    with transaction.atomic():
        for what, number in history:
            play(what, number, (acme, globex))
            assert told() == truth()
        for org in (acme, globex):
            assert told(org) == truth(org)
            assert told(org, DAY) == truth(org, DAY)
        transaction.set_rollback(True)


def play(what, number, orgs):
    if what == "accept":
        move(make_record(orgs[number % 2]), created_at=ago(minutes=number % 90 + 1))
    elif what == "end":
        unfinished = ActionRecord.objects.filter(completed_at=None).order_by("pk")
        if unfinished:
            record = unfinished[number % len(unfinished)]
            status = ("succeeded", "failed", "canceled")[number % 3]
            completed = max(record.created_at, ago(minutes=number % 70))
            move(record, status=status, completed_at=completed, attempt=number % 2)
    elif what == "count":
        usage.roll_up(never)
    elif what == "half":
        calls = iter([False] * (number % 3))
        usage.roll_up(lambda: next(calls, True))
    else:
        with transaction.atomic():
            usage.roll_up(never)
            transaction.set_rollback(True)


def test_it_is_one_query(acme, record, django_assert_num_queries):
    usage.roll_up(never)
    with django_assert_num_queries(1):
        measures.read(acme.pk, DAY)


def test_what_is_deleted_before_it_was_counted_as_over_is_counted(acme, record):
    usage.roll_up(never)
    acme.history_days = acme.payload_days = 1
    acme.save()
    move(record, status="failed", completed_at=ago(hours=25), created_at=ago(hours=26))

    retention.delete_history(never)

    assert not ActionRecord.objects.exists()
    for org in (acme, None):
        assert sum(Minute.objects.filter(org=org).values_list("failed", flat=True)) == 1
