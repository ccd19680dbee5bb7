"""Which schemas there are in the files of a folder, and what is known of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from bundles.folders import registries
from bundles.folders.references import Document, Documents, SkippedError, resolve_pointer
from bundles.folders.room import Room
from bundles.reading import Source
from config.errors import pointer, split_pointer

OPENAPI_3_0 = "http://json-schema.org/draft-04/schema#"
OPENAPI_3_1 = "https://json-schema.org/draft/2020-12/schema"
COMPONENTS = "/components/schemas"
# What EventBridge says of the event as a whole, of which other components are parts.
_EVENT = "x-amazon-events-detail-type"
_KEYWORDS = frozenset(
    [
        *("$schema", "$id", "$ref", "$defs", "$dynamicRef", "definitions", "type", "enum", "const"),
        *("properties", "patternProperties", "additionalProperties", "required", "items"),
        *("prefixItems", "allOf", "anyOf", "oneOf", "not", "if"),
    ]
)


@dataclass(frozen=True, slots=True)
class Choice:
    """Which files count, by globs of their paths, and where in each of them schemas stand.

    Files that do not count can be referred to.
    """

    only: Sequence[str] = ()
    without: Sequence[str] = ()
    # A pointer to an object, or a list, of schemas; None: the file is one.
    each: str | None = None

    def takes(self, path: str) -> bool:
        """Whether a file counts."""
        if self.only and not any(fnmatchcase(path, glob) for glob in self.only):
            return False
        return not any(fnmatchcase(path, glob) for glob in self.without)


@dataclass(frozen=True, slots=True)
class Entry:
    """A schema: at a pointer of a document, in a source."""

    source: Source
    # Of the source; that of the document differs where the schema is a text in the source.
    pointer: str
    document: Document
    at: str
    fields: Mapping[str, str]
    version: int | None = None


class Left(NamedTuple):
    """What is no contract, and why not."""

    source: Source
    pointer: str
    reason: str


@dataclass(slots=True)
class Found:
    """All schemas, and all that they may refer to."""

    documents: Documents = field(default_factory=Documents)
    entries: list[Entry] = field(default_factory=list)
    left_out: list[Left] = field(default_factory=list)

    @contextmanager
    def leaving_out(self, source: Source, at: str) -> Iterator[None]:
        """Leaves out what turns out to be no contract."""
        try:
            yield
        except SkippedError as error:
            self.leave_out(source, at, str(error))

    def leave_out(self, source: Source, at: str, reason: str) -> None:
        """Note what is no schema."""
        self.left_out.append(Left(source, at, reason))


def find(sources: Sequence[Source], *, root: str, choice: Choice, room: Room) -> Found:
    """The schemas of the files, in their order."""
    found = Found()
    exports: list[tuple[Source, str, Any]] = []
    for source in sources:
        path = source.name.removeprefix(root).lstrip("/")
        if registries.is_export(source.value):
            if choice.takes(path):
                exports += [(source, at, one) for at, one in registries.split(source.value)]
            continue
        document = found.documents.add(path, source.value)
        if choice.takes(path):
            _find_in(found, source, document, choice.each)
    _add_exports(found, exports, room)
    return found


def _add_exports(found: Found, exports: Sequence[tuple[Source, str, Any]], room: Room) -> None:
    subjects = registries.Subjects(found.documents, room)
    added = []
    for source, at, one in exports:
        with found.leaving_out(source, at):
            subjects.add(one)
            added.append((source, at, one))
    for source, at, one in added:
        with found.leaving_out(source, at):
            document = subjects.find(one)
            fields = {**_fields(document, ""), "subject": one["subject"], "name": one["subject"]}
            found.entries.append(Entry(source, at, document, "", fields, one.get("version")))


def _find_in(found: Found, source: Source, document: Document, each: str | None) -> None:
    """The entries of one file."""
    value = document.value
    if each is None and isinstance(value, dict) and isinstance(value.get("openapi"), str):
        old = value["openapi"].startswith("3.0")
        document.dialect = OPENAPI_3_0 if old else OPENAPI_3_1
        document.has_nullable = old
        pointers = list(_find_components(value))
        if not pointers:
            found.leave_out(source, "", "This OpenAPI document has no components with schemas.")
    elif each is not None:
        pointers = list(_find_each(value, each))
        if not pointers:
            found.leave_out(source, "", f"There is no object or list of schemas at {each!r}.")
    else:
        pointers = [""]
    for at in pointers:
        schema = resolve_pointer(value, at)
        if not isinstance(schema, bool) and not (
            isinstance(schema, dict) and _KEYWORDS & schema.keys()
        ):
            found.leave_out(source, at, "It does not look like a JSON Schema: no keyword of one.")
        else:
            found.entries.append(Entry(source, at, document, at, _fields(document, at)))


def _find_components(value: Mapping[str, Any]) -> Iterator[str]:
    """The schemas of an OpenAPI document: of one from EventBridge, the event as it is sent."""
    components = value.get("components")
    schemas = components.get("schemas") if isinstance(components, dict) else None
    named = schemas if isinstance(schemas, dict) else {}
    events = [name for name, one in named.items() if isinstance(one, dict) and _EVENT in one]
    for name in events or named:
        yield COMPONENTS + pointer([name])


def _find_each(value: Any, at: str) -> Iterator[str]:
    held = resolve_pointer(value, at)
    parts: Sequence[str | int] = ()
    if isinstance(held, dict):
        parts = list(held)
    elif isinstance(held, list):
        parts = range(len(held))
    for part in parts:
        yield at + pointer([part])


def _fields(document: Document, at: str) -> dict[str, str]:
    """What is known of a schema, for naming it."""
    path = _without_endings(document.path)
    schema = resolve_pointer(document.value, at)
    schema = schema if isinstance(schema, dict) else {}
    whole = document.value if isinstance(document.value, dict) else {}
    info = whole.get("info")
    title = schema.get("title") or (info.get("title") if isinstance(info, dict) else None)
    own = schema.get("$id") or schema.get("id")
    # Of a list's item that is a reference, the name of what it refers to.
    reference = schema.get("$ref")
    named = reference if isinstance(reference, str) and at.rpartition("/")[2].isdecimal() else at
    name = split_pointer("/" + named.rpartition("/")[2])[0]
    stem = PurePosixPath(path).name
    fields = {
        "path": path.replace("/", "."),
        "stem": stem,
        "name": name or stem,
        "title": title,
        "id": _read_id(own) if isinstance(own, str) else "",
    }
    return {key: text for key, text in fields.items() if isinstance(text, str)}


def _read_id(id: str) -> str:
    """An identifier without its scheme and its endings, in dots."""
    try:
        split = urlsplit(id)
    except ValueError:
        return ""
    return _without_endings(f"{split.netloc}{split.path}".strip("/")).replace("/", ".")


def _without_endings(path: str) -> str:
    for ending in (".json", ".yaml", ".yml", ".schema"):
        path = path.removesuffix(ending)
    return path
