"""The column that keeps JSON as it was written: `actions.fields.ExactJSONField`."""

from __future__ import annotations

import pytest
from django.db import connection

from actions.fields import ExactJSONField
from actions.models import ActionDefinition
from tests import factories


@pytest.mark.parametrize(
    "written",
    [
        b'{"z":1,"a":{"b":1.0,"a":1e-7}}',  # order and spelling
        b'{"a": 1, "a": 2}',  # what jsonb would drop
        '{"é":"\u2028 ✓"}'.encode(),
        b'"\\u00e9"',
        b"null",
        b"18446744073709551615",
    ],
)
def test_bytes_come_back_as_they_were_written(acme, written):
    made = factories.make_definition(acme)
    made.schema = written
    made.save()

    made.refresh_from_db()

    assert made.schema == written
    assert ActionDefinition.objects.values_list("schema", flat=True).get() == written


def test_the_column_is_json_and_no_jsonb(db):
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT data_type FROM information_schema.columns"
            " WHERE table_name = 'actions_actiondefinition' AND column_name = 'schema'"
        )
        assert cursor.fetchall() == [("json",)]


@pytest.mark.parametrize(
    ("value", "held"),
    [(None, None), (b"[1]", b"[1]"), ("[1]", b"[1]"), ([1], b"[1]"), (False, b"false")],
)
def test_whatever_a_form_gives_becomes_bytes(value, held):
    assert ExactJSONField().to_python(value) == held
