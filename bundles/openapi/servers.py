"""The servers of an OpenAPI document as webhook destinations."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from bundles.openapi.faults import Path, UnconvertibleError, UnusableError
from bundles.openapi.operations import Operation
from config.errors import pointer
from destinations import kinds
from destinations.models import Kind

MAX_LABEL = 255
_SHOWN = 300
# Where a document says the servers of all operations.
_USUAL: Path = ("servers",)
_HINT = "Name another by --server, or a destination by --destination; or say --no-destination."
_VARIABLE = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where operations are to go. `address`: that of the document, if it was fetched.

    `existing` is the label of a destination that is there; without `linked` they go nowhere.
    """

    address: str | None = None
    server: str | None = None
    label: str | None = None
    existing: str | None = None
    linked: bool = True


@dataclass(frozen=True, slots=True)
class Target:
    """Where an operation goes; `is_usual`: to where all go that have no server of their own."""

    url: str
    is_usual: bool


class Servers:
    """The destinations that operations go to, each made when the first one goes there."""

    def __init__(self, document: dict[str, Any], wanted: Wanted) -> None:
        self._document = document
        self._wanted = wanted
        self._labels: dict[str, str] = {}
        self._taken: set[str] = set()

    @property
    def destinations(self) -> list[dict[str, Any]]:
        """Those that were asked for."""
        return [
            {"label": label, "type": Kind.WEBHOOK.value, "config": {"url": url}}
            for url, label in self._labels.items()
        ]

    def find(self, operation: Operation) -> Target | None:
        """Where an operation is to go; None where no destination is made for it.

        `UnconvertibleError` where nobody can be called at a server of its own or of its path;
        `UnusableError` where it is the server of all, which `--server` would replace.
        """
        wanted = self._wanted
        if operation.is_webhook or not wanted.linked or wanted.existing is not None:
            return None
        listed, path = self._list(operation)
        is_usual = path == _USUAL
        try:
            return Target(self._read(listed, path), is_usual)
        except UnconvertibleError as error:
            if not is_usual:
                raise
            raise UnusableError(f"{error.reason} {_HINT}", pointer=error.pointer) from error

    def give_label(self, operation: Operation, target: Target | None) -> str | None:
        """The label of the destination that an operation goes to, if it goes to any."""
        if target is None:
            return None if operation.is_webhook else self._wanted.existing
        if target.url not in self._labels:
            label = next(name for name in self._list_names(target) if name not in self._taken)
            self._labels[target.url] = label
            self._taken.add(label)
        return self._labels[target.url]

    def _list(self, operation: Operation) -> tuple[Any, Path]:
        """The servers of an operation: its own, those of its path, or those of all."""
        if self._wanted.server is not None:
            return [{"url": self._wanted.server}], _USUAL
        for value, path in (
            (operation.value, operation.path),
            (operation.item, operation.item_path),
        ):
            if value.get("servers"):
                return value["servers"], (*path, "servers")
        return self._document.get("servers") or [{"url": "/"}], _USUAL

    def _read(self, listed: Any, path: Path) -> str:
        """The URL of the first of them; `UnconvertibleError` where nobody can be called there."""
        server = listed[0] if isinstance(listed, list) else None
        url = server.get("url") if isinstance(server, dict) else None
        at = pointer((*path, 0, "url"))
        if not isinstance(server, dict) or not isinstance(url, str):
            raise UnconvertibleError("A server has no URL.", at)
        url = _VARIABLE.sub(lambda found: _fill(server, found[1], at), url)
        try:
            url = urljoin(self._wanted.address, url) if self._wanted.address else url
            host = urlsplit(url).netloc
        except ValueError as error:
            raise UnconvertibleError(f"{url[:_SHOWN]}: {error}.", at) from error
        if not host:
            raise UnconvertibleError(f"The server is {url[:_SHOWN]!r}, no whole URL.", at)
        for fault in kinds.find_config_faults(Kind.WEBHOOK, {"url": url}):
            raise UnconvertibleError(f"{url[:_SHOWN]}: {fault.message}", at)
        return url

    def _list_names(self, target: Target) -> Iterator[str]:
        """The document's title, or what was asked for; with its host for one beside the usual."""
        info = self._document.get("info")
        title = info.get("title") if isinstance(info, dict) else None
        host = urlsplit(target.url).netloc
        usual = self._wanted.label or (title.strip() if isinstance(title, str) else "") or host
        if target.is_usual:
            yield usual[:MAX_LABEL]
        yield _join(usual, host)
        yield _join(usual, target.url)
        yield from (_join(usual, f"{host} {number}") for number in itertools.count(2))


def _join(usual: str, end: str) -> str:
    """Both in one label, whose end tells it from others."""
    return f"{usual[: max(0, MAX_LABEL - len(end) - 1)]} {end}".strip()[:MAX_LABEL]


def _fill(server: dict[str, Any], name: str, at: str) -> str:
    """The default of a variable of a server's URL."""
    variables = server.get("variables")
    variable = variables.get(name) if isinstance(variables, dict) else None
    default = variable.get("default") if isinstance(variable, dict) else None
    if default is None:
        raise UnconvertibleError(f"The server's variable {name!r} has no default.", at)
    return str(default)
