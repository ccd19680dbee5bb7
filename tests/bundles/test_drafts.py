"""The versions of a variant while they are settled: many take no longer, each, than few."""

from __future__ import annotations

import time
from dataclasses import replace

from bundles.planning.drafts import Draft
from bundles.planning.states import Version

MANY = 10_000


def test_many_versions_take_no_longer_each():
    """Looking through all of them for each would take a minute."""
    stored = {number: Version(b"", number, aliases=(f"a{number}",)) for number in range(1, MANY)}
    draft = Draft(stored)

    began = time.process_time()
    for number in range(MANY, 2 * MANY):
        base = draft.begin(number, b"")
        draft.put(number, replace(base, aliases=(f"a{number - MANY}", f"a{number}")))
    assert time.process_time() - began < 5
    assert draft.final[1].aliases == ()
    assert draft.final[2 * MANY - 1].aliases == (f"a{MANY - 1}", f"a{2 * MANY - 1}")
    assert draft.live == list(range(1, 2 * MANY))


def test_an_alias_is_always_of_one_version():
    draft = Draft({1: Version(b"", 1, aliases=("a", "b"))})
    draft.put(2, replace(draft.begin(2, b""), aliases=("a",)))
    draft.put(1, replace(draft.final[1], aliases=()))
    draft.put(3, replace(draft.begin(3, b""), aliases=("a", "b")))
    assert {number: one.aliases for number, one in draft.final.items()} == {
        1: (),
        2: (),
        3: ("a", "b"),
    }
