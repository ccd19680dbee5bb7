"""What organizations use is counted exactly: each action once, on the days it came and ended."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from dispatch.models import ActionPayload, ActionRecord
from operations import retention, usage
from operations.models import COUNTS, UsageProgress, UsageSlice, VersionUsage
from tests import factories
from tests.factories import make_over, make_record, move
from tests.operations.using import TODAY, counted, days_ago, end, from_records, never


def test_each_action_is_counted_when_it_comes_and_when_it_ends(acme, globex, definition):
    factories.make_definition(globex, "other", factories.make_destination(globex))
    made = [make_record(acme) for _ in range(5)]
    make_record(globex, "other")
    end(made[0])
    end(made[1], "failed")
    end(made[2], "canceled")

    report = usage.roll_up(never)

    assert counted() == from_records() == {
        (acme.pk, "count", TODAY): (5, 1, 1, 1, 5 * len('{"n":1}')),
        (globex.pk, "other", TODAY): (1, 0, 0, 0, len('{"n":1}')),
    }  # fmt: skip
    assert report.trouble == ""
    assert report.result["last_id"] >= made[-1].pk


def test_counting_again_changes_nothing_and_adds_what_is_new(acme, record):
    for _ in range(3):
        usage.roll_up(never)
        assert counted() == from_records()

    end(record)
    make_record(acme)
    for _ in range(2):
        usage.roll_up(never)
        assert counted() == from_records()


def test_what_came_yesterday_and_ends_today_is_counted_on_both_days(acme, record):
    move(record, created_at=days_ago(1))
    usage.roll_up(never)
    end(record)
    usage.roll_up(never)

    yesterday = TODAY - timedelta(days=1)
    size = len('{"n":1}')
    assert counted() == {
        (acme.pk, "count", yesterday): (1, 0, 0, 0, size),
        (acme.pk, "count", TODAY): (0, 1, 0, 0, 0),
    }


def test_a_sink_and_a_replay_count_like_any_other(acme):
    factories.make_definition(acme)
    sunk = make_record(acme)
    usage.roll_up(never)

    assert counted() == {(acme.pk, "count", TODAY): (1, 1, 0, 0, 7)}
    assert sunk.status == "succeeded"


def test_versions_of_a_variant_are_counted_together(acme, webhook):
    factories.make_definition(acme, to=webhook)
    make_record(acme)
    factories.make_definition(acme, schema=True)
    make_record(acme, input="ß")
    usage.roll_up(never)

    # Bytes, not characters.
    assert counted() == {(acme.pk, "count", TODAY): (2, 0, 0, 0, 7 + 4)}


def test_versions_of_a_variant_are_told_apart_as_well(acme, webhook):
    factories.make_definition(acme, to=webhook)
    ended, _ = make_record(acme), make_record(acme)
    factories.make_definition(acme, schema=True)
    make_record(acme, input="ß")
    usage.roll_up(never)
    end(ended, "failed")
    usage.roll_up(never)

    rows = VersionUsage.objects.order_by("version").values_list("version", "day", *COUNTS)
    assert list(rows) == [(1, TODAY, 2, 0, 1, 0, 14), (2, TODAY, 1, 0, 0, 0, 4)]
    assert counted() == from_records()


def test_what_is_over_is_looked_at_no_more(acme, definition, short_slices):
    made = [make_record(acme) for _ in range(12)]
    usage.roll_up(never)
    for record in made[:-5]:
        end(record)
    usage.roll_up(never)

    assert kept() == [record.pk for record in made[-5:]]
    for record in made[-5:]:
        end(record)
    usage.roll_up(never)
    assert counted() == from_records()
    assert not UsageSlice.objects.exists()


def test_what_is_counted_as_over_is_not_read_again(acme, definition, short_slices):
    made = [make_record(acme) for _ in range(10)]
    for record in made[::2]:
        end(record)
    usage.roll_up(never)
    before = counted()
    for record in made[::2]:
        move(record, completed_at=days_ago(1))
    usage.roll_up(never)

    assert counted() == before
    assert kept() == [record.pk for record in made[1::2]]


def kept():
    """The ids of the actions that are not counted as over."""
    slices = UsageSlice.objects.values_list("unfinished", flat=True)
    return [record_id for each in slices for record_id in each]


def stopping(after):
    """Whether to stop, as somebody says who is asked so often before."""
    answers = iter([False] * after)
    return lambda: next(answers, True)


def test_a_run_that_is_stopped_is_gone_on_with(acme, definition, short_slices):
    made = [make_record(acme) for _ in range(20)]
    usage.roll_up(never)
    for record in made[::2]:
        end(record)
    positions = []
    while not positions or positions[-1]:
        # One step, of two slices.
        usage.roll_up(stopping(after=1))
        positions.append(UsageProgress.objects.get().next_slice)

    assert len(positions) > 2
    assert positions[:-1] == sorted(set(positions[:-1]))
    assert counted() == from_records()


def test_a_round_says_when_it_began_however_many_runs_it_takes(
    acme, definition, short_slices, monkeypatch
):
    for _ in range(20):
        make_record(acme)
    moments = [days_ago(9 - number) for number in range(9)]
    clock = iter(moments)
    monkeypatch.setattr(usage, "_read_clock", lambda: next(clock))
    usage.roll_up(never)
    assert UsageProgress.objects.get().as_of == moments[0]

    usage.roll_up(stopping(after=1))
    while UsageProgress.objects.get().next_slice:
        assert UsageProgress.objects.get().as_of == moments[0]
        usage.roll_up(stopping(after=1))

    assert UsageProgress.objects.get().as_of == moments[1]
    assert next(clock) > moments[2]


def test_a_round_in_which_not_all_is_counted_as_accepted_says_nothing(acme, record, monkeypatch):
    usage.roll_up(never)
    before = UsageProgress.objects.get().as_of
    end(record)
    monkeypatch.setattr(usage, "_find_horizon", lambda stop: None)

    report = usage.roll_up(never)

    assert report.trouble == usage.NOBODY_ENDS
    assert counted() == from_records()
    assert UsageProgress.objects.get().as_of == before


def test_a_step_that_fails_leaves_no_half_of_it(acme, record, monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError

    with monkeypatch.context() as broken:
        broken.setattr(UsageProgress, "save", fail)
        with pytest.raises(ZeroDivisionError):
            usage.roll_up(never)
    assert counted() == {}
    usage.roll_up(never)
    end(record)
    with monkeypatch.context() as broken:
        broken.setattr(UsageProgress, "save", fail)
        with pytest.raises(ZeroDivisionError):
            usage.roll_up(never)
    usage.roll_up(never)
    assert counted() == from_records()


def test_gaps_in_the_ids_cost_nothing(acme, definition):
    make_record(acme)
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('dispatch_actionrecord_id_seq')")
        (newest,) = cursor.fetchone()
        try:
            cursor.execute("SELECT setval('dispatch_actionrecord_id_seq', 1900000000, true)")
            with CaptureQueriesContext(connection) as queries:
                usage.roll_up(never)
        finally:
            cursor.execute("SELECT setval('dispatch_actionrecord_id_seq', %s, true)", [newest])

    assert counted() == from_records()
    assert len(queries) < 50
    assert usage.find_counted() == 1_900_000_000


def test_before_the_first_action_there_is_nothing_to_count(db):
    """The first id is not passed over before it is given out."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_value, is_called FROM dispatch_actionrecord_id_seq")
        before = cursor.fetchone()
        try:
            cursor.execute("SELECT setval('dispatch_actionrecord_id_seq', 50000, false)")
            usage.roll_up(never)
        finally:
            cursor.execute("SELECT setval('dispatch_actionrecord_id_seq', %s, %s)", before)

    assert usage.find_counted() == 49_999
    assert counted() == {}


@pytest.mark.parametrize("with_roll_up", [True, False])
def test_what_is_deleted_stays_counted(acme, definition, short_slices, with_roll_up):
    """Whether it was counted before, and also in a slice that has something unfinished."""
    for number in range(30):
        if number % 7 == 0:
            move(make_record(acme), created_at=days_ago(200))
        else:
            make_over(acme, ("succeeded", "failed", "canceled")[number % 3], days_ago=100 + number)
    expected = from_records()
    if with_roll_up:
        usage.roll_up(never)

    retention.delete_payloads(never)
    retention.delete_history(never)

    assert ActionRecord.objects.count() == 5
    assert ActionPayload.objects.count() == 5
    usage.roll_up(never)
    assert counted() == expected
    # What was left is counted when it ends.
    for record in ActionRecord.objects.all():
        end(record)
    usage.roll_up(never)
    assert sum(row[1] for row in counted().values()) == sum(r[1] for r in expected.values()) + 5


def test_what_is_not_counted_is_not_deleted(acme, definition, monkeypatch):
    make_over(acme, days_ago=100)
    monkeypatch.setattr(usage, "_find_horizon", lambda stop: None)

    retention.delete_payloads(never)
    retention.delete_history(never)
    dropped = retention.drop_partitions(never)

    assert ActionRecord.objects.count() == ActionPayload.objects.count() == 1
    assert dropped.result == {"dropped": []}
