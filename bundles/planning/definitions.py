"""What becomes of the versions of a variant. It mirrors what `actions.services` does one by one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.utils import timezone

from actions import contracts
from bundles.planning.drafts import Draft, Versions
from bundles.planning.moments import read_moments
from bundles.planning.policies import Case
from bundles.planning.states import State, Version
from bundles.planning.wishes import Entry, Wish, below
from config.errors import DomainError, Fault

OF_ALL_VERSIONS = ("requires_approval", "compatibility", "open_content")
# Names of these, each with its value.
Said = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Settled:
    """A variant's versions as they are to be, and the wishes that they come from, each with its
    number. There may be many of these: what is not needed any more is not in them."""

    pointer: str
    final: Versions
    wishes: tuple[Wish, ...] = ()
    # What is said of all versions.
    said: Said = ()
    # Whether actions that needed approval no longer do.
    lifts: bool = False

    @property
    def is_live(self) -> bool:
        """Whether any version is."""
        return any(version.is_live for version in self.final.values())


class Settling:
    """Goes through the actions of a document, beside what is there, and gathers what is wrong.

    `cases` are the versions that are yet to be judged.
    """

    def __init__(self, state: State, labels: frozenset[str], *, prune: bool) -> None:
        self.faults: list[Fault] = []
        self.cases: list[Case] = []
        self._state = state
        # The destinations that there are, or are going to be.
        self._labels = labels
        self._prune = prune
        self._admitted: set[bytes] = set()
        self._now = timezone.now()

    def settle(self, pointer: str, action: Entry, wishes: Sequence[Wish]) -> Settled:
        """What the action's variant is to be."""
        stored = self._state.variants.get(action["variant"], {})
        draft = Draft(stored)
        settled: dict[int, Wish] = {}
        for wish in wishes:
            try:
                number = self._settle_version(draft, wish)
            except DomainError as error:
                self.faults += below(wish.pointer, error.faults)
            else:
                settled[number] = Wish(wish.pointer, wish.entry, number)
        said = tuple((name, action[name]) for name in OF_ALL_VERSIONS if name in action)
        final: Versions = draft.final
        if said:
            final = {number: replace(one, **dict(said)) for number, one in final.items()}
        live: Sequence[int] = draft.live
        if self._prune and "versions" in action:
            gone = {number: buried(final[number]) for number in final.keys() - settled.keys()}
            final = {**final, **gone}
            live = [number for number in live if number not in gone]
        self._gather_cases(final, live, settled, stored)
        lifts = ("requires_approval", False) in said
        return Settled(
            pointer,
            # Of much that is kept, there is one of each in memory.
            stored if final == stored else final,
            tuple(settled.values()),
            said,
            lifts and any(one.requires_approval for one in stored.values()),
        )

    def _settle_version(self, draft: Draft, wish: Wish) -> int:
        """The number of the version that the wish is about; it is as wished then."""
        number = draft.find_number(wish.digest) if wish.number is None else wish.number
        known = draft.final.get(number)
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
        base = draft.begin(number, wish.digest)
        said = _said(wish.entry) | read_moments(wish.entry, base, self._now)
        self.faults += _unknown_labels(wish, self._labels)
        draft.put(number, replace(base, **said) if said else base)
        return number

    def _admit(self, wish: Wish) -> None:
        if wish.digest not in self._admitted:
            contracts.admit(wish.entry["schema"])
            self._admitted.add(wish.digest or b"")

    def _gather_cases(
        self, final: Versions, live: Sequence[int], wishes: Mapping[int, Wish], stored: Versions
    ) -> None:
        """What is to be judged: what lives already is not, whatever the policy has become.

        Nor is a variant of which nothing lives on: what another organization has published is
        history, and nobody here sends it. With `prune`, the document is all that there is to be:
        what was published here before comes back beside it, as of an export.
        """
        known = {number for number, version in stored.items() if self._prune or version.is_live}
        if any(number in stored and stored[number].is_live for number in live):
            new = (number for number in wishes if number not in known)
            self.cases += (Case(number, final, live, wishes) for number in new)


def buried(version: Version) -> Version:
    """The version, deleted: its aliases and links go."""
    return replace(version, is_live=False, aliases=(), links=(), default=None)


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
