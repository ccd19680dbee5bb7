"""Where the parts of a bundle that was made of files come from."""

from __future__ import annotations

from collections.abc import Iterable

from bundles.reading import Source, find_places, lines_above


class Origins:
    """Tells the file and line of what a pointer into the bundle was made of."""

    def __init__(self) -> None:
        self._made_of: dict[str, tuple[Source, str]] = {}

    def add(self, pointer: str, source: Source, at: str) -> None:
        """What is at the pointer was made of what is `at` a pointer of the source."""
        self._made_of[pointer] = source, at

    def places(self, pointers: Iterable[str]) -> list[str]:
        """The place of each, or of the nearest above it; nothing where none is known."""
        asked = [self._trace(pointer) for pointer in pointers]
        known = iter(find_places([one for one in asked if one is not None]))
        return ["" if one is None else next(known) for one in asked]

    def _trace(self, pointer: str) -> tuple[Source, str] | None:
        above = (up for up in lines_above(pointer) if up in self._made_of)
        found = next(above, None)
        return None if found is None else self._made_of[found]
