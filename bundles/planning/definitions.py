"""What becomes of the versions of a variant. It mirrors what `actions.services` does one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils import timezone

from actions import contracts
from actions.services import MAX_VERSION
from bundles.planning.moments import read_moments
from bundles.planning.policies import Judge
from bundles.planning.states import State, Version
from bundles.planning.wishes import Entry, Wish
from config.errors import ConflictError, DomainError, Fault

Versions = dict[int, Version]
OF_ALL_VERSIONS = ("requires_approval", "compatibility", "open_content")


@dataclass(slots=True)
class Settled:
    """A variant's versions as they are to be, and which wish each of them comes from."""

    pointer: str
    final: Versions
    wishes: dict[int, Wish] = field(default_factory=dict)
    # Whether actions that needed approval no longer do.
    lifts: bool = False

    @property
    def is_live(self) -> bool:
        """Whether any version is."""
        return any(version.is_live for version in self.final.values())


class Settling:
    """Goes through the actions of a document, beside what is there, and gathers what is wrong."""

    def __init__(self, state: State, labels: frozenset[str], judge: Judge, *, prune: bool) -> None:
        self.faults: list[Fault] = []
        self._state = state
        # The destinations that there are, or are going to be.
        self._labels = labels
        self._prune = prune
        self._admitted: set[bytes] = set()
        self._judge = judge
        self._now = timezone.now()

    def settle(self, pointer: str, action: Entry, wishes: Sequence[Wish]) -> Settled:
        """What the action's variant is to be."""
        stored = self._state.variants.get(action["variant"], {})
        settled = Settled(pointer, dict(stored))
        for wish in wishes:
            try:
                self._settle_version(settled, wish)
            except DomainError as error:
                self.faults += _below(wish.pointer, error.faults)
        self._say_of_all(settled, action, stored)
        self._judge_new(settled, stored)
        if self._prune and "versions" in action:
            for number in settled.final.keys() - settled.wishes.keys():
                settled.final[number] = buried(settled.final[number])
        if settled.final == stored:
            # Of much that is kept, there is one of each in memory.
            settled.final = stored
        return settled

    def _settle_version(self, settled: Settled, wish: Wish) -> None:
        final = settled.final
        number = _find_number(final, wish)
        known = final.get(number)
        if known is None and wish.digest is None:
            raise DomainError(
                f"There is no version {number}, and none can be made without a schema.",
                code="SCHEMA_MISSING",
                pointer="/schema",
            )
        if known and wish.digest not in {None, known.digest}:
            raise DomainError(
                f"Version {number} is stored with another schema. Add a new version instead.",
                code="VERSION_IMMUTABLE",
                pointer="/schema",
            )
        if known is None:
            self._admit(wish)
        base = known if known and known.is_live else _revived(final, number, known, wish.digest)
        said = _said(wish.entry) | read_moments(wish.entry, base, self._now)
        self.faults += _unknown_labels(wish, self._labels)
        settled.wishes[number] = wish
        # An alias that another version holds moves here.
        for other, version in final.items() if said.get("aliases") else ():
            if set(version.aliases) & set(said["aliases"]):
                kept = tuple(name for name in version.aliases if name not in said["aliases"])
                final[other] = replace(version, aliases=kept)
        final[number] = replace(base, **said) if said else base

    def _admit(self, wish: Wish) -> None:
        if wish.digest not in self._admitted:
            contracts.admit(wish.entry["schema"])
            self._admitted.add(wish.digest or b"")

    def _say_of_all(self, settled: Settled, action: Entry, stored: Versions) -> None:
        """What is said of approval and of the policy holds for all versions."""
        said = {name: action[name] for name in OF_ALL_VERSIONS if name in action}
        if not said:
            return
        lifts = said.get("requires_approval") is False
        settled.lifts = lifts and any(one.requires_approval for one in stored.values())
        for number, version in settled.final.items():
            settled.final[number] = replace(version, **said)

    def _judge_new(self, settled: Settled, stored: Versions) -> None:
        """What lives already is not judged again, whatever the policy has become."""
        for number, wish in settled.wishes.items():
            known = stored.get(number)
            if known is None or not known.is_live:
                faults = self._judge.find_faults(number, wish, settled.final, settled.wishes)
                self.faults += _below(wish.pointer, faults)


def buried(version: Version) -> Version:
    """The version, deleted: its aliases and links go."""
    return replace(version, is_live=False, aliases=(), links=(), default=None)


def _find_number(final: Versions, wish: Wish) -> int:
    """Which version a wish means."""
    if wish.number is not None:
        return wish.number
    newest = max((number for number, one in final.items() if one.is_live), default=None)
    if newest is not None and wish.digest in {None, final[newest].digest}:
        return newest
    number = max(final, default=0) + 1
    if number > MAX_VERSION:
        raise ConflictError("The highest version number is used; name a free one.")
    return number


def _revived(final: Versions, number: int, known: Version | None, digest: bytes | None) -> Version:
    """A version that is new, or comes back, with the links of the highest live lower one."""
    lower = max((low for low, one in final.items() if one.is_live and low < number), default=None)
    links, default = (final[lower].links, final[lower].default) if lower else ((), None)
    if known:
        return replace(known, is_live=True, links=links, default=default)
    # As all versions have it, whatever became of them.
    like = next(iter(final.values())) if final else Version(b"")
    return Version(
        digest or b"",
        requires_approval=any(version.requires_approval for version in final.values()),
        links=links,
        default=default,
        compatibility=like.compatibility,
        open_content=like.open_content,
    )


def _said(entry: Entry) -> dict[str, Any]:
    """The columns that an entry speaks of, as they are to be."""
    said: dict[str, Any] = {}
    if "description" in entry:
        said["description"] = entry["description"]
    if "aliases" in entry:
        said["aliases"] = tuple(sorted(set(entry["aliases"])))
    if "destinations" in entry:
        labels = entry["destinations"]
        said["links"] = tuple(sorted(set(labels)))
        said["default"] = entry.get("default", labels[0] if labels else None)
    return said


def _unknown_labels(wish: Wish, labels: frozenset[str]) -> Iterator[Fault]:
    for index, label in enumerate(wish.entry.get("destinations", ())):
        if label not in labels:
            yield Fault(
                "UNKNOWN_DESTINATION",
                f"There is no destination {label!r}, neither there nor in the bundle.",
                f"{wish.pointer}/destinations/{index}",
            )


def _below(at: str, faults: Sequence[Fault]) -> Iterator[Fault]:
    """The faults, with pointers from the document's root."""
    return (replace(fault, pointer=at + (fault.pointer or "")) for fault in faults)
