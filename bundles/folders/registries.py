"""What a schema registry answers about its subjects, kept in files: schemas as texts.

The answers are those of `GET /subjects/{subject}/versions/{version}`, one in a file or a list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from actions.services import MAX_VERSION
from bundles import reading
from bundles.folders import avro
from bundles.folders.references import Document, Documents, SkippedError
from bundles.folders.room import Room
from bundles.reading import UnreadableError, memory

JSON, AVRO = "JSON", "AVRO"
Key = tuple[str, int | None]


@dataclass(slots=True)
class Subject:
    """One version of a subject, its schema read."""

    schema: Any
    # What it takes in memory.
    weight: int
    references: list[Any]
    document: Document | None = field(default=None)


def is_export(value: Any) -> bool:
    """Whether a file is an answer of a registry, or a list of them."""
    first = value[0] if isinstance(value, list) and value else value
    return isinstance(first, dict) and isinstance(first.get("schema"), str)


def split(value: Any) -> Iterator[tuple[str, Any]]:
    """The answers, each with its pointer."""
    if isinstance(value, list):
        yield from ((f"/{index}", one) for index, one in enumerate(value))
    else:
        yield "", value


class Subjects:
    """All subjects of a folder, which may refer to each other."""

    def __init__(self, documents: Documents, room: Room) -> None:
        self._documents = documents
        self._known: dict[Key, Subject] = {}
        self._room = room
        # All texts of a folder count together, and with its files.
        self._budget = room.budget

    def add(self, one: Any) -> None:
        """Read an answer; `SkippedError` says why it is left out."""
        key = _read_key(one)
        language = one.get("schemaType") or AVRO
        if language not in (JSON, AVRO):
            raise SkippedError(
                f"A schema of {str(language)[:100]} describes no JSON; JSON and AVRO do."
            )
        try:
            schema, weight = self._read(one["schema"])
        except UnreadableError as error:
            raise SkippedError(str(error)) from error
        listed = one.get("references")
        subject = Subject(schema, weight, listed if isinstance(listed, list) else [])
        if language == JSON:
            subject.document = self._documents.add(_path(key), schema)
        self._known.setdefault(key, subject)

    def find(self, one: Any) -> Document:
        """The document of an answer that was added, with what it refers to."""
        key = _read_key(one)
        subject = self._known[key]
        if subject.document is None:
            try:
                made = self._convert(subject)
            except avro.AvroError as error:
                raise SkippedError(
                    f"It is no Avro schema that can be converted: {error}"
                ) from error
            subject.document = self._documents.add(_path(key), made)
        else:
            for name, other in self._find_named(subject):
                if other.document is not None:
                    subject.document.named[name] = other.document
        return subject.document

    def _read(self, text: str) -> tuple[Any, int]:
        """A schema, and what it takes in memory."""
        data, before = text.encode(), self._budget.left
        value = reading.parse("schema.json", data, budget=self._budget).value
        self._budget.left += len(data)
        return value, before - self._budget.left

    def _convert(self, subject: Subject) -> dict[str, Any]:
        """The JSON Schema of an Avro schema, made with all that it refers to."""
        others = self._find_all(subject)
        for one in others:
            self._room.take_work(one.weight)
        made = avro.convert(subject.schema, [other.schema for other in others])
        self._room.take(memory.weigh(made))
        self._room.take_bytes(len(orjson.dumps(made)))
        return made

    def _find_all(self, subject: Subject) -> list[Subject]:
        """Those that it refers to, after those that they refer to, each once."""
        ordered: list[Subject] = []
        seen = {id(subject)}
        left = [(subject, self._find_named(subject))]
        while left:
            one, references = left[-1]
            other = next((found for _, found in references if id(found) not in seen), None)
            if other is None:
                left.pop()
                ordered.append(one)
            else:
                seen.add(id(other))
                left.append((other, self._find_named(other)))
        return ordered[:-1]

    def _find_named(self, subject: Subject) -> Iterator[tuple[str, Subject]]:
        for one in subject.references:
            if not isinstance(one, dict):
                continue
            name, named, version = (one.get(key) for key in ("name", "subject", "version"))
            if isinstance(name, str) and isinstance(named, str) and isinstance(version, int):
                other = self._known.get((named, version))
                if other:
                    yield name, other


def _read_key(one: Any) -> Key:
    if not isinstance(one, dict) or not isinstance(one.get("schema"), str):
        raise SkippedError("It has no schema.")
    subject, version = one.get("subject"), one.get("version")
    if not isinstance(subject, str) or not subject:
        raise SkippedError("It does not say its subject.")
    if version is None:
        return subject, None
    if type(version) is not int or not 1 <= version <= MAX_VERSION:
        raise SkippedError(f"Its version {str(version)[:100]} is none.")
    return subject, version


def _path(key: Key) -> str:
    """Where no file of a folder is: hidden ones are not read."""
    return f".subjects/{key[0]}/{key[1]}"
