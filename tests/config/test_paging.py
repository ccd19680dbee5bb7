"""Lists, as every one of them reads its query: `take`, `skip`, `search`, `count_only`.

The list of keys stands for all: it is the one that needs no other rows.
"""

from __future__ import annotations

from urllib.parse import urlencode

import orjson
import pytest

from config import paging
from tests import factories
from tests.client import codes


@pytest.fixture
def keys(api, acme):
    """Acme's keys by id, as text: the test's own and four more."""
    for number in range(4):
        factories.make_key(acme, description=f"key {number}")
    return [str(key.pk) for key in acme.keys.order_by("id")]


def ask(api, **query):
    return api.get(f"~/keys?{urlencode(query)}")


def search(api, *asked):
    """The descriptions that one search finds."""
    field, op, value = asked
    text = orjson.dumps({"field": field, "op": op, "value": value})
    return [item["description"] for item in api.data(ask(api, search=text))["items"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        # Without a word: the first twenty.
        ({}, slice(0, 20)),
        # The bounds of take.
        ({"take": 1}, slice(0, 1)),
        ({"take": 50}, slice(0, 50)),
        # A page in the middle.
        ({"take": 2, "skip": 1}, slice(1, 3)),
        # Behind the end, and as far behind it as PostgreSQL can count.
        ({"skip": 5}, slice(5, 5)),
        ({"skip": 2**63 - 1}, slice(5, 5)),
        # The count alone.
        ({"count_only": "true"}, slice(0, 0)),
        ({"count_only": "1", "take": 3}, slice(0, 0)),
        # Said, but no.
        ({"count_only": "False"}, slice(0, 20)),
    ],
)
def test_a_page_holds_the_rows_asked_for_and_counts_all(api, keys, query, expected):
    page = api.data(ask(api, **query))

    assert [item["id"] for item in page["items"]] == keys[expected]
    assert page["count"] == 5
    assert "count_exact" not in page


@pytest.mark.parametrize(
    "query",
    [
        # Beyond the bounds.
        {"take": 0},
        {"take": 51},
        {"skip": -1},
        {"skip": 2**63},
        # Leading zeros hide nothing.
        {"skip": "0" * 20 + "9" * 30},
        {"skip": "9" * 5000},
        # No whole numbers, one of them in Arabic digits.
        {"take": "ten"},
        {"take": "1.0"},
        {"take": "٣"},
        {"take": ""},
        # No flag.
        {"count_only": "yes"},
        # No JSON, and JSON that is no filter.
        {"search": "description"},
        {"search": "[]"},
        {"search": "null"},
        {"search": '{"field": "description"}'},
        {"search": '{"op": "eq", "value": "x"}'},
        {"search": '{"field": "description", "op": "eq"}'},
        {"search": '{"field": [], "op": "eq", "value": "x"}'},
        {"search": '{"field": "description", "op": {}, "value": "x"}'},
        # A column that is not offered.
        {"search": '{"field": "hash", "op": "eq", "value": "x"}'},
        {"search": '{"field": "member__user__password", "op": "contains", "value": "x"}'},
        # An operator that there is not.
        {"search": '{"field": "description", "op": "regex", "value": "x"}'},
        # Values that do not fit the operator,
        {"search": '{"field": "id", "op": "in", "value": 1}'},
        {"search": '{"field": "id", "op": "eq", "value": [1]}'},
        {"search": '{"field": "id", "op": "eq", "value": {}}'},
        {"search": '{"field": "id", "op": "eq", "value": null}'},
        # or the field.
        {"search": '{"field": "id", "op": "gt", "value": "one"}'},
        {"search": '{"field": "id", "op": "in", "value": [1, [2]]}'},
        {"search": '{"field": "id", "op": "in", "value": [1, {}]}'},
        # What no text can hold.
        {"search": r'{"field": "description", "op": "eq", "value": "\u0000"}'},
        {"search": r'{"field": "description", "op": "eq", "value": "\ud800"}'},
    ],
)
def test_a_query_that_makes_no_sense_is_refused(api, query):
    answer = ask(api, **query)

    assert answer.status_code == 400
    assert codes(answer) == [("INVALID_PARAMETER", f"/{next(iter(query))}")]


@pytest.mark.parametrize(
    ("op", "value", "found"),
    [
        ("eq", "key 1", ["key 1"]),
        ("ne", "key 1", ["key 0", "key 2", "key 3", "test key"]),
        # Anywhere, in either case.
        ("contains", "EY 2", ["key 2"]),
        # A pattern's own characters are text.
        ("contains", "%", []),
        ("gt", "key 2", ["key 3", "test key"]),
        ("gte", "key 2", ["key 2", "key 3", "test key"]),
        ("lt", "key 1", ["key 0"]),
        ("lte", "key 1", ["key 0", "key 1"]),
        ("in", ["key 0", "key 3", "none"], ["key 0", "key 3"]),
        # None of none.
        ("in", [], []),
        # A number is compared as its text.
        ("eq", 1, []),
    ],
)
def test_search_compares_a_text(api, keys, op, value, found):
    assert sorted(search(api, "description", op, value)) == found


@pytest.mark.parametrize(
    ("op", "value", "found"),
    [
        # An id may be written as the number or as the text that the API shows.
        ("eq", 1, 1),
        ("eq", "1", 1),
        ("ne", 1, 4),
        ("gt", 1, 3),
        ("gte", 1, 4),
        ("lt", 1, 1),
        ("in", [0, 1], 2),
    ],
)
def test_search_compares_an_id(api, keys, op, value, found):
    def key_id(index):
        return type(index)(keys[int(index)])

    wanted = [key_id(index) for index in value] if isinstance(value, list) else key_id(value)

    assert len(search(api, "id", op, wanted)) == found


@pytest.mark.parametrize(
    ("op", "value", "found"),
    [
        # Beyond a bigint in both directions: nothing is equal, everything is less or more.
        ("eq", 2**64 - 1, 0),
        ("lt", 2**64 - 1, 1),
        ("gt", 2**64 - 1, 0),
        ("gt", -(2**63), 1),
        ("in", [2**64 - 1], 0),
        ("eq", 1e300, 0),
        ("in", [1e300], 0),
        ("lt", 1e300, 1),
    ],
)
def test_search_for_an_id_that_no_row_can_have(api, op, value, found):
    assert len(search(api, "id", op, value)) == found


def test_search_takes_col_for_field(api, keys):
    page = api.data(ask(api, search='{"col": "description", "op": "eq", "value": "key 1"}'))

    assert [item["description"] for item in page["items"]] == ["key 1"]


def test_the_count_is_that_of_what_the_search_finds(api, keys):
    asked = '{"field": "description", "op": "contains", "value": "key "}'

    page = api.data(ask(api, search=asked, take=1, skip=1))

    assert (len(page["items"]), page["count"]) == (1, 4)


@pytest.mark.parametrize(
    ("counted", "answer"),
    [
        # As many as are counted exactly.
        (5, {"count": 5}),
        # One more.
        (4, {"count": 4, "count_exact": False}),
    ],
)
def test_a_count_is_exact_up_to_a_limit_and_says_when_it_is_not(
    api, keys, monkeypatch, counted, answer
):
    monkeypatch.setattr(paging, "COUNTED", counted)

    assert api.data(ask(api, count_only="true")) == {"items": [], **answer}


def test_a_row_that_matches_in_several_ways_is_listed_and_counted_once(api, acme):
    factories.make_definition(acme, "send", alias=["mail.one", "mail.two"])
    factories.make_definition(acme, "call")

    found = api.data(
        api.get(
            "~/actions/definitions?search=" + '{"field":"alias","op":"contains","value":"mail"}'
        )
    )

    assert [item["variant"] for item in found["items"]] == ["send"]
    assert found["count"] == 1
