"""What the document says, entry by entry, and what is wrong with it whatever is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from actions import names
from actions.services import MOMENTS
from bundles.documents import entries
from bundles.planning.states import Scope
from config import strictjson
from config.errors import DomainError, Fault

Entry = Mapping[str, Any]
ONLY_EMPTY = (("resources", "metrics"), ("resources", "sources"))
OF_AN_ACTION = ("queries", "sources")
# What stands beside `schema`, or in each of `versions`.
OF_A_VERSION = (
    "schema",
    "description",
    "aliases",
    "destinations",
    "default",
    *MOMENTS,
    "deprecated",
)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the document says of a version of a variant; without a number, of the newest."""

    pointer: str
    entry: Entry
    number: int | None = None
    digest: bytes | None = None


def read_wishes(index: int, action: Entry) -> list[Wish]:
    """What an action says of versions, in their order."""
    at = f"/actions/{index}"
    if "versions" not in action:
        return [Wish(at, action, None, _digest(action))]
    said = [
        Wish(f"{at}/versions/{position}", entry, entry["version"], _digest(entry))
        for position, entry in enumerate(action["versions"])
    ]
    return sorted(said, key=lambda wish: wish.number or 0)


def _digest(entry: Entry) -> bytes | None:
    return strictjson.digest(entry["schema"]) if "schema" in entry else None


def below(at: str, faults: Sequence[Fault]) -> Iterator[Fault]:
    """The faults of an entry, with pointers from the document's root."""
    return (replace(fault, pointer=at + (fault.pointer or "")) for fault in faults)


def read_scope(document: dict[str, Any], *, entire: bool) -> Scope:
    """What of the organization the document speaks of; all of it where the rest is to go."""
    actions = entries(document, "actions")
    targets = entries(document, "resources", "destinations")
    said = [entry for action in actions for entry in (action, *action.get("versions", ()))]
    variants = frozenset(action["variant"] for action in actions)
    aliases = {alias for entry in said for alias in entry.get("aliases", ())}
    linked = {label for entry in said for label in entry.get("destinations", ())}
    credentials = (*targets, *entries(document, "resources", "credentials"))
    return Scope(
        entire=entire,
        variants=variants,
        names=variants | aliases,
        labels=frozenset(linked | {target["label"] for target in targets}),
        credentials=frozenset(_labels(credentials, "credential", "label")),
        signing_keys=frozenset(_labels(targets, "signing_key")),
    )


def _labels(said: Iterable[Entry], *keys: str) -> Iterator[str]:
    """The labels under the first of these keys that an entry has."""
    for entry in said:
        key = next((key for key in keys if key in entry), None)
        if key and entry[key] is not None and not (key == "label" and "config" in entry):
            yield entry[key]


def find_faults(document: dict[str, Any]) -> Iterator[Fault]:
    """What is wrong with the document in itself."""
    actions = entries(document, "actions")
    yield from _unsupported(document)
    yield from _twice("/actions", (action["variant"] for action in actions), "variant")
    for kind in ("destinations", "credentials"):
        labels = (entry["label"] for entry in entries(document, "resources", kind))
        yield from _twice(f"/resources/{kind}", labels, "label")
    for index, action in enumerate(actions):
        yield from _find_action_faults(f"/actions/{index}", action)


def _unsupported(document: dict[str, Any]) -> Iterator[Fault]:
    places = {"/" + "/".join(path): entries(document, *path) for path in ONLY_EMPTY}
    for index, action in enumerate(entries(document, "actions")):
        places |= {f"/actions/{index}/{name}": action.get(name) for name in OF_AN_ACTION}
    for pointer, found in places.items():
        if found:
            name = pointer.rpartition("/")[2]
            yield Fault("NOT_SUPPORTED", f"Waybill has no {name}: leave them out.", pointer)


def _twice(at: str, said: Iterable[Hashable], name: str) -> Iterator[Fault]:
    """Entries that say the same as one before them."""
    seen: Counter[Hashable] = Counter()
    for index, value in enumerate(said):
        seen[value] += 1
        if seen[value] == 2:
            yield Fault("TWICE", f"{value!r} has an entry already.", f"{at}/{index}/{name}")


def _find_action_faults(at: str, action: Entry) -> Iterator[Fault]:
    yield from _check_name(action["variant"], f"{at}/variant")
    if "versions" not in action:
        yield from _find_entry_faults(at, action)
        return
    for name in OF_A_VERSION:
        if name in action:
            message = f"`{name}` stands in each of `versions`, or there are no `versions`."
            yield Fault("MIXED_VERSIONS", message, f"{at}/{name}")
    numbers = (entry["version"] for entry in action["versions"])
    yield from _twice(f"{at}/versions", numbers, "version")
    held: dict[str, int] = {}
    for index, entry in enumerate(action["versions"]):
        yield from _find_entry_faults(f"{at}/versions/{index}", entry)
        for position, alias in enumerate(entry.get("aliases", ())):
            if held.setdefault(alias, index) != index:
                place = f"{at}/versions/{index}/aliases/{position}"
                yield Fault("ALIAS_TAKEN", f"{alias!r} is an alias of another version.", place)


def _find_entry_faults(at: str, entry: Entry) -> Iterator[Fault]:
    aliases = entry.get("aliases", ())
    if len(aliases) > names.MAX_ALIASES:
        message = f"A definition has at most {names.MAX_ALIASES} aliases."
        yield Fault("INVALID_NAME", message, f"{at}/aliases")
    for index, alias in enumerate(aliases):
        yield from _check_name(alias, f"{at}/aliases/{index}")
    default = entry.get("default")
    if default is not None and default not in entry["destinations"]:
        message = f"{default!r} is not one of `destinations`."
        yield Fault("DEFAULT_NOT_LINKED", message, f"{at}/default")


def _check_name(name: str, pointer: str) -> Iterator[Fault]:
    try:
        names.check_name(name, pointer=pointer)
    except DomainError as error:
        yield from error.faults
