"""Partitions of payloads and events: made ahead of the record ids, while intake goes on."""

import psycopg
import pytest
from django.db import connection

from dispatch.engine import lines
from dispatch.models import ActionEvent, ActionPayload, ActionRecord
from operations import partitions
from operations.partitions import AHEAD, SPAN, TABLES, Partition
from tests import factories
from tests.operations.spans import at_record, look, rows_of

PAYLOAD, EVENT = TABLES
FROM_THE_START = [f"{table}_p0000{number}" for number in (0, 1) for table in TABLES]


def numbers(newest, existing):
    return [(p.table, p.number) for p in partitions.find_missing(newest, existing)]


@pytest.mark.parametrize(
    ("newest", "missing"),
    [
        # two ahead of the newest record's own
        (1, [2]),
        (SPAN - 1, [2]),
        (SPAN, [2, 3]),
        (2 * SPAN - 1, [2, 3]),
        # behind: its own comes first
        (5 * SPAN, [5, 6, 7]),
    ],
)
def test_the_partitions_to_come_are_found(newest, missing):
    expected = [(table, number) for number in missing for table in TABLES]

    assert numbers(newest, FROM_THE_START) == expected


def test_what_exists_is_not_made_again():
    existing = [f"{table}_p0000{number}" for number in range(AHEAD + 1) for table in TABLES]

    assert numbers(1, existing) == []
    assert numbers(1, existing[1:]) == [(PAYLOAD, 0)]


def test_the_database_tells_what_there_is(acme, definition):
    record = factories.make_record(acme)
    newest, existing = look()

    assert newest == record.pk
    assert set(FROM_THE_START) <= set(existing)


@pytest.mark.django_db(transaction=True)
def test_partitions_are_made_while_rows_exist_and_no_row_is_lost(acme, definition):
    records = [factories.make_record(acme) for _ in range(3)]
    with at_record(2 * SPAN - 2):
        partitions.make_missing()
        # Once more changes nothing.
        partitions.make_missing()
        newest, existing = look()
        assert partitions.find_missing(newest, existing) == []
        # Four records across the boundary.
        records += [factories.make_record(acme, input={"n": n}) for n in range(4)]

        assert [record.pk for record in records[3:]] == [2 * SPAN + n for n in (-2, -1, 0, 1)]
        assert ActionPayload.objects.count() == ActionEvent.objects.count() == 7
        assert rows_of(Partition(PAYLOAD, 2)) == rows_of(Partition(EVENT, 2)) == 2
        stored = ActionPayload.objects.in_bulk([record.pk for record in records[3:]])
        assert [stored[r.pk].input for r in records[3:]] == [b'{"n":%d}' % n for n in range(4)]
        ActionRecord.objects.all().delete()


@pytest.mark.django_db(transaction=True)
def test_a_partition_made_later_is_like_those_from_the_start(acme, definition):
    with at_record(2 * SPAN):
        partitions.make_missing()
        for table in TABLES:
            first, later = Partition(table, 0), Partition(table, 3)
            assert describe(later) == describe(first)


def describe(partition):
    """The columns with defaults, and the indexes, of a partition."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT column_name, data_type, is_nullable, column_default "
            "FROM information_schema.columns WHERE table_name = %s ORDER BY ordinal_position",
            [partition.name],
        )
        columns = cursor.fetchall()
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE tablename = %s", [partition.name])
        indexes = sorted(row[0].replace(partition.name, "") for row in cursor.fetchall())
    return columns, indexes


@pytest.mark.django_db(transaction=True)
def test_intake_goes_on_while_a_partition_is_made(acme, definition):
    with at_record(SPAN + 1), psycopg.connect(lines.read_conninfo()) as accepting:
        # A statement that has written and not committed yet.
        accepting.execute(f"INSERT INTO {PAYLOAD} (record_id, input) VALUES ({SPAN}, '1'::json)")
        partitions.make_missing()
        accepting.rollback()
    factories.make_record(acme)


def test_no_default_partition_and_no_foreign_key_stand_in_the_way(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT partdefid FROM pg_partitioned_table WHERE partrelid = ANY(%s::regclass[])",
            [list(TABLES)],
        )
        assert cursor.fetchall() == [(0,), (0,)]
        cursor.execute(
            "SELECT conname FROM pg_constraint WHERE contype = 'f' AND "
            "(conrelid = ANY(%s::regclass[]) OR confrelid = ANY(%s::regclass[]))",
            [list(TABLES), list(TABLES)],
        )
        assert cursor.fetchall() == []
