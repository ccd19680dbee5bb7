"""`search` on every list: whatever it is asked, the answer is a page or says what is wrong."""

from __future__ import annotations

import itertools
from contextlib import suppress
from urllib.parse import urlencode

import orjson
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from config import search
from config.errors import BadRequestError
from tests import factories
from tests.client import codes
from tests.routes import ROUTES, make_rows

LISTS = [route for route in ROUTES if route.is_list]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=20)
    | st.datetimes().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.just("a"), inner),
    max_leaves=3,
)
ODD = [
    *("", "x", "%", "\\", "9" * 5_000, "-" + "9" * 99, "1_0", "infinity", "1e5", "true"),
    *("9999-99-99", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
    *(2**31, 2**63, -(2**63), 2**64 - 1, 1e30, -1e300, 1.5, -0.0, True, None, {}, [None], [[1]]),
]


def ask(api, path, **asked):
    query = urlencode({"search": orjson.dumps(asked).decode()})
    return api.get(f"{path}?{query}")


@pytest.mark.parametrize("route", LISTS, ids=str)
def test_no_search_whatever_makes_a_fault_of_ours(route, api, acme, monkeypatch):
    listed = {}
    with monkeypatch.context() as patch:
        patch.setattr(
            search,
            "narrow",
            lambda rows, _, fields: listed.update(rows=rows, fields=fields) or rows,
        )
        api.data(ask(api, route.fill(make_rows(acme))))
    rows, fields = listed["rows"], listed["fields"]
    pairs = list(itertools.product(fields, search.LOOKUPS))

    def judge(value):
        for field, op in pairs:
            for sent in [value] if op != "in" or isinstance(value, list) else [value, [value]]:
                asked = orjson.dumps({"field": field, "op": op, "value": sent}).decode()
                with suppress(BadRequestError):
                    list(search.narrow(rows, asked, fields).values("pk")[:1])

    fuzz = given(VALUES)(judge)
    for value in ODD:
        fuzz = example(value)(fuzz)
    settings(max_examples=5, suppress_health_check=[HealthCheck.too_slow])(fuzz)()


@pytest.mark.parametrize(
    ("field", "op", "value", "message"),
    [
        ("at", "eq", "x", "`at` is compared with RFC 3339 timestamps."),
        ("at", "gt", 1, "`at` is compared with RFC 3339 timestamps."),
        (
            "at",
            "in",
            ["2026-11-26T09:12:03Z", "2026"],
            "`at` is compared with RFC 3339 timestamps.",
        ),
        ("at", "contains", "2026", "`at` takes the ops eq, ne, gt, gte, lt, lte, in."),
        ("user_id", "eq", "one", "`user_id` is compared with whole numbers."),
        # There is none with half of a number, nor one that is true.
        ("user_id", "eq", 1.5, "`user_id` is compared with whole numbers."),
        ("user_id", "in", [1, True], "`user_id` is compared with whole numbers."),
        ("user_id", "contains", 1, "`user_id` takes the ops eq, ne, gt, gte, lt, lte, in."),
        ("actor", "eq", False, "`actor` is compared with texts."),
        ("actor", "contains", {}, "`actor` is compared with texts."),
        ("actor", "ne", None, "`actor` is compared with texts."),
        ("actor", "in", "x", "`value` is a list for `in`, else one plain value."),
    ],
)
def test_what_a_column_is_not_compared_with_is_said(api, field, op, value, message):
    answer = ask(api, "~/audit", field=field, op=op, value=value)

    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"code": "INVALID_PARAMETER", "message": message, "pointer": "/search"}
    ]


@pytest.mark.parametrize(
    ("op", "value", "count"),
    [
        ("gte", "2000-01-01T00:00:00Z", 3),
        ("lt", "2000-01-01T00:00:00+02:00", 0),
        # Without an offset it is UTC.
        ("in", ["2000-01-01 00:00:00"], 0),
        ("ne", "2000-01-01", 3),
    ],
)
def test_times_are_compared(api, acme, op, value, count):
    factories.make_key(acme)
    factories.make_key(acme)

    page = api.data(ask(api, "~/audit", field="at", op=op, value=value))

    assert [item["kind"] for item in page["items"]].count("api key") == count


def test_what_other_rows_are_referred_to_by_is_a_number(api, acme, webhook):
    ids = [webhook.pk, 2**63, 1e30, str(webhook.pk)]
    factories.make_definition(acme, "send", webhook)
    factories.make_record(acme, "send")

    for path in ("~/actions/records", f"~/destinations/{webhook.pk}/lanes"):
        for op, value in (("in", ids), ("eq", webhook.pk), ("gte", str(webhook.pk))):
            answer = ask(api, path, field="destination_id", op=op, value=value)
            assert api.data(answer)["count"] == 1
        refused = ask(api, path, field="destination_id", op="contains", value="1")
        assert codes(refused) == [("INVALID_PARAMETER", "/search")]


@pytest.mark.parametrize("number", [2**31, -1, 2**63, 1e30])
def test_a_number_that_its_column_cannot_have_is_none_of_the_list(api, acme, number):
    factories.make_definition(acme, "send")

    found = ask(api, "~/actions/definitions", field="version", op="in", value=[1, number])

    assert api.data(found)["count"] == 1
