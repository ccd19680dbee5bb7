"""What is written reads back as the same value, and reads well."""

import hypothesis.strategies as st
import pytest
import yaml
from hypothesis import example, given, settings

from bundles import reading

TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"))
# What means something in YAML, in pieces.
TRICKY = st.lists(
    st.sampled_from(
        [
            *"-?:,[]{}#&*!|>'\"%@`\\ \n\t\r~=<.+_0189eExoynTNf/\x85\u2028\ufeff\x7f",
            *("yes", "null", "true", ".inf", "2020-01-01", "12:30", "<<", "---", "..."),
        ]
    ),
    max_size=8,
).map("".join)
NUMBERS = st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT | TRICKY,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT | TRICKY, inner, max_size=4),
    max_leaves=20,
)


def identical(one, other):
    """Whether they are equal, in their types and in the order of keys as well."""
    return type(one) is type(other) and repr(one) == repr(other)


@given(VALUES)
@settings(max_examples=100)
@example({"<<": {}, "a\n": "x" * 200, "k" * 2_000: ["", " ", "\n", "a\n\n", " a\nb", "a\n b"]})
@example([1e16, 1e-7, 5e-324, -0.0, 1.7976931348623157e308, 10**19])
def test_every_value_reads_back(value):
    for written in ("yaml", "json"):
        text = reading.dump(value, written)
        read = reading.parse(f"a.{written}", text.encode()).value
        assert identical(read, value)
        assert reading.dump(read, written) == text


@given(st.lists(TRICKY | TEXT))
@settings(max_examples=60)
def test_readers_of_yaml_1_1_read_the_same_texts(texts):
    assert yaml.safe_load(reading.dump(texts, "yaml")) == texts


def test_yaml_reads_well():
    same = {"type": "object"}
    value = {
        "waybill": 1,
        "actions": [
            {
                "variant": "send_email",
                "description": "Sends it.\n\nAt once: no queue.\n",
                "aliases": [],
                "note": "A long line stays one line. " * 2,
                "schema": same,
                "other": same,
            }
        ],
        "words": ["yes", "0123", "2020-01-01", "1e5", "", "größe", "a: b", "y", "0o17", "é😀"],
        "numbers": [1, 1.0, 1e16, None, True],
    }

    assert reading.dump(value, "yaml") == WELL


WELL = """\
waybill: 1
actions:
- variant: send_email
  description: |
    Sends it.

    At once: no queue.
  aliases: []
  note: 'A long line stays one line. A long line stays one line. '
  schema:
    type: object
  other:
    type: object
words:
- 'yes'
- '0123'
- '2020-01-01'
- '1e5'
- ''
- größe
- 'a: b'
- 'y'
- '0o17'
- "é\\U0001F600"
numbers:
- 1
- 1.0
- 1.0e+16
- null
- true
"""


@pytest.mark.parametrize("written", ["yaml", "json"])
def test_what_is_written_ends_with_one_line_end(written):
    for value in ({}, [], "", None, {"a": [1]}, "a\n"):
        text = reading.dump(value, written)
        assert text.endswith("\n")
        assert not text.endswith("\n\n")
