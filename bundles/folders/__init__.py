"""Folders of schemas as bundles: one action for each schema, its references bundled into it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from actions import contracts, names
from bundles.documents import LeftOut
from bundles.folders import finding, linking
from bundles.folders.finding import Choice, Entry, Left
from bundles.folders.naming import Naming
from bundles.folders.origins import Origins
from bundles.folders.references import SkippedError
from bundles.folders.room import Room
from bundles.reading import Budget, Source, find_places
from config.errors import DomainError, Fault, RuleError
from config.validation import MAX_FAULTS

MAX_DESCRIPTION = 10_000


class Converted(Origins):
    """The bundle, what is not in it, and where each of its actions comes from."""

    def __init__(self) -> None:
        super().__init__()
        self.document: dict[str, Any] = {"actions": []}
        self.left_out: list[LeftOut] = []


def convert(
    sources: Sequence[Source],
    *,
    root: str,
    choice: Choice,
    naming: Naming,
    budget: Budget | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Converted:
    """The schemas of the files as a bundle. Nothing is fetched.

    What cannot be a contract is left out, with its reason. A `DomainError` names pairs of places
    that give one variant, 50 at most, or says that all are too large together. `budget` is what
    reading the files has left; `advance` is called after each schema.
    """
    room = Room(budget or Budget())
    found = finding.find(sources, root=root, choice=choice, room=room)
    left: list[Left] = []
    named: dict[str, list[tuple[Entry, Any]]] = {}
    for entry in found.entries:
        try:
            with room.trying():
                variant, schema = _convert(entry, found, naming, room)
        except SkippedError as error:
            left.append(Left(entry.source, entry.pointer, str(error)))
        else:
            named.setdefault(variant, []).append((entry, schema))
        advance()
    _refuse_clashes(named)
    converted = Converted()
    converted.left_out = _tell(left + found.left_out)
    for variant, ones in sorted(named.items()):
        _add(converted, variant, sorted(ones, key=lambda one: one[0].version or 0))
    return converted


def _convert(entry: Entry, found: finding.Found, naming: Naming, room: Room) -> tuple[str, Any]:
    """The variant and the contract of an entry."""
    variant = naming.name(entry.fields)
    schema = linking.bundle(entry, found.documents, room)
    try:
        names.check_name(variant, pointer="/variant")
        contracts.admit(schema)
    except RuleError as error:
        fault = error.faults[0]
        at = "" if fault.pointer == "/variant" else f" (at {fault.pointer} of the contract)"
        what = f"{variant!r}: " if fault.pointer == "/variant" else ""
        raise SkippedError(f"{what}{fault.message}{at}") from error
    return variant, schema


def _tell(left: Sequence[Left]) -> list[LeftOut]:
    places = find_places([(one.source, one.pointer) for one in left])
    return [
        LeftOut(place, one.reason, one.pointer) for place, one in zip(places, left, strict=True)
    ]


def _refuse_clashes(named: Mapping[str, Sequence[tuple[Entry, Any]]]) -> None:
    """Refuse entries that would be the same version of one variant."""
    clashes = (clash for variant, ones in named.items() for clash in _find_clashes(variant, ones))
    found = list(itertools.islice(clashes, MAX_FAULTS))
    places = iter(find_places([(one.source, one.pointer) for *pair, _ in found for one in pair]))
    faults = [
        Fault("AMBIGUOUS_VARIANT", f"{next(places)} and {next(places)} both give {what}.")
        for *_, what in found
    ]
    if faults:
        raise DomainError.of(faults)


def _find_clashes(
    variant: str, ones: Sequence[tuple[Entry, Any]]
) -> Iterator[tuple[Entry, Entry, str]]:
    """Pairs of entries, and what both of them would be."""
    first: dict[int | None, Entry] = {}
    unnumbered = len(ones) > 1 and any(entry.version is None for entry, _ in ones)
    for entry, _ in ones:
        known = first.setdefault(None if unnumbered else entry.version, entry)
        if known is not entry:
            what = f"{variant!r}" if unnumbered else f"version {entry.version} of {variant!r}"
            yield known, entry, what


def _add(converted: Converted, variant: str, ones: Sequence[tuple[Entry, Any]]) -> None:
    action: dict[str, Any] = {"variant": variant}
    at = f"/actions/{len(converted.document['actions'])}"
    converted.add(at, ones[-1][0].source, ones[-1][0].pointer)
    description = ones[-1][1].get("description") if isinstance(ones[-1][1], dict) else None
    if isinstance(description, str) and len(description) <= MAX_DESCRIPTION:
        action["description"] = description
    if ones[0][0].version is None:
        action["schema"] = ones[0][1]
    else:
        action["versions"] = [
            {"version": entry.version, "schema": schema} for entry, schema in ones
        ]
        for index, (entry, _) in enumerate(ones):
            converted.add(f"{at}/versions/{index}", entry.source, entry.pointer)
    converted.document["actions"].append(action)
