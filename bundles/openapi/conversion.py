"""An OpenAPI document as a bundle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import orjson
from django.conf import settings

from actions import contracts
from bundles.documents import FORMAT, LeftOut
from bundles.openapi.contracts import Contracts
from bundles.openapi.faults import TooLargeError, UnconvertibleError, UnusableError
from bundles.openapi.operations import Choice, Operation, Variants, find_operations
from bundles.openapi.schemas import TOO_LARGE, Schemas
from bundles.openapi.servers import Servers, Wanted
from bundles.openapi.specification import Specification
from config.errors import pointer

MAX_DESCRIPTION = 10_000
# So many, and the bytes of their contracts together: what is made of a document, and planned,
# stays below 300 MB of memory with the document itself.
MAX_OPERATIONS = 10_000
MAX_BYTES = 64 * 1024 * 1024
_IN_PARTS = "Import it in parts, by --tag or --path."


@dataclass(frozen=True, slots=True)
class Options:
    """Which operations are taken over, what they are called and where they go."""

    prefix: str = ""
    choice: Choice = field(default_factory=Choice)
    wanted: Wanted = field(default_factory=Wanted)


@dataclass(frozen=True, slots=True)
class Converted:
    """The bundle, the pointer in the source of each of its actions, and what is not in it."""

    document: dict[str, Any]
    pointers: tuple[str, ...]
    left_out: tuple[LeftOut, ...]


def convert(
    value: Any,
    options: Options | None = None,
    *,
    advance: Callable[[], None] = lambda: None,
) -> Converted:
    """The bundle of an OpenAPI document; `UnusableError` where the document as a whole has none.

    Each operation is a definition or is left out with the reason; `advance` is called after each.
    """
    options = options or Options()
    specification = Specification(value)
    found = list(find_operations(specification))
    operations = [one for one in found if isinstance(one, Operation)]
    chosen = [one for one in operations if options.choice.has(one)]
    if operations and not chosen:
        raise UnusableError("None of its operations has such a tag or path.", pointer="")
    if len(chosen) > MAX_OPERATIONS:
        said = f"These are {len(chosen):,} operations, more than {MAX_OPERATIONS:,}. {_IN_PARTS}"
        raise UnusableError(said, pointer="")
    conversion = _Conversion(specification, options)
    conversion.left_out += [one for one in found if isinstance(one, LeftOut)]
    for operation in chosen:
        conversion.take(operation)
        advance()
    others = len(operations) - len(chosen)
    if others:
        conversion.left_out.append(LeftOut(f"{others:,} operations", "Not asked for.", ""))
    return conversion.end()


class _Conversion:
    """A bundle that becomes more with each operation."""

    def __init__(self, specification: Specification, options: Options) -> None:
        self.left_out: list[LeftOut] = []
        self._actions: list[dict[str, Any]] = []
        self._pointers: list[str] = []
        self._bytes = 0
        self._specification = specification
        self._contracts = Contracts(Schemas(specification))
        self._variants = Variants(options.prefix)
        self._servers = Servers(specification.value, options.wanted)

    def take(self, operation: Operation) -> None:
        """A definition more, or one more that is left out; its callbacks always are."""
        self.left_out += operation.list_callbacks()
        try:
            target = self._servers.find(operation)
            schema = self._write_contract(operation)
            variant = self._variants.give(operation)
        except UnconvertibleError as error:
            self.left_out.append(LeftOut(str(operation), error.reason, error.pointer))
            return
        action: dict[str, Any] = {
            "variant": variant,
            "description": describe(operation),
            "schema": schema,
        }
        if is_deprecated(operation):
            action["deprecated"] = True
        label = self._servers.give_label(operation, target)
        if label is not None:
            action["destinations"] = [label]
        self._actions.append(action)
        self._pointers.append(pointer(operation.path))

    def end(self) -> Converted:
        """What has become of the document."""
        document: dict[str, Any] = {"waybill": FORMAT, "actions": self._actions}
        if self._servers.destinations:
            document["resources"] = {"destinations": self._servers.destinations}
        return Converted(document, tuple(self._pointers), tuple(self.left_out))

    @cached_property
    def _plain_contracts(self) -> Contracts:
        return Contracts(Schemas(self._specification, annotated=False))

    def _write_contract(self, operation: Operation) -> dict[str, Any]:
        """The contract, which is admitted; without annotations where it would be too large."""
        try:
            schema = self._weigh(self._contracts.write(operation), operation)
        except TooLargeError:
            schema = self._weigh(self._plain_contracts.write(operation), operation)
        try:
            contracts.admit(schema)
        except contracts.InvalidSchemaError as error:
            (fault,) = error.faults
            said = f"Its contract is refused, at {fault.pointer}: {fault.message}"
            raise UnconvertibleError(said, operation.path) from error
        return schema

    def _weigh(self, schema: dict[str, Any], operation: Operation) -> dict[str, Any]:
        """The contract, if it is not too large; all of them together may not be, either."""
        size = len(orjson.dumps(schema))
        if size > settings.MAX_BODY_BYTES:
            raise TooLargeError(TOO_LARGE, operation.path)
        self._bytes += size
        if self._bytes > MAX_BYTES:
            said = f"Its contracts together are more than {MAX_BYTES:,} bytes. {_IN_PARTS}"
            raise UnusableError(said, pointer=pointer(operation.path))
        return schema


def is_deprecated(operation: Operation) -> bool:
    """Whether the document says so."""
    return operation.value.get("deprecated") is True


def describe(operation: Operation) -> str:
    """Its summary and its description, then what it is; what is too long is cut."""
    said = [operation.value.get("summary"), operation.value.get("description")]
    if is_deprecated(operation):
        said.insert(0, "Deprecated.")
    text = "\n\n".join(part.strip() for part in said if isinstance(part, str) and part.strip())
    end = f"\n\n{operation}"
    most = MAX_DESCRIPTION - len(end)
    return ((text if len(text) <= most else text[: most - 1] + "…") + end).strip()[:MAX_DESCRIPTION]
