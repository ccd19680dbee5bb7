"""Partitions are dropped whole once nobody needs them, while others read and write."""

from __future__ import annotations

import itertools
import threading
from datetime import timedelta

import psycopg
import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from dispatch.engine import lines
from dispatch.models import ActionEvent, ActionPayload, ActionRecord
from operations import partitions, retention
from operations.partitions import EVENTS, PAYLOADS, Partition
from orgs.models import Organization
from tests import factories
from tests.dispatch.concurrency import at_once
from tests.factories import make_over, make_record
from tests.operations.spans import set_next_id, tiny_partitions

pytestmark = pytest.mark.django_db(transaction=True)


def never():
    return False


@pytest.fixture
def first(transactional_db, monkeypatch):
    """The number of a partition that the next ten actions fill."""
    with tiny_partitions(monkeypatch) as number:
        yield number
        ActionRecord.objects.all().delete()


def fill(org, days_ago, count=10):
    """That many actions which ended so long ago."""
    made = [make_over(org, days_ago=days_ago) for _ in range(count)]
    partitions.make_missing()
    return made


def names(*found):
    return [Partition(table, number).name for table, number in found]


def drop():
    return retention.drop_partitions(never).result["dropped"]


def attached(table):
    return [one.number for one in partitions.find_all(table) if one.is_readable]


def test_what_everybody_has_kept_long_enough_is_dropped(acme, definition, first):
    fill(acme, days_ago=100)
    fill(acme, days_ago=40)
    young = fill(acme, days_ago=1, count=3)

    # Payloads are kept for thirty days, history for ninety.
    assert drop() == names((PAYLOADS, first), (PAYLOADS, first + 1), (EVENTS, first))
    assert drop() == []

    assert attached(PAYLOADS)[0] == first + 2
    assert attached(EVENTS)[0] == first + 1
    assert set(ActionPayload.objects.values_list("pk", flat=True)) == {one.pk for one in young}
    # What the narrow rows are left with, the sweep takes.
    assert ActionRecord.objects.count() == 23
    retention.delete_history(never)
    assert ActionRecord.objects.count() == 13
    assert ActionEvent.objects.count() == 26


def test_the_longest_of_all_organizations_counts(acme, globex, definition, first):
    Organization.objects.filter(pk=globex.pk).update(payload_days=50, history_days=3_000)
    fill(acme, days_ago=40)
    fill(acme, days_ago=1, count=1)
    assert drop() == []

    Organization.objects.filter(pk=globex.pk).update(payload_days=39)
    assert drop() == names((PAYLOADS, first))


@pytest.mark.parametrize("status", ["queued", "scheduled", "running", "ack_wait"])
def test_never_while_one_of_its_records_is_unfinished(acme, definition, first, status):
    made = fill(acme, days_ago=1_000)
    fill(acme, days_ago=1, count=1)
    factories.move(made[4], status=status, completed_at=None)
    assert drop() == []
    assert ActionPayload.objects.filter(pk=made[4].pk).exists()

    factories.move(made[4], status="failed", completed_at=made[3].completed_at)
    assert drop() == names((PAYLOADS, first), (EVENTS, first))


def test_never_while_one_of_its_records_ended_lately(acme, definition, first):
    made = fill(acme, days_ago=1_000)
    fill(acme, days_ago=1, count=1)
    factories.move(made[0], completed_at=timezone.now())

    assert drop() == []


def test_never_the_one_that_is_being_filled_nor_those_made_ahead(acme, definition, first):
    fill(acme, days_ago=1_000, count=5)

    assert drop() == []
    assert attached(PAYLOADS) == [first, first + 1, first + 2]
    make_record(acme)


def test_without_any_organization_nothing_is_dropped(first):
    set_next_id((first + 2) * partitions.SPAN)
    assert [one.number for one in partitions.find_full(PAYLOADS)] == [first, first + 1]

    assert drop() == []


def test_it_stops_when_it_is_told(acme, definition, first):
    fill(acme, days_ago=1_000)
    fill(acme, days_ago=1_000)
    fill(acme, days_ago=1, count=1)
    asked = iter([False, True, True])

    dropped = retention.drop_partitions(lambda: next(asked)).result["dropped"]

    assert dropped == names((PAYLOADS, first))


def test_sweeps_leave_a_partition_alone_that_will_soon_be_dropped(acme, definition, first):
    made = fill(acme, days_ago=31)
    fill(acme, days_ago=1, count=3)
    # All but the youngest are over and old enough.
    factories.move(made[-1], completed_at=timezone.now())

    assert retention.delete_payloads(never).result["deleted"] == 0

    # Once it has been held up for longer, its rows go one by one.
    at = timezone.now() - timedelta(days=33)
    ActionRecord.objects.filter(pk__in=[one.pk for one in made]).update(created_at=at)
    assert retention.delete_payloads(never).result["deleted"] == 9
    assert ActionPayload.objects.count() == 4


def test_sweeps_go_on_behind_what_is_spared(acme, globex, definition, first):
    Organization.objects.filter(pk=globex.pk).update(payload_days=40, history_days=90)
    fill(acme, days_ago=40)
    # Here the youngest is not among those that soon get too old for all.
    rest = fill(acme, days_ago=35)
    fill(acme, days_ago=1, count=1)

    report = retention.delete_payloads(never)

    assert report.result["deleted"] == len(rest)
    assert ActionPayload.objects.count() == 11


def test_intake_goes_on_while_partitions_are_dropped_and_made(acme, definition, first):
    for _ in range(3):
        fill(acme, days_ago=1_000)
    stop = threading.Event()
    accepted = []

    def work(what):
        if what == "drop":
            try:
                return [drop() for _ in range(3)]
            finally:
                stop.set()
        while not stop.is_set():
            partitions.make_missing()
            accepted.append(make_record(acme).pk)
        return None

    at_once(work, ["drop", "accept", "accept"])

    assert attached(PAYLOADS)[0] == attached(EVENTS)[0] == first + 3
    assert accepted
    assert ActionPayload.objects.filter(pk__in=accepted).count() == len(accepted)
    assert ActionEvent.objects.filter(record__in=accepted).count() == len(accepted)


def test_one_in_use_is_left_for_another_time_and_gone_on_with_then(acme, definition, first, caplog):
    made = fill(acme, days_ago=1_000)
    fill(acme, days_ago=1, count=1)
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '200ms'")

    with psycopg.connect(lines.read_conninfo()) as reading:
        # A long report, say.
        reading.execute(f"SELECT * FROM {PAYLOADS} WHERE record_id = {made[0].pk}").fetchall()
        assert drop() == []
    assert "is in use: it is dropped another time" in caplog.text
    # It is half detached by now: nobody sees what it holds.
    (half, *_) = partitions.find_all(PAYLOADS)
    assert (half.is_attached, half.is_detaching, half.is_readable) == (True, True, False)
    assert ActionPayload.objects.count() == 1
    # What can still be replayed keeps its events.
    assert first in attached(EVENTS)

    assert drop() == names((PAYLOADS, first), (EVENTS, first))
    assert attached(PAYLOADS)[0] == first + 1


def test_a_drop_that_was_broken_off_is_finished_whatever_is_kept_by_now(
    acme, definition, first, caplog
):
    made = fill(acme, days_ago=40)
    fill(acme, days_ago=40)
    fill(acme, days_ago=1, count=1)
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '200ms'")
    with psycopg.connect(lines.read_conninfo()) as reading:
        reading.execute(f"SELECT * FROM {PAYLOADS} WHERE record_id = {made[0].pk}").fetchall()
        assert drop() == []
    assert [one.is_detaching for one in partitions.find_all(PAYLOADS)[:2]] == [True, False]

    # Detaching is the point of no return: what it held is seen by nobody.
    Organization.objects.filter(pk=acme.pk).update(payload_days=60)
    assert drop() == names((PAYLOADS, first))

    # And the next one is not kept from its turn.
    Organization.objects.filter(pk=acme.pk).update(payload_days=30)
    assert drop() == names((PAYLOADS, first + 1))


def test_what_is_half_detached_comes_before_what_is_older(acme, definition, first):
    for _ in range(2):
        fill(acme, days_ago=40)
    fill(acme, days_ago=1, count=1)
    with connection.cursor() as cursor, psycopg.connect(lines.read_conninfo()) as reading:
        cursor.execute("SET lock_timeout = '200ms'")
        reading.execute(f"SELECT count(*) FROM {PAYLOADS}").fetchall()
        assert not partitions.drop(partitions.find_all(PAYLOADS)[1])

    assert drop() == names((PAYLOADS, first + 1), (PAYLOADS, first))


def test_one_that_was_detached_and_not_dropped_is_dropped(acme, definition, first):
    fill(acme, days_ago=1_000)
    fill(acme, days_ago=1, count=1)
    (gone, *_) = partitions.find_all(PAYLOADS)
    with connection.cursor() as cursor:
        cursor.execute(gone.drop_statements()[0])
    (found, *_) = partitions.find_all(PAYLOADS)
    assert (found.number, found.is_attached, found.is_readable) == (first, False, False)

    assert drop() == names((PAYLOADS, first), (EVENTS, first))


def test_what_else_goes_wrong_is_not_taken_for_a_partition_in_use(acme, definition, first):
    missing = Partition(PAYLOADS, first + 99, is_attached=False)

    with pytest.raises(Exception, match="does not exist"):
        partitions.drop(missing)
    with connection.execute_wrapper(lose_connection), pytest.raises(OperationalError):
        partitions.drop(missing)
    # Nobody is kept out by what has failed.
    assert at_once(lambda _: partitions.make_missing(), [1]) == [[]]


def lose_connection(execute, sql, params, many, context):
    if "DROP" in sql:
        raise OperationalError("the connection is lost")
    return execute(sql, params, many, context)


def test_only_one_makes_them_where_several_begin_at_once(acme, definition, first):
    fill(acme, days_ago=1, count=5)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT setval('dispatch_actionrecord_id_seq', %s)", [(first + 5) * partitions.SPAN]
        )

    made = at_once(lambda _: partitions.make_missing(), range(4))

    assert sorted(itertools.chain(*made)) == sorted(
        names(*((table, first + n) for n in (5, 6, 7) for table in (PAYLOADS, EVENTS)))
    )
