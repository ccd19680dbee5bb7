"""Folders of schemas as bundles: one action for each schema, its references bundled into it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from actions import contracts, names
from bundles.documents import LeftOut
from bundles.folders import finding, linking
from bundles.folders.finding import Choice, Entry
from bundles.folders.naming import Naming
from bundles.folders.origins import Origins
from bundles.folders.references import SkippedError
from bundles.reading import Budget, Source
from config.errors import DomainError, Fault, RuleError

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
) -> Converted:
    """The schemas of the files as a bundle. Nothing is fetched.

    What cannot be a contract is left out, with its reason. A `DomainError` names all pairs of
    places that give one variant. `budget` is what reading the files has left.
    """
    found = finding.find(sources, root=root, choice=choice, budget=budget or Budget())
    converted = Converted()
    named: dict[str, list[tuple[Entry, Any]]] = {}
    for entry in found.entries:
        try:
            variant, schema = _convert(entry, found, naming)
        except SkippedError as error:
            converted.left_out.append(LeftOut(entry.place, str(error), entry.pointer))
        else:
            named.setdefault(variant, []).append((entry, schema))
    converted.left_out += found.left_out
    faults = [fault for variant, ones in named.items() for fault in _find_clashes(variant, ones)]
    if faults:
        raise DomainError.of(faults)
    for variant, ones in sorted(named.items()):
        _add(converted, variant, sorted(ones, key=lambda one: one[0].version or 0))
    return converted


def _convert(entry: Entry, found: finding.Found, naming: Naming) -> tuple[str, Any]:
    """The variant and the contract of an entry."""
    variant = naming.name(entry.fields)
    schema = linking.bundle(entry, found.documents)
    try:
        names.check_name(variant, pointer="/variant")
        contracts.admit(schema)
    except RuleError as error:
        fault = error.faults[0]
        at = "" if fault.pointer == "/variant" else f" (at {fault.pointer} of the contract)"
        what = f"{variant!r}: " if fault.pointer == "/variant" else ""
        raise SkippedError(f"{what}{fault.message}{at}") from error
    return variant, schema


def _find_clashes(variant: str, ones: Sequence[tuple[Entry, Any]]) -> list[Fault]:
    """The faults of entries that would be the same version of one variant."""
    faults = []
    first: dict[int | None, Entry] = {}
    unnumbered = len(ones) > 1 and any(entry.version is None for entry, _ in ones)
    for entry, _ in ones:
        known = first.setdefault(None if unnumbered else entry.version, entry)
        if known is not entry:
            what = f"{variant!r}" if unnumbered else f"version {entry.version} of {variant!r}"
            said = f"{known.place} and {entry.place} both give {what}."
            faults.append(Fault("AMBIGUOUS_VARIANT", said))
    return faults


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
