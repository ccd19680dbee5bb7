"""What Waybill gives to those who send or take a definition's payloads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from actions.consumers import pages
from actions.consumers.examples import find_examples
from actions.consumers.naming import as_name
from actions.consumers.python import write_python
from actions.consumers.reading import read_shapes
from actions.consumers.typescript import write_typescript
from actions.contracts import dialect_of
from actions.models import ActionDefinition

# Raised by whoever changes what is written: clients keep what they have until then.
EDITION = 1
TAKEN = 20


def tag_of(definition: ActionDefinition) -> str:
    """What stays the same for as long as the types and examples of a definition do."""
    return f"{EDITION}-{bytes(definition.schema_digest).hex()[:32]}"


def make_examples(definition: ActionDefinition, take: int = TAKEN) -> dict[str, Any]:
    """Valid and invalid payloads."""
    dialect = dialect_of(definition.read_schema())
    return find_examples(definition.schema, dialect, take, definition.org_id)


def make_typescript(definition: ActionDefinition) -> str:
    """A module of types; the first is the payload's."""
    shapes = read_shapes(definition.read_schema(), definition.variant)
    return write_typescript(shapes, _heading(definition))


def make_python(definition: ActionDefinition) -> str:
    """A module of types, in which the payload's is named like the variant."""
    name = definition.variant
    return write_python(definition.schema, name, _heading(definition), definition.org_id)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of Markdown; where the time was over before there was an example, it is not whole."""

    text: str
    is_whole: bool


def make_page(definition: ActionDefinition) -> Page:
    """The page, with an example, which takes its time."""
    found = make_examples(definition, take=1)
    is_whole = found["complete"] or bool(found["items"])
    return Page(_write(definition, found["items"]), is_whole)


def tag_of_page(definition: ActionDefinition) -> str:
    """What stays the same for as long as the page does, found without the example.

    That is made from the contract alone, whose digest stands on the page.
    """
    return f"{EDITION}-{sha256(_write(definition, ()).encode()).hexdigest()[:32]}"


def _write(definition: ActionDefinition, examples: Sequence[dict[str, Any]]) -> str:
    shapes = read_shapes(definition.read_schema(), definition.variant)
    return pages.write_page(definition, _versions(definition), shapes, examples)


def _versions(definition: ActionDefinition) -> Sequence[ActionDefinition]:
    rows = ActionDefinition.objects.of_org(definition.org_id).filter(variant=definition.variant)
    return list(rows.order_by("-version")[: pages.MAX_VERSIONS])


def _heading(definition: ActionDefinition) -> list[str]:
    digest = bytes(definition.schema_digest).hex()
    return [
        # The variant comes third: Python reads the first two lines for an encoding.
        f"Written by Waybill from a contract, sha256 {digest}.",
        "",
        f"`{as_name(definition.variant)}` is the payload of {definition}.",
    ]
