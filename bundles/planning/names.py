"""The one namespace of variants and aliases, as it would be: who would hold a name twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from bundles.planning.definitions import Settled
from bundles.planning.drafts import Versions
from bundles.planning.states import State
from config.errors import Fault

Holder = tuple[str, bool]


def find_clashes(state: State, settled: Mapping[str, Settled]) -> Iterator[Fault]:
    """The names that two would hold when all is done; what gives one up gives way."""
    held = _find_kept(state, settled)
    for variant, one in settled.items():
        if not one.is_live:
            continue
        holder = held.setdefault(variant, (variant, False))
        if holder != (variant, False):
            message = f"{variant!r} is an alias of {holder[0]!r}."
            yield Fault("VARIANT_IS_ALIAS", message, f"{one.pointer}/variant")
    for variant, one in settled.items():
        for wish in one.wishes:
            for index, alias in enumerate(wish.entry.get("aliases", ())):
                holder = held.setdefault(alias, (variant, True))
                if holder != (variant, True):
                    owner = f"an alias of {holder[0]!r}" if holder[1] else "a variant"
                    message = f"{alias!r} is {owner}."
                    yield Fault("ALIAS_TAKEN", message, f"{wish.pointer}/aliases/{index}")


def find_lifted(state: State, settled: Mapping[str, Settled]) -> Iterator[str]:
    """Where the document has a name that led to what needs approval lead to what does not."""
    for variant, one in settled.items():
        if not one.is_live or _needs_approval(one.final):
            continue
        for name, pointer in _find_named(variant, one):
            # A deleted variant leads nowhere, and its versions still say that they need it.
            before, _ = state.names.get(name, (name, False))
            if before != variant and _needs_approval(state.variants.get(before, {})):
                yield pointer


def _needs_approval(versions: Versions) -> bool:
    return any(version.requires_approval for version in versions.values())


def _find_named(variant: str, one: Settled) -> Iterator[tuple[str, str]]:
    """The names that lead to it, as far as the document has them, and where."""
    yield variant, f"{one.pointer}/variant"
    for wish in one.wishes:
        for index, alias in enumerate(wish.entry.get("aliases", ())):
            yield alias, f"{wish.pointer}/aliases/{index}"


def _find_kept(state: State, settled: Mapping[str, Settled]) -> dict[str, Holder]:
    """Who holds a name now, and still does then."""
    held = {name: one for name, one in state.names.items() if one[0] not in settled}
    for variant, versions in state.variants.items():
        one = settled.get(variant)
        before = {alias for version in versions.values() for alias in version.aliases}
        final = one.final if one else versions
        if any(version.is_live for version in versions.values()) and (one is None or one.is_live):
            held[variant] = (variant, False)
        after = {alias for version in final.values() for alias in version.aliases}
        held |= dict.fromkeys(before & after, (variant, True))
    return held
