"""The files of a folder as one document: lists are joined, and nothing is said twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from bundles.reading.faults import UnreadableError
from bundles.reading.places import lines_above
from bundles.reading.sources import Source, find_places
from config.errors import pointer

# The lists whose items are told apart by a name, and by which of their keys.
NAMED = (
    ("/actions", "variant"),
    ("/resources/destinations", "label"),
    ("/resources/credentials", "label"),
)

# Objects are joined key by key: a bundle has a few.
MOST_PARTS = 10_000


def merge(name: str, sources: Sequence[Source]) -> Source:
    """One document of all; a variant or a label in two files is a fault that names both places."""
    merged = Merged(name, sources)
    for at, key in NAMED:
        merged.check_names(at, key)
    return merged


class Merged(Source):
    """Documents that were joined into one."""

    def __init__(self, name: str, sources: Sequence[Source]) -> None:
        super().__init__(name, {}, b"", bytes, is_json=True)
        # Which source gave what: a list's items from an index on, everything else as a whole.
        self._given: dict[str, list[tuple[int, Source]]] = {"": [(0, sources[0])]}
        for source in sources:
            if not isinstance(source.value, dict):
                raise UnreadableError(f"{source.place('')}: a file of a bundle is an object.")
            self._join(self.value, source.value, "", source)

    def places(self, pointers: Iterable[str]) -> list[str]:
        """The place of each JSON Pointer in the file that it came from."""
        return find_places([self._trace(one) for one in pointers])

    def check_names(self, at: str, key: str) -> None:
        """Refuse a name that two items of a list have."""
        known: dict[str, int] = {}
        for index, item in enumerate(_find(self.value, at)):
            name = item.get(key) if isinstance(item, dict) else None
            if not isinstance(name, str):
                continue
            first = known.setdefault(name, index)
            if first != index:
                places = self.places(f"{at}/{one}/{key}" for one in (first, index))
                said = f"the {key} {name[:255]!r} is there twice, at {' and '.join(places)}."
                raise UnreadableError(f"{places[1]}: {said}")

    def _join(self, into: dict[str, Any], value: dict[str, Any], at: str, source: Source) -> None:
        for key, inner in value.items():
            here = at + pointer([key])
            known = into.get(key)
            if key not in into:
                self._add(into, key, inner, here, source)
            elif isinstance(known, list) and isinstance(inner, list):
                self._given[here].append((len(known), source))
                known += inner
            elif isinstance(known, dict) and isinstance(inner, dict):
                self._join(known, inner, here, source)
            elif known != inner or type(known) is not type(inner):
                said = f"at odds with {self.place(here)}, which has another value for it."
                raise UnreadableError(f"{source.place(here)}: {here} is {said}")

    def _add(self, into: dict[str, Any], key: str, inner: Any, at: str, source: Source) -> None:
        if len(self._given) > MOST_PARTS:
            raise UnreadableError(f"{source.place(at)}: there are more than {MOST_PARTS:,} keys.")
        self._given[at] = [(0, source)]
        if isinstance(inner, dict):
            into[key] = {}
            self._join(into[key], inner, at, source)
        else:
            into[key] = list(inner) if isinstance(inner, list) else inner

    def _trace(self, at: str) -> tuple[Source, str]:
        """The source that gave what is there, and where it is in that source."""
        above = next(up for up in lines_above(at) if up in self._given)
        given = self._given[above]
        index, slash, rest = at.removeprefix(above).removeprefix("/").partition("/")
        if not index.isdecimal():
            return given[0][1], at
        start, source = next(one for one in reversed(given) if one[0] <= int(index))
        return source, f"{above}/{int(index) - start}{slash}{rest}"


def _find(value: Any, at: str) -> Iterator[Any]:
    """The items of the list at a pointer whose parts are plain names."""
    for part in at.split("/")[1:]:
        value = value.get(part) if isinstance(value, dict) else None
    yield from value if isinstance(value, list) else ()
