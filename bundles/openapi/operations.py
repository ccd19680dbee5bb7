"""The operations of an OpenAPI document: of its paths and webhooks; what they are called."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from actions import names
from bundles.documents import LeftOut
from bundles.openapi.faults import Path, UnconvertibleError
from bundles.openapi.specification import Specification
from config.errors import RuleError, pointer

METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")
# Of operations whose method has no key of its own, since 3.2.
_ADDITIONAL = "additionalOperations"
_CALLBACK = "It is a callback: what the API calls later, at an address that it was given."


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation, and the path item that it belongs to."""

    method: str
    # Of the URL; of a webhook its name.
    address: str
    value: dict[str, Any]
    path: Path
    item: dict[str, Any]
    item_path: Path
    is_webhook: bool

    def __str__(self) -> str:
        return f"webhook {self.address}" if self.is_webhook else f"{self.method} {self.address}"

    @property
    def tags(self) -> list[str]:
        """The tags that it has."""
        tags = self.value.get("tags")
        return [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []

    def list_callbacks(self) -> Iterator[LeftOut]:
        """Its callbacks, which are no operations of the API."""
        callbacks = self.value.get("callbacks")
        for name in callbacks if isinstance(callbacks, dict) else ():
            at = pointer((*self.path, "callbacks", name))
            yield LeftOut(f"callback {name} of {self}", _CALLBACK, at)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which operations are wanted: by their tags, and by globs of their paths."""

    tags: tuple[str, ...] = ()
    without_tags: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    without_paths: tuple[str, ...] = ()

    def has(self, operation: Operation) -> bool:
        """Whether it is among them."""
        tags, address = operation.tags, operation.address
        is_asked = not self.tags or any(tag in self.tags for tag in tags)
        is_there = not self.paths or any(fnmatchcase(address, glob) for glob in self.paths)
        return (
            is_asked
            and is_there
            and not any(tag in self.without_tags for tag in tags)
            and not any(fnmatchcase(address, glob) for glob in self.without_paths)
        )


def find_operations(specification: Specification) -> Iterator[Operation | LeftOut]:
    """All operations in the document's order, and what should have been some but is not."""
    for key, is_webhook in (("paths", False), ("webhooks", True)):
        items = specification.value.get(key)
        for address, item in items.items() if isinstance(items, dict) else ():
            if is_webhook or not address.startswith("x-"):
                yield from _of_item(specification, address, item, (key, address))


def _of_item(
    specification: Specification, address: str, item: Any, path: Path
) -> Iterator[Operation | LeftOut]:
    is_webhook = path[0] == "webhooks"
    what = f"webhook {address}" if is_webhook else address
    try:
        meant = specification.follow(item, path)
    except UnconvertibleError as error:
        yield LeftOut(what, error.reason, error.pointer)
        return
    if not isinstance(meant.value, dict):
        yield LeftOut(what, "A path item is no object.", pointer(path))
        return
    for method, value, at in _methods(meant.value, meant.path):
        made = Operation(method, address, value, at, meant.value, meant.path, is_webhook)
        if isinstance(value, dict):
            yield made
        else:
            yield LeftOut(str(made), "An operation is no object.", pointer(at))


def _methods(item: dict[str, Any], path: Path) -> Iterator[tuple[str, Any, Path]]:
    for method in METHODS:
        if method in item:
            yield method.upper(), item[method], (*path, method)
    more = item.get(_ADDITIONAL)
    for method, value in more.items() if isinstance(more, dict) else ():
        yield method, value, (*path, _ADDITIONAL, method)


class Variants:
    """The variants that are given to operations; none is given twice."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self._taken: dict[str, Operation] = {}

    def give(self, operation: Operation) -> str:
        """A variant by its `operationId`; by method and path where it has none, or none of its own.

        `UnconvertibleError` where that is taken as well, or can be no variant.
        """
        wanted = [_of_address(operation)]
        own = operation.value.get("operationId")
        if isinstance(own, str) and own.strip():
            wanted.insert(0, _clean(own))
        found = [self._prefix + name for name in wanted]
        free = [name for name in found if name not in self._taken]
        if not free:
            said = f"Its name, {found[-1]!r}, is that of {self._taken[found[-1]]}."
            raise UnconvertibleError(said, operation.path)
        _check(free[0], operation)
        self._taken[free[0]] = operation
        return free[0]


def _of_address(operation: Operation) -> str:
    """`get.pets.petId` of `GET /pets/{petId}`."""
    parts = operation.address.replace("{", "").replace("}", "").split("/")
    return _clean(".".join([operation.method.lower(), *filter(None, parts)]))


def _clean(name: str) -> str:
    """Without `/`, which no variant has, and without what is not printable."""
    plain = name.strip().replace("/", ".")
    return "".join(char if char.isprintable() else "_" for char in plain)


def _check(name: str, operation: Operation) -> None:
    try:
        names.check_name(name, pointer="")
    except RuleError as error:
        raise UnconvertibleError(f"{error} It would be {name[:100]!r}.", operation.path) from error
