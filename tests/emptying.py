"""Tables as they were before a test whose transactions are not undone."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import connection, transaction

# What is only emptied as a whole: its triggers let nobody delete a row.
AUDIT = "orgs_auditentry"
# From so many bytes on, a table is made anew: neither many rows nor dead ones slow what follows.
MUCH = 500_000
# A partition is emptied with what it is a part of.
SIZES = """
SELECT one.oid::regclass::text, pg_relation_size(one.oid)
FROM pg_class AS one LEFT JOIN pg_inherits ON inhrelid = one.oid
WHERE coalesce(inhparent, one.oid) = ANY(%s::text[]::regclass[]) AND pg_relation_size(one.oid) > 0
"""


def empty(tables: Sequence[str]) -> None:
    """Nothing is left in these tables, nor of what somebody else was still writing into them.

    Where there is little, its rows are deleted: a TRUNCATE of all makes hundreds of files anew.
    """
    every = ", ".join(tables)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"LOCK TABLE {every} IN ACCESS EXCLUSIVE MODE")
        cursor.execute(SIZES, [[*tables]])
        sizes = dict(cursor.fetchall())
        if max(sizes.values(), default=0) > MUCH:
            cursor.execute(f"TRUNCATE {every}")
            return
        if sizes.pop(AUDIT, 0):
            cursor.execute(f"TRUNCATE {AUDIT}")
        # No trigger is asked, those of foreign keys neither: all rows go.
        cursor.execute("SET LOCAL session_replication_role = replica")
        for name in sizes:
            cursor.execute(f"DELETE FROM {name}")
