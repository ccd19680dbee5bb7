"""Where the parts of a bundle that was made of files come from."""

from __future__ import annotations

from bundles.reading import Source, lines_above


class Origins:
    """Tells the file and line of what a pointer into the bundle was made of."""

    def __init__(self) -> None:
        self._made_of: dict[str, tuple[Source, str]] = {}

    def add(self, pointer: str, source: Source, at: str) -> None:
        """What is at the pointer was made of what is `at` a pointer of the source."""
        self._made_of[pointer] = source, at

    def place(self, pointer: str) -> str:
        """The place of it, or of the nearest above it; nothing where none is known."""
        for above in lines_above(pointer):
            if above in self._made_of:
                source, at = self._made_of[above]
                return source.place(at)
        return ""
