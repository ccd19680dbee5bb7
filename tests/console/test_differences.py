"""Differences of two JSON documents."""

from __future__ import annotations

import copy
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console import differences
from console.differences import Change

JSONS = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-2, 2) | st.text("ab/~", max_size=3),
    lambda inner: (
        st.lists(inner, max_size=5)
        | st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=4)
    ),
    max_leaves=15,
)
CASES = [
    # What is new, what has gone, what is another one.
    ({"a": 1}, {"a": 1, "b": 2}, [("added", "/b", None, 2)]),
    ({"a": 1, "b": 2}, {"a": 1}, [("removed", "/b", 2, None)]),
    ({"a": {"b": 1}}, {"a": {"b": 2}}, [("changed", "/a/b", 1, 2)]),
    # The order of keys says nothing.
    ({"a": 1, "b": 2}, {"b": 2, "a": 1}, []),
    # An item that is put in before others is one difference.
    (["b", "c"], ["a", "b", "c"], [("added", "/0", None, "a")]),
    (["a", "b", "c"], ["a", "c"], [("removed", "/1", "b", None)]),
    (["a", "b"], ["a", "x"], [("changed", "/1", "b", "x")]),
    # Equal in Python, and not in JSON.
    ([1, False], [True, 0], [("changed", "/0", 1, True), ("changed", "/1", False, 0)]),
    # The document itself.
    (True, {}, [("changed", "/", True, {})]),
    # Names that pointers write in another way.
    ({"a/b~": 1}, {}, [("removed", "/a~1b~0", 1, None)]),
]


@pytest.mark.parametrize(("old", "new", "told"), CASES)
def test_a_difference_names_its_pointer_and_both_values(old, new, told):
    found = differences.compare(old, new)

    assert [(one.change, one.pointer, one.old, one.new) for one in found.items] == told
    assert found.is_whole


@given(old=JSONS, new=JSONS)
def test_what_is_told_makes_the_new_document_of_the_old_one(old, new):
    found = differences.compare(old, new)

    assert differences.compare(apply(old, found.items), new).items == ()


@given(value=JSONS)
def test_a_document_does_not_differ_from_itself(value):
    assert differences.compare(value, copy.deepcopy(value)).items == ()


@given(old=JSONS, new=JSONS)
def test_there_are_as_many_differences_the_other_way_around(old, new):
    there, back = differences.compare(old, new), differences.compare(new, old)

    assert len(there.items) == len(back.items)
    assert there.count(Change.ADDED) == back.count(Change.REMOVED)


def test_there_are_no_more_than_were_asked_for_and_it_is_said():
    old, new = {str(n): n for n in range(20)}, {str(n): -n - 1 for n in range(20)}

    found = differences.compare(old, new, most=5)

    assert len(found.items) == 5
    assert not found.is_whole
    assert found.summary == "5 changed, and more"


def test_long_arrays_are_compared_soon():
    old, new = list(range(50_000)), list(range(50_000, 0, -1))

    began = time.monotonic()
    assert not differences.compare(old, new).is_whole
    assert time.monotonic() - began < 2


def test_values_are_cut_where_they_are_endless():
    (one,) = differences.compare({}, {"a": "x" * 10_000}).items

    assert len(one.new_text) < 2_100
    assert one.old_text == ""


def apply(document: Any, found: Any) -> Any:
    """The document with these differences made in it."""
    holder = {"": copy.deepcopy(document)}
    changed = [one for one in found if one.change is Change.CHANGED]
    # From behind, so that an index still means what it did.
    removed = [one for one in found if one.change is Change.REMOVED][::-1]
    added = [one for one in found if one.change is Change.ADDED]
    for one in [*changed, *removed, *added]:
        place: Any = holder
        *above, last = ("", *one.path)
        for part in above:
            place = place[part]
        if one.change is Change.REMOVED:
            del place[last]
        elif one.change is Change.ADDED and isinstance(place, list):
            place.insert(last, one.new)
        else:
            place[last] = one.new
    return holder[""]
