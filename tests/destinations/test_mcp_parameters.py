"""Arguments in headers: which ones a tool's schema marks, and how their values are written."""

import orjson
import pytest

from destinations.mcp import parameters


def page(schema, **more):
    return {"tools": [{"name": "other"}, 7, {"name": "it", "inputSchema": schema}]} | more


def marked(**properties):
    return {"type": "object", "properties": properties}


@pytest.mark.parametrize(
    ("schema", "marks"),
    [
        (marked(a={"x-mcp-header": "Region"}), {("a",): "mcp-param-region"}),
        (marked(a=marked(b={"x-mcp-header": "R"})), {("a", "b"): "mcp-param-r"}),
        (marked(a={}), {}),
        # not on the way of properties
        ({"x-mcp-header": "R"}, {}),
        (marked(a={"items": {"x-mcp-header": "R"}}), {}),
        # no name of a header
        (marked(a={"x-mcp-header": "R S"}), {}),
        (marked(a={"x-mcp-header": "R\r\nX: 1"}), {}),
        (marked(a={"x-mcp-header": ""}), {}),
        (marked(a={"x-mcp-header": 7}), {}),
        # no schema
        (None, {}),
        ({"properties": []}, {}),
    ],
)
def test_which_arguments_are_wanted(schema, marks):
    assert parameters.read_page(page(schema), "it").marks == marks


@pytest.mark.parametrize(
    ("result", "cursor"),
    [
        (page({}), None),
        (page({}, nextCursor="2"), "2"),
        (page({}, nextCursor=2), None),
        ({"tools": 7}, None),
        ([], None),
        (None, None),
    ],
)
def test_where_the_next_page_is(result, cursor):
    assert parameters.read_page(result, "it") == parameters.Page({}, cursor)


@pytest.mark.parametrize(
    ("value", "header"),
    [
        ("eu", "eu"),
        ("größe", "=?base64?Z3LDtsOfZQ==?="),
        ("a\r\nb", "=?base64?YQ0KYg==?="),
        (True, "true"),
        (False, "false"),
        (7, "7"),
        (1.5, "1.5"),
        (None, None),
        ([1], None),
        ({}, None),
    ],
)
def test_how_a_value_is_written(value, header):
    marks = {("a", "b"): "mcp-param-r", ("a", "b", "c"): "mcp-param-s", ("x",): "mcp-param-x"}

    headers = parameters.write_headers(marks, orjson.dumps({"a": {"b": value}}))

    assert headers == ({} if header is None else {"mcp-param-r": header})
