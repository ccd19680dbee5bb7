"""The versions of a variant while they are settled, and what each further one asks of them.

There may be many of them: whatever is asked takes no longer for that.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Collection, Mapping
from dataclasses import replace

from actions.services import MAX_VERSION
from bundles.planning.states import Version
from config.errors import ConflictError

Versions = Mapping[int, Version]


class Draft:
    """What is to be of a variant; it begins as what is stored."""

    def __init__(self, stored: Versions) -> None:
        self.final = dict(stored)
        self.live = sorted(number for number, one in stored.items() if one.is_live)
        self._holders = {alias: number for number, one in stored.items() for alias in one.aliases}
        # As all versions have it, whatever became of them.
        first = next(iter(stored.values()), Version(b""))
        needs_approval = any(version.requires_approval for version in stored.values())
        self._like = Version(
            b"",
            requires_approval=needs_approval,
            compatibility=first.compatibility,
            open_content=first.open_content,
        )

    def find_number(self, digest: bytes | None) -> int:
        """Which version an entry without a number means."""
        newest = self.live[-1] if self.live else None
        if newest is not None and digest in {None, self.final[newest].digest}:
            return newest
        number = max(self.final, default=0) + 1
        if number > MAX_VERSION:
            raise ConflictError("The highest version number is used; name a free one.")
        return number

    def begin(self, number: int, digest: bytes | None) -> Version:
        """A version as it is, or new, or come back: then with the links of the live one below."""
        known = self.final.get(number)
        if known and known.is_live:
            return known
        at = bisect_left(self.live, number)
        lower = self.final[self.live[at - 1]] if at else self._like
        base = known or replace(self._like, digest=digest or b"")
        return replace(base, is_live=True, links=lower.links, default=lower.default)

    def put(self, number: int, version: Version) -> None:
        """Have it be so; an alias that another version holds moves here."""
        former = self.final.get(number)
        if former is None or not former.is_live:
            insort(self.live, number)
        for alias in former.aliases if former else ():
            del self._holders[alias]
        for holder in {self._holders[one] for one in version.aliases if one in self._holders}:
            self._give_up(holder, version.aliases)
        self._holders |= dict.fromkeys(version.aliases, number)
        self.final[number] = version

    def _give_up(self, number: int, aliases: Collection[str]) -> None:
        version = self.final[number]
        kept = tuple(alias for alias in version.aliases if alias not in aliases)
        self.final[number] = replace(version, aliases=kept)
