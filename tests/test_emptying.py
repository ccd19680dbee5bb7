"""What a test with transactions leaves is gone before the next one."""

import pytest
from django.db import connection
from django.test import TransactionTestCase

from dispatch.models import ActionEvent
from orgs.models import AuditEntry, Organization
from tests import emptying
from tests.stored import everything_stored

TABLES = ["dispatch_actionevent", "orgs_auditentry", "orgs_organization"]


def find_files():
    """Where the tables are kept: a TRUNCATE gives each a new file."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_relation_filenode(name) FROM unnest(%s::text[]) AS name", [TABLES[1:]]
        )
        return [file for (file,) in cursor.fetchall()]


def end_test():
    """What a test with transactions ends with."""
    TransactionTestCase._fixture_teardown(None)


@pytest.mark.django_db(transaction=True)
def test_rows_of_partitions_and_of_the_audit_go_and_those_of_other_tables_stay(record):
    before = find_files()
    emptied = {ActionEvent, AuditEntry, Organization}
    assert all(model.objects.exists() for model in emptied)

    emptying.empty(TABLES)

    assert not any(model.objects.exists() for model in emptied)
    assert type(record).objects.exists()
    assert [old == new for old, new in zip(before, find_files(), strict=True)] == [False, True]


@pytest.mark.django_db(transaction=True)
def test_a_table_that_has_grown_is_made_anew(acme, monkeypatch):
    before = find_files()
    monkeypatch.setattr(emptying, "MUCH", 0)

    end_test()

    assert not set(before) & set(find_files())


@pytest.mark.django_db(transaction=True)
def test_nothing_is_left_of_anything(record):
    end_test()

    left = {table for table, rows in everything_stored().items() if rows}
    # The queue of chores is procrastinate's.
    assert [table for table in left if not table.startswith("procrastinate")] == []
