"""The documents of a folder, and what a reference from one into another means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple
from urllib.parse import quote, unquote, urldefrag, urljoin

from config.errors import pointer, split_pointer

ROOT = "file:///"
# These hold schemas by name: their keys are no keywords.
BY_NAME = frozenset(
    ["$defs", "definitions", "dependencies", "dependentSchemas", "patternProperties", "properties"]
)
DATA = frozenset(["const", "default", "enum", "example", "examples"])


@dataclass(eq=False, slots=True)
class Document:
    """One schema document: a file, or the text of one version of a subject."""

    path: str
    value: Any
    # What is meant where the document itself says none.
    dialect: str | None = None
    # Whether `nullable: true` is a keyword.
    has_nullable: bool = False
    # What else its references may name, beside files and identifiers.
    named: dict[str, Document] = field(default_factory=dict)

    # Where it is in the folder.
    uri: str = field(init=False)

    def __post_init__(self) -> None:
        """Tells where it is."""
        self.uri = ROOT + quote(self.path)

    def find_dialect(self) -> str | None:
        """The dialect that it says, or that is meant."""
        said = self.value.get("$schema") if isinstance(self.value, dict) else None
        return said if isinstance(said, str) else self.dialect


class SkippedError(ValueError):
    """It cannot be a contract; the message says why."""


class Target(NamedTuple):
    """A schema that a reference leads to."""

    document: Document
    at: str

    @property
    def schema(self) -> Any:
        """It."""
        return resolve_pointer(self.document.value, self.at)

    def find_base(self) -> str:
        """What its own references are relative to: what is above it may say."""
        base = self.document.uri
        parts = self.at.split("/")
        for length in range(1, len(parts)):
            base = find_base(resolve_pointer(self.document.value, "/".join(parts[:length])), base)
        return base


class Documents:
    """All documents by where they are, and everything in them by what it calls itself."""

    def __init__(self) -> None:
        self._known: dict[str, Target] = {}

    def add(self, path: str, value: Any) -> Document:
        """Take in a document; what it holds can be referred to by its identifiers, too."""
        document = Document(path, value)
        self._known[document.uri] = Target(document, "")
        for uri, at in _find_names(document):
            self._known.setdefault(uri, Target(document, at))
        return document

    def find(self, document: Document, reference: str, base: str) -> Target | None:
        """What a reference leads to, seen from its base, or from where the file is."""
        url, _, fragment = reference.partition("#")
        other = document.named.get(url)
        if other is not None:
            return _go_on(Target(other, ""), fragment)
        for seen_from in dict.fromkeys((base, document.uri)):
            whole = _locate(seen_from, url) if url else seen_from
            if fragment and not fragment.startswith("/"):
                found = self._known.get(f"{whole}#{fragment}")
            else:
                found = _go_on(self._known.get(whole), fragment)
            if found is not None:
                return found
        return None


@lru_cache(maxsize=4_096)
def _locate(base: str, url: str) -> str:
    return urldefrag(_join(base, url)).url


def _go_on(target: Target | None, fragment: str) -> Target | None:
    """What a pointer leads to from there; None where it is nothing."""
    if target is None:
        return None
    inner = Target(target.document, target.at + unquote(fragment))
    return None if inner.schema is None else inner


def resolve_pointer(value: Any, at: str) -> Any:
    """What a JSON Pointer leads to; None where it is nothing."""
    for key in split_pointer(at):
        if isinstance(value, list):
            value = value[int(key)] if key.isdecimal() and int(key) < len(value) else None
        else:
            value = value.get(key) if isinstance(value, dict) else None
    return value


def find_base(node: Any, base: str) -> str:
    """The base of the references in a schema, whose identifier may change it."""
    own = node.get("$id", node.get("id")) if isinstance(node, dict) else None
    return _locate(base, own) if isinstance(own, str) else base


def walk(node: Any, base: str = "", at: str = "") -> Iterator[tuple[dict[str, Any], str, str]]:
    """(schema, pointer, base of its references) of everything that may be a schema."""
    if isinstance(node, list):
        for index, inner in enumerate(node):
            yield from walk(inner, base, f"{at}/{index}")
    elif isinstance(node, dict):
        base = find_base(node, base)
        yield node, at, base
        for key, inner in node.items():
            if key in BY_NAME and isinstance(inner, dict):
                for name, one in inner.items():
                    yield from walk(one, base, at + pointer([key, name]))
            elif key not in DATA:
                yield from walk(inner, base, at + pointer([key]))


def _find_names(document: Document) -> Iterator[tuple[str, str]]:
    """(URI, pointer) of everything that has an identifier or an anchor."""
    for node, at, base in walk(document.value, document.uri):
        own = node.get("$id", node.get("id"))
        if isinstance(own, str):
            # One that is only a fragment is an anchor, up to draft 7.
            yield (base + own if own.startswith("#") else base), at
        for anchor in ("$anchor", "$dynamicAnchor"):
            if isinstance(node.get(anchor), str):
                yield f"{base}#{node[anchor]}", at


def _join(base: str, reference: str) -> str:
    # `urljoin` drops a base that is no URL, like `urn:example:order`.
    if reference.startswith("#"):
        return base + reference
    try:
        return urljoin(base, reference)
    except ValueError:
        # Brackets that are no address; nothing has such a name.
        return reference
