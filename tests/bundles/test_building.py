"""JSON that is built piece by piece is what a parser makes of it, or is refused."""

from __future__ import annotations

import json

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bundles import reading
from bundles.reading import Budget, UnreadableError, building

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.dictionaries(st.text('ab"\\é😀'), inner),
    max_leaves=30,
)


def build(data, budget=None):
    return building.build("a.json", data, budget or Budget())


@settings(max_examples=40)
@given(VALUES, st.sampled_from([None, 1]), st.booleans())
def test_values_are_what_they_are(value, indent, ascii_only):
    data = json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()

    for read in (build(data), reading.parse("a.json", data).value):
        assert read == value
        assert repr(read) == repr(value)


@given(st.lists(st.sampled_from([*'{}[]:,"', '"a"', '"b"', "1", "null", "x", " "]), max_size=9))
def test_what_is_no_json_is_refused(parts):
    data = "".join(parts).encode()
    try:
        expected = orjson.loads(data)
    except orjson.JSONDecodeError:
        with pytest.raises(UnreadableError, match=r"a\.json:1: "):
            build(data)
        return
    if data.count(b":") == orjson.dumps(expected).count(b":"):
        assert build(data) == expected


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"a": 1,\n"a": 2}', "a.json:2: the key 'a' is there twice"),
        (b'["a",\n"\\u0000"]', "a.json:2: an integer does not fit 64 bits, or a text holds"),
        (b"[1,\n18446744073709551616]", "a.json:2: an integer does not fit 64 bits"),
        (b"\n" + b"[" * 65 + b"]" * 65, "a.json:2: Nesting is deeper than 64"),
        (b'["' + b"x" * 1_048_577 + b'"]', "a.json:1: a text is longer than 1,048,576"),
        (b"[1,\x0b2]", "a.json:1: Not valid JSON"),
        (b'["a\n"]', "a.json:2: Not valid JSON"),
        (b"[1] 2", "a.json:1: Not valid JSON: something comes after its end"),
        (b"", "a.json:1: Not valid JSON"),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)
def test_what_is_at_fault_is_told_with_its_line(data, said):
    with pytest.raises(UnreadableError) as refused:
        build(data)
    assert said in str(refused.value)


def test_what_repeats_is_counted_once():
    data = orjson.dumps([{"kind": "a text of some length", "number": 1}] * 1_000)
    read = reading.parse("a.json", data, budget=Budget(450_000)).value

    assert read == orjson.loads(data)
    assert read[0]["kind"] is read[-1]["kind"]
    with pytest.raises(UnreadableError, match="too large"):
        reading.parse("a.json", data, budget=Budget(300_000))


def test_texts_are_counted_by_their_characters():
    data = orjson.dumps(["x" * 1_000] * 9 + ["😀" + "x" * 1_000])

    assert reading.parse("a.json", data, budget=Budget(50_000)).value
    with pytest.raises(UnreadableError, match="too large"):
        reading.parse("a.json", data.replace(b"xxx", "é😀".encode()), budget=Budget(50_000))
