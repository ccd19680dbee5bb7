"""What `config.strictjson` admits, refuses and keeps."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import strictjson
from config.errors import BadRequestError

# Brackets, quotes and backslashes are what `depth` could stumble over.
TRICKY = st.text(st.sampled_from('[]{}"\\/:, ab\né😀'))
ANY_TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
INTEGERS = st.integers(-(2**63), 2**64 - 1)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
LEAVES = st.none() | st.booleans() | INTEGERS | FLOATS | TRICKY | ANY_TEXT
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(TRICKY | ANY_TEXT, inner), max_leaves=20
)


def slow_depth(value):
    if not isinstance(value, dict | list):
        return 0
    inside = value.values() if isinstance(value, dict) else value
    return 1 + max(map(slow_depth, inside), default=0)


def reordered(value):
    if isinstance(value, list):
        return [reordered(item) for item in value]
    if isinstance(value, dict):
        return {key: reordered(value[key]) for key in reversed(value)}
    return value


@given(VALUES)
def test_what_is_written_is_read_back_with_its_key_order_and_number_types(value):
    # repr tells 1 from 1.0, 0.0 from -0.0 and one order of keys from another.
    assert repr(strictjson.parse(strictjson.dumps(value))) == repr(value)


@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_depth_equals_that_of_the_parsed_value(value, ascii_only, indent):
    body = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()

    assert strictjson.depth(body) == slow_depth(value)


@given(VALUES)
def test_the_digest_does_not_see_the_order_of_keys(value):
    assert strictjson.digest(reordered(value)) == strictjson.digest(value)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # The order of a list is part of it.
        ([1, 2], [2, 1]),
        # A number is not its text.
        ({"a": 1}, {"a": "1"}),
        # Absent is not null.
        ({}, {"a": None}),
    ],
)
def test_the_digest_tells_different_values_apart(one, other):
    assert strictjson.digest(one) != strictjson.digest(other)


@given(st.integers(-(2**80), 2**80))
def test_an_integer_is_kept_exactly_or_refused(number):
    body = str(number).encode()

    if -(2**63) <= number < 2**64:
        assert strictjson.parse(body) == number
    else:
        with pytest.raises(BadRequestError, match="does not fit 64 bits"):
            strictjson.parse(body)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        # 19 digits and more take the careful path, and come out of it as the number they spell.
        (b"1234567890123456789", 1234567890123456789),
        # The bounds of 64 bits, unsigned and signed.
        (b"18446744073709551615", 2**64 - 1),
        (b"-9223372036854775808", -(2**63)),
        # A long fraction is a double like any other.
        (b"0.1234567890123456789012345", 0.12345678901234568),
        # As is a long number with a fraction.
        (b"123456789012345678901234567890.5", 1.2345678901234568e29),
        # Too small for a double is zero; only too large is refused.
        (b"1e-999", 0.0),
        # Digits in a string are no number.
        (b'"12345678901234567890123"', "12345678901234567890123"),
        # Of duplicate keys the last wins,
        (b'{"a": 1, "a": 2}', {"a": 2}),
        # on the careful path, too.
        (b'{"a": 1234567890123456789, "a": 2}', {"a": 2}),
        # An escaped backslash before u0000 is text.
        (rb'"\\u0000"', r"\u0000"),
        # A pair of surrogates is one character.
        (rb'"\ud83d\ude00"', "😀"),
        # White space around the value is allowed.
        (b" \t\r\n1 ", 1),
        # 64 levels.
        (b"[" * 64 + b"]" * 64, json.loads("[" * 64 + "]" * 64)),
    ],
)
def test_a_document_is_read_as_it_was_meant(body, value):
    assert repr(strictjson.parse(body)) == repr(value)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        # One beyond 64 bits at either end.
        (b"18446744073709551616", "does not fit 64 bits"),
        (b'{"a": [-9223372036854775809]}', "does not fit 64 bits"),
        # Overflows a double, in three spellings.
        (b"1e999", "Not valid JSON"),
        (b"[-1e999]", "Not valid JSON"),
        (b"9" * 400, "Not valid JSON"),
        # What Python's own parser would take.
        (b"NaN", "Not valid JSON"),
        (b'{"a": Infinity}', "Not valid JSON"),
        (b"-Infinity", "Not valid JSON"),
        # NUL, escaped,
        (rb'"a\u0000b"', "NUL"),
        # behind an escaped backslash,
        (rb'"\\\u0000"', "NUL"),
        # in a key,
        (rb'{"\u0000": 1}', "NUL"),
        # and as it is.
        (b'"\x00"', "Not valid JSON"),
        # Lone surrogates: high, low, the wrong way round, and as bytes.
        (rb'"\ud800"', "Not valid JSON"),
        (rb'"\udc00"', "Not valid JSON"),
        (rb'"\udc00\ud800"', "Not valid JSON"),
        (b'"\xed\xa0\x80"', "Not valid JSON"),
        # Not UTF-8.
        (b'"\xff"', "Not valid JSON"),
        ('"a"'.encode("utf-16"), "Not valid JSON"),
        (b"\xef\xbb\xbf1", "Not valid JSON"),
        # 65 levels, closed, left open, and so many that a parser would overflow its stack.
        (b"[" * 65 + b"]" * 65, "deeper than 64"),
        (b'{"a":' * 65 + b"1" + b"}" * 65, "deeper than 64"),
        (b"[" * 1_000_000, "deeper than 64"),
        # Nothing, half of something, and more than one thing.
        (b"", "Not valid JSON"),
        (b'{"a": ', "Not valid JSON"),
        (b"1 2", "Not valid JSON"),
        # Almost JSON.
        (b"{'a': 1}", "Not valid JSON"),
        (b"[1,]", "Not valid JSON"),
        (b"01", "Not valid JSON"),
    ],
)
def test_a_document_that_could_not_be_kept_is_refused(body, reason):
    with pytest.raises(BadRequestError, match=reason) as caught:
        strictjson.parse(body)

    assert [fault.code for fault in caught.value.faults] == ["MALFORMED_JSON"]


@given(st.binary())
def test_bytes_are_read_or_refused_and_nothing_else_happens(body):
    try:
        value = strictjson.parse(body)
    except BadRequestError:
        return
    assert strictjson.parse(strictjson.dumps(value)) == value
