"""What of a state has become something else, by name."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from bundles.planning.states import State, digest

# A kind, as people call it, and where a state has it. A name tells nothing new beside its variant.
KINDS = {
    "variant": "variants",
    "destination": "destinations",
    "credential": "credentials",
    "signing key": "signing_keys",
    "name": "names",
}
# So many of those that have changed are named.
NAMED = 3
# Of so many it is remembered what they were; beyond that, only whether all are as they were.
MOST_REMEMBERED = 10_000
# Hexadecimal digits: that something has changed is known from a whole digest.
DIGITS = 8
Parts = Mapping[str, Mapping[str, Any]]


def parts_of(state: State) -> Parts:
    """What is there, by kind and name."""
    return {kind: getattr(state, column) for kind, column in KINDS.items()}


def remember(state: State) -> Parts:
    """A small digest of each of its parts; of none where they are many."""
    parts = parts_of(state)
    if sum(map(len, parts.values())) > MOST_REMEMBERED:
        return {}
    return {
        kind: {name: digest(one).hex()[:DIGITS] for name, one in some.items()}
        for kind, some in parts.items()
    }


def name_changed(before: Parts, after: Parts) -> str:
    """The first few parts that differ, and how many more; nothing where it is not known."""
    changed = list(_find_changed(before, after)) if before and after else []
    named = ", ".join(itertools.islice(changed, NAMED))
    more = len(changed) - NAMED
    return f"{named} and {more:,} more" if more > 0 else named


def _find_changed(before: Parts, after: Parts) -> Iterator[str]:
    seen: set[str] = set()
    for kind in KINDS:
        for name in _differing(before[kind], after[kind]):
            if kind != "name" or name not in seen:
                yield f"{kind} {name!r}"
            if kind == "variant":
                seen.add(name)


def _differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    return (
        name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)
    )
