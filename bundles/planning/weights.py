"""How much memory planning takes for what a document names, beside the document itself."""

from __future__ import annotations

from typing import Any

from bundles.documents import entries
from config.errors import DomainError

# Rounded up from what is measured of those that are there already, and change: that is the most.
ACTION, VERSION, TARGET = 1_700, 1_200, 1_200
ALIAS, LINK = 450, 40


def too_many() -> DomainError:
    """The refusal of what names more than there is memory to plan it in."""
    return DomainError(
        "This names more actions, versions, destinations, aliases and links than there is memory "
        "for beside what was read. Import it in parts, each with a command of its own.",
        code="TOO_MANY_ENTRIES",
    )


def weigh(document: dict[str, Any]) -> int:
    """The bytes that planning takes at the most, of a document of the right shape."""
    weight = TARGET * len(entries(document, "resources", "destinations"))
    for action in entries(document, "actions"):
        weight += _weigh_action(action)
    return weight


def _weigh_action(action: dict[str, Any]) -> int:
    versions = action.get("versions", ())
    weight = ACTION + VERSION * len(versions)
    for entry in (action, *versions):
        weight += ALIAS * len(entry.get("aliases", ()))
        weight += LINK * len(entry.get("destinations", ()))
    return weight
