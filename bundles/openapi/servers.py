"""The servers of an OpenAPI document as webhook destinations."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

from django.conf import settings

from bundles.openapi.faults import Path, UnusableError
from bundles.openapi.operations import Operation
from config.errors import pointer
from destinations.outward import outbound

MAX_LABEL = 255
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


class Servers:
    """The destinations that operations go to, each made when the first one asks for it."""

    def __init__(self, document: dict[str, Any], wanted: Wanted) -> None:
        self._document = document
        self._wanted = wanted
        self._labels: dict[str, str] = {}

    @property
    def destinations(self) -> list[dict[str, Any]]:
        """Those that were asked for."""
        return [
            {"label": label, "type": "webhook", "config": {"url": url}}
            for url, label in self._labels.items()
        ]

    def find_label(self, operation: Operation) -> str | None:
        """The label of the destination that an operation goes to, if it goes to any."""
        if operation.is_webhook or not self._wanted.linked:
            return None
        if self._wanted.existing is not None:
            return self._wanted.existing
        listed, path = self._list(operation)
        url = self._read(listed, path)
        if url not in self._labels:
            self._labels[url] = self._name(url, is_own=path != ("servers",))
        return self._labels[url]

    def _list(self, operation: Operation) -> tuple[Any, Path]:
        """The servers of an operation: its own, those of its path, or those of all."""
        if self._wanted.server is not None:
            return [{"url": self._wanted.server}], ("servers",)
        for value, path in (
            (operation.value, operation.path),
            (operation.item, operation.item_path),
        ):
            if value.get("servers"):
                return value["servers"], (*path, "servers")
        return self._document.get("servers") or [{"url": "/"}], ("servers",)

    def _read(self, listed: Any, path: Path) -> str:
        """The URL of the first of them; `UnusableError` where nobody can be called there."""
        server = listed[0] if isinstance(listed, list) else None
        url = server.get("url") if isinstance(server, dict) else None
        at = pointer((*path, 0, "url"))
        if not isinstance(server, dict) or not isinstance(url, str):
            raise UnusableError(f"A server has no URL. {_HINT}", pointer=at)
        url = _VARIABLE.sub(lambda found: _fill(server, found[1], at), url)
        url = urljoin(self._wanted.address, url) if self._wanted.address else url
        if not urlsplit(url).netloc:
            raise UnusableError(f"The server is {url!r}, no whole URL. {_HINT}", pointer=at)
        try:
            outbound.check_url(url, allow_private=settings.ALLOW_PRIVATE_NETWORKS)
        except outbound.AddressRefusedError as error:
            raise UnusableError(f"{url}: {error} {_HINT}", code=error.code, pointer=at) from error
        return url

    def _name(self, url: str, *, is_own: bool) -> str:
        """The document's title, or what was asked for; with its host for one beside the usual."""
        info = self._document.get("info")
        title = info.get("title") if isinstance(info, dict) else None
        host = urlsplit(url).netloc
        usual = self._wanted.label or (title.strip() if isinstance(title, str) else "") or host
        names = [usual] if not is_own else [f"{usual} {host}", f"{usual} {url}"]
        taken = self._labels.values()
        return next((name for name in names if name not in taken), names[-1])[:MAX_LABEL]


def _fill(server: dict[str, Any], name: str, at: str) -> str:
    """The default of a variable of a server's URL."""
    variables = server.get("variables")
    variable = variables.get(name) if isinstance(variables, dict) else None
    default = variable.get("default") if isinstance(variable, dict) else None
    if default is None:
        raise UnusableError(f"The server's variable {name!r} has no default. {_HINT}", pointer=at)
    return str(default)
