"""`manage.py import_records` of CSV."""

from __future__ import annotations

import json

import pytest

from config.commands import Exit
from dispatch.models import ActionRecord
from operations.imports import batches, lines
from operations.models import RecordImport
from tests import factories
from tests.operations.imports.conftest import stored

pytestmark = pytest.mark.django_db(transaction=True)
SCHEMA = {
    "type": "object",
    "required": ["order"],
    "properties": {
        "order": {"type": "integer"},
        "note": {"type": "string"},
        "lines": {"type": "array"},
        "customer": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
    "additionalProperties": False,
}


@pytest.fixture(autouse=True)
def _order(acme, webhook):
    factories.make_definition(acme, "order", to=webhook, schema=SCHEMA)


@pytest.fixture
def load(run, make_file):
    """Imports a table of orders."""

    def load(content, *arguments, name="orders.csv"):
        return run(make_file(content, name), "--variant=order", *arguments)

    return load


def test_rows_become_actions_with_quotes_line_breaks_and_a_byte_order_mark(load):
    ended = load(
        b"\xef\xbb\xbforder,note,customer.city,lines\r\n"
        b'1,"says ""hi"",\r\nand more",R\xc3\xb6m,"[{""sku"": ""A""}]"\r\n'
        b"\r\n"
        b"2,,,\r\n"
    )

    assert ended.code == Exit.DONE
    assert stored() == [
        {
            "order": 1,
            "note": 'says "hi",\r\nand more',
            "customer": {"city": "Röm"},
            "lines": [{"sku": "A"}],
        },
        {"order": 2},
    ]
    assert RecordImport.objects.get().line == 5


def test_columns_are_mapped_left_out_and_made_into_tags(load):
    ended = load(
        b"No;Shop;Remark\n1;Rome;x\n2;;y\n",
        "--map=No=/order",
        "--tag=shop=Shop",
        "--ignore=Remark",
        "--delimiter=;",
    )

    assert ended.code == Exit.DONE
    assert stored() == [{"order": 1}, {"order": 2}]
    tags = ActionRecord.objects.order_by("id").values_list("tags", flat=True)
    assert list(tags) == [{"shop": "Rome"}, {}]


@pytest.mark.parametrize(
    ("content", "arguments", "name"),
    [
        (b"order\tnote\n1\tx\n", [], "orders.tsv"),
        (b"order\tnote\n1\tx\n", ["--delimiter=tab"], "orders.csv"),
        (b"1,x\n", ["--columns=order,note"], "orders.csv"),
        (b"order,note\n1,x\n", ["--format=csv"], "orders"),
    ],
)
def test_what_is_between_the_cells_and_above_them_can_be_said(content, arguments, name, load):
    assert load(content, *arguments, name=name).code == Exit.DONE
    assert stored() == [{"order": 1, "note": "x"}]


def test_bad_rows_are_refused_each_by_itself(load):
    good = b"1,x\n"
    ended = load(
        b"order,note\n"
        + good
        + b"x,y\n"  # 3: no integer
        + b"1\n"  # 4: too few cells
        + b"1,2,3\n"  # 5: too many
        + b"1,\xff\n"  # 6: not UTF-8
        + b"1,a\0b\n"  # 7: NUL
        + b'1,"a"b\n'  # 8: after a quote
        + b",y\n"  # 9: what the contract requires is empty
        + b"1,a\rb\n"  # 10: a line end of its own kind
        + good
        + b'1,"never ended\n'  # 12
        + good
    )

    assert ended.code == Exit.PARTLY
    told = [(one["line"], one["errors"][0]["code"]) for one in ended.refused]
    assert told == [
        (3, "INVALID_CELL"),
        (4, "MALFORMED_CSV"),
        (5, "MALFORMED_CSV"),
        (6, "NOT_UTF_8"),
        (7, "MALFORMED_CSV"),
        (8, "MALFORMED_CSV"),
        (9, "INVALID_INPUT"),
        (10, "MALFORMED_CSV"),
        (12, "MALFORMED_CSV"),
    ]
    assert ended.refused[0]["text"] == "x,y"
    assert len(stored()) == 2


def test_a_quote_that_nothing_ends_costs_no_more_than_an_action(load, monkeypatch):
    most = lines.MAX_LINE
    rest = b"2,x\n" * (most // 4 + 10)
    ended = load(b'order,note\n1,"x\n' + rest, "--dry-run", "--json")

    assert ended.refused[0]["line"] == 2
    assert ended.refused[0]["errors"][0]["code"] == "TOO_LARGE"
    # After as much as an action may have, it goes on with the next line.
    assert json.loads(ended.out)["would_refuse"] == 1
    assert 5 < json.loads(ended.out)["would_store"] < 20


def test_a_row_that_is_too_long_or_too_deep_is_refused(load):
    most = lines.MAX_LINE
    deep = b"[" * 62 + b"]" * 62
    ended = load(
        b"order,note,lines\n1," + b"x" * (2 * most) + b",\n"
        # Its quotes take more room in JSON.
        + b"2," + b"\t" * (most - 10) + b",\n"
        + b"3,," + deep + b"\n4,,[" + deep + b"]\n5,,\n"
    )  # fmt: skip

    assert [(one["line"], one["errors"][0]["code"]) for one in ended.refused] == [
        (2, "TOO_LARGE"),
        (3, "TOO_LARGE"),
        (5, "MALFORMED_JSON"),
    ]
    assert [one["order"] for one in stored()] == [3, 5]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"order,order\n1,2\n", "Column 2: 'order' is there twice."),
        (b"order,nothing\n1,2\n", "Column 2 ('nothing'): The contract has no such property"),
        # No header: its first row is taken for one.
        (b"1,x\n2,y\n", "Column 1 ('1'): The contract has no such property"),
        (b"order,\xff\n1,x\n", "The header: The line is not UTF-8."),
        (b"x" * (lines.MAX_LINE + 1), "The header: The line is longer than"),
    ],
)
def test_a_wrong_header_is_refused_before_anything_is_begun(content, words, load):
    ended = load(content)

    assert ended.code == Exit.REFUSED
    assert words in ended.err
    assert not RecordImport.objects.exists()


def test_a_table_without_rows_or_of_nothing_is_done(load):
    assert load(b"order,note\n").code == Exit.DONE
    assert load(b"", name="empty.csv").code == Exit.DONE


def test_ten_thousand_columns_are_refused_in_few_words(load):
    header = ",".join(f"c{number}" for number in range(10_000))
    ended = load(header.encode() + b"\n")

    assert ended.code == Exit.REFUSED
    assert len(ended.err.splitlines()) == 50


def test_all_rows_are_read_by_the_version_that_was_the_newest(load, acme, webhook, monkeypatch):
    """One that is published meanwhile would be another contract than the cells are read by."""
    monkeypatch.setattr(lines, "MOST_ITEMS", 2)
    store = batches.store_batch

    def store_and_publish(*arguments):
        schema = SCHEMA | {"properties": {"order": {"type": "string"}}}
        factories.make_definition(acme, "order", to=webhook, schema=schema)
        return store(*arguments)

    monkeypatch.setattr(batches, "store_batch", store_and_publish)
    ended = load(b"order\n" + b"1\n" * 6)

    assert ended.code == Exit.DONE
    assert {record.definition.version for record in ActionRecord.objects.all()} == {1}


def test_a_table_goes_on_after_a_whole_row(load, monkeypatch, tmp_path):
    monkeypatch.setattr(lines, "MOST_ITEMS", 2)
    rows = b"".join(b'%d,"a\nb"\n' % number for number in range(5))
    content = b"order,note\n" + rows + b"x,\n"

    assert load(content, "--rejects=/dev/full").code == Exit.UNABLE
    assert len(stored()) == 4
    ended = load(content, f"--rejects={tmp_path}/refused.jsonl")
    assert ended.code == Exit.PARTLY
    assert "It went on after line 9." in ended.out
    assert [one["order"] for one in stored()] == [0, 1, 2, 3, 4]
