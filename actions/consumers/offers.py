"""What Waybill gives to those who send or take a definition's payloads."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from actions.consumers import pages
from actions.consumers.examples import SECONDS_TO_WAIT, Asked, find_examples
from actions.consumers.naming import as_name
from actions.consumers.python import BUSY, write_python
from actions.consumers.reading import read_shapes
from actions.consumers.typescript import write_typescript
from actions.contracts import dialect_of
from actions.models import ActionDefinition
from config.errors import BusyError
from runtime.seats import Seats

# Raised by whoever changes what is written: clients keep what they have until then.
EDITION = 2
TAKEN = 20
# Who reads a contract's shapes, or waits for a turn at it: the work is this process's own, and
# takes some seconds at the most.
seats = Seats(20)
SECONDS_FOR_A_TURN = 15
_turns = threading.BoundedSemaphore(2)
# Nobody waits for an example who has asked for a page.
SECONDS_FOR_A_PAGE = 5


def tag_of(definition: ActionDefinition) -> str:
    """What stays the same for as long as the types and examples of a definition do."""
    return f"{EDITION}-{bytes(definition.schema_digest).hex()[:32]}"


def make_examples(
    definition: ActionDefinition, take: int = TAKEN, seconds: float = SECONDS_TO_WAIT
) -> dict[str, Any]:
    """Valid and invalid payloads; 503 where they are not made in so many seconds."""
    asked = Asked(definition.schema, dialect_of(definition.read_schema()), take, seconds)
    return find_examples(asked, definition.org_id)


def make_typescript(definition: ActionDefinition) -> str:
    """A module of types; the first is the payload's. It is written in this process."""
    with _turn(definition.org_id):
        shapes = read_shapes(definition.read_schema(), definition.variant)
        return write_typescript(shapes, _heading(definition))


def make_python(definition: ActionDefinition) -> str:
    """A module of types, in which the payload's is named like the variant."""
    name = definition.variant
    return write_python(definition.schema, name, _heading(definition), definition.org_id)


@dataclass(frozen=True, slots=True)
class Page:
    """A page of Markdown; where there was no time for an example, it is not whole."""

    text: str
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Draft:
    """A page that still is without its example."""

    definition: ActionDefinition
    text: str

    @property
    def tag(self) -> str:
        """What stays the same for as long as the page does.

        The example is made from the contract alone, whose digest stands on the page.
        """
        return f"{EDITION}-{sha256(self.text.encode()).hexdigest()[:32]}"

    def finish(self, seconds: float = SECONDS_FOR_A_PAGE) -> Page:
        """The page, with an example if one is made in so many seconds."""
        try:
            found = make_examples(self.definition, take=1, seconds=seconds)
        except BusyError:
            return self._end(None)
        return self._end(found["items"] if found["complete"] or found["items"] else None)

    def _end(self, examples: Sequence[dict[str, Any]] | None) -> Page:
        end = pages.write_example(self.definition, examples)
        return Page(self.text + end, is_whole=examples is not None)


def draft_page(definition: ActionDefinition) -> Draft:
    """The page of a definition `with_links`, as far as it is written in this process."""
    versions = _versions(definition)
    with _turn(definition.org_id):
        shapes = read_shapes(definition.read_schema(), definition.variant)
        return Draft(definition, pages.write_page(definition, versions, shapes))


def _versions(definition: ActionDefinition) -> Sequence[ActionDefinition]:
    """What a page shows of them: 200 whole contracts are too much to hold."""
    rows = ActionDefinition.objects.of_org(definition.org_id).filter(variant=definition.variant)
    return list(rows.defer("schema").order_by("-version")[: pages.MAX_VERSIONS])


@contextmanager
def _turn(org_id: int) -> Iterator[None]:
    """One of the few turns at reading shapes, which is waited for out of the slot."""
    with seats.waiting(org_id) as is_seated:
        if not is_seated or not _turns.acquire(timeout=SECONDS_FOR_A_TURN):
            raise BusyError(BUSY, retry_after=5)
        try:
            yield
        finally:
            _turns.release()


def _heading(definition: ActionDefinition) -> list[str]:
    digest = bytes(definition.schema_digest).hex()
    return [
        # The variant comes third: Python reads the first two lines for an encoding.
        f"Written by Waybill from a contract, sha256 {digest}.",
        "",
        f"`{as_name(definition.variant)}` is the payload of {definition}.",
    ]
