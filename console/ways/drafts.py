"""A document that is being written in two ways: read from either, judged, and shown in both."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from config import strictjson
from config.errors import BadRequestError, DomainError, Fault
from console.ways.drawing import Shown
from console.ways.fields import Reading, indent

JSON = Any
FORM, TEXT = "form", "json"
# Each is looked for in the form; a page shows fewer.
MOST_FAULTS = 50
UNREAD = "What is marked in the form is not JSON yet: until then, this stays as it was."
BROKEN = "The JSON is not whole yet: until then, the form stays as it was."


class Way(ABC):
    """What a document is drawn as, and judged by."""

    # Why there is no form at all; empty where there is one.
    why = ""

    @property
    @abstractmethod
    def drawn(self) -> dict[str, Any] | None:
        """The form as jsonform takes it; None where there is none."""

    @abstractmethod
    def show(self, value: JSON) -> Shown:
        """The value as the form holds it, or why it does not."""

    @abstractmethod
    def read(self, data: JSON) -> tuple[JSON, Reading]:
        """The value behind the form's data."""

    @abstractmethod
    def locate(self, pointer: str | None, data: JSON) -> str:
        """The input of what stands at this pointer."""

    @abstractmethod
    def judge(self, value: JSON) -> Sequence[Fault]:
        """What is wrong with the value, by pointers into it."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A document as it is just now: its value, if it has one yet, and what is wrong with it."""

    text: str | None
    data: JSON = None
    why: str = ""
    value: JSON = None
    faults: Sequence[Fault] = field(default_factory=tuple)

    @property
    def is_valid(self) -> bool:
        """Whether it could be used as it is."""
        return self.text is not None and not self.faults

    def as_dict(self, way: Way) -> dict[str, Any]:
        """The draft as the page's script takes it."""
        return {
            "text": self.text,
            "data": self.data,
            "why": self.why,
            "valid": self.is_valid,
            "faults": [
                {
                    "message": fault.message,
                    "pointer": fault.pointer,
                    "at": way.locate(fault.pointer, self.data),
                }
                for fault in self.faults[:MOST_FAULTS]
            ],
        }


def begin(way: Way, value: JSON) -> Draft:
    """The draft that starts from a value."""
    shown = way.show(value)
    return Draft(write(value), shown.data, shown.why, value, way.judge(value))


def read(way: Way, asked: JSON) -> Draft:
    """The draft of what was typed last, in the form or as JSON.

    What was typed and is no value yet stays where it is, and the other way is left as it was.
    """
    if not isinstance(asked, dict) or asked.get("from") not in (FORM, TEXT):
        raise BadRequestError("It says neither form nor JSON.")
    if asked["from"] == TEXT:
        return _read_text(way, str(asked.get("text") or ""))
    data = asked.get("data")
    value, reading = way.read(data)
    if reading.faults:
        return Draft(None, data, UNREAD, None, reading.faults)
    return Draft(write(value), data, "", value, way.judge(value))


def _read_text(way: Way, text: str) -> Draft:
    try:
        value = strictjson.parse(text.encode("utf-8", "surrogatepass"))
    except DomainError as error:
        return Draft(None, None, BROKEN, None, error.faults)
    shown = way.show(value)
    return Draft(text, shown.data, shown.why, value, way.judge(value))


def write(value: JSON) -> str:
    """The value as it is edited."""
    return indent(value)
