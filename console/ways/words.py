"""The keywords of JSON Schema that the builder has inputs for, and which types have them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from config import strictjson
from config.errors import DomainError
from console.ways.fields import ABSENT, MAX_EXACT, Path, Reading, indent

JSON = Any
Schema = dict[str, Any]
FORMATS = (
    "date",
    "date-time",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "time",
    "uri",
    "uuid",
)
MORE: Schema = {
    "type": "string",
    "title": "More keywords",
    "widget": "textarea",
    "placeholder": '{"examples": []}',
}
JSON_ONLY: Schema = {"type": "string", "title": "JSON Schema", "widget": "textarea"}


@dataclass(frozen=True, slots=True)
class Word:
    """A keyword with an input: a text where it is not said otherwise."""

    name: str
    title: str

    @property
    def drawn(self) -> Schema:
        """The input as jsonform takes it."""
        return {"type": "string", "title": self.title}

    @property
    def blank(self) -> JSON:
        """What the input holds where nothing is said."""
        return ""

    def can_say(self, value: JSON) -> bool:
        """Whether the input can hold the value exactly."""
        return isinstance(value, str) and value != ""

    def read(self, data: JSON) -> JSON:
        """The value; `ABSENT` where nothing is said."""
        return ABSENT if data in ("", None, []) else data


@dataclass(frozen=True, slots=True)
class OneOf(Word):
    """A text of several that are listed."""

    choices: tuple[str, ...] = ()

    @property
    def drawn(self) -> Schema:
        """A menu, with a first line for none of them."""
        lines = [{"title": one or "—", "value": one} for one in ("", *self.choices)]
        return {"type": "string", "title": self.title, "enum": lines}

    def can_say(self, value: JSON) -> bool:
        """Whether it is listed."""
        return isinstance(value, str) and value in self.choices


@dataclass(frozen=True, slots=True)
class Count(Word):
    """A number."""

    type: str = "integer"

    @property
    def drawn(self) -> Schema:
        """A number."""
        return {"type": self.type, "title": self.title}

    @property
    def blank(self) -> JSON:
        """No number."""
        return None

    def can_say(self, value: JSON) -> bool:
        """Whether a browser has it exactly."""
        if isinstance(value, bool) or not isinstance(value, int | float):
            return False
        is_whole = isinstance(value, int) or self.type == "number"
        # 1.0 would come back as 1.
        return is_whole and abs(value) <= MAX_EXACT and _writes_back(value)


@dataclass(frozen=True, slots=True)
class Listed(Word):
    """Different texts, or numbers."""

    type: str = "string"

    @property
    def drawn(self) -> Schema:
        """A list to add to."""
        return {"type": "array", "title": self.title, "items": {"type": self.type}}

    @property
    def blank(self) -> JSON:
        """None."""
        return []

    def can_say(self, value: JSON) -> bool:
        """Whether each of them can be said."""
        item = Word("", "") if self.type == "string" else Count("", "", self.type)
        return isinstance(value, list) and bool(value) and all(item.can_say(one) for one in value)

    def read(self, data: JSON) -> JSON:
        """The items, without those that were left empty."""
        said = [one for one in data if one not in ("", None)] if isinstance(data, list) else []
        return said or ABSENT


@dataclass(frozen=True, slots=True)
class Kind:
    """A type, and the keywords that have inputs for it."""

    title: str
    words: tuple[Word, ...] = ()

    def show(self, schema: Schema) -> tuple[dict[str, JSON], Schema]:
        """What the inputs hold, and what is left for `more`."""
        data = {word.name: word.blank for word in self.words}
        said = {
            word.name: schema[word.name]
            for word in self.words
            if word.name in schema and word.can_say(schema[word.name])
        }
        return data | said, {name: one for name, one in schema.items() if name not in said}

    def read(self, data: dict[str, JSON]) -> Schema:
        """The keywords that the inputs say."""
        read = {word.name: word.read(data.get(word.name)) for word in self.words}
        return {name: value for name, value in read.items() if value is not ABSENT}

    @property
    def drawn(self) -> dict[str, Schema]:
        """The inputs as jsonform takes them."""
        return {word.name: word.drawn for word in self.words}


def _numbers(type: str) -> tuple[Word, ...]:
    return (
        Listed("enum", "One of", type),
        Count("minimum", "At least", type),
        Count("maximum", "At most", type),
    )


KINDS: dict[str, Kind] = {
    "string": Kind(
        "Text",
        (
            Listed("enum", "One of"),
            OneOf("format", "Format", FORMATS),
            Count("minLength", "Shortest"),
            Count("maxLength", "Longest"),
            Word("pattern", "Pattern"),
        ),
    ),
    "integer": Kind("Whole number", _numbers("integer")),
    "number": Kind("Number", _numbers("number")),
    "boolean": Kind("Yes or no"),
    "object": Kind("Object"),
    "array": Kind("List", (Count("minItems", "Fewest"), Count("maxItems", "Most"))),
}
OTHER = "other"


def write(value: JSON) -> str:
    """The JSON of what has no input; empty where there is nothing."""
    return "" if value == {} else indent(value)


def read_json(text: JSON, reading: Reading, at: Path) -> JSON:
    """The value of a box; an empty one says nothing."""
    if text is None or text == "":
        return {}
    try:
        return strictjson.parse(str(text).encode("utf-8", "surrogatepass"))
    except DomainError as error:
        reading.refuse(at, str(error))
        return {}


def read_more(text: JSON, said: Schema, reading: Reading, at: Path) -> Schema:
    """The keywords of the box `more`, none of which an input says."""
    more = read_json(text, reading, at)
    if not isinstance(more, dict):
        reading.refuse(at, "More keywords stand in a JSON object.")
        return {}
    twice = sorted(more.keys() & said.keys())
    if twice:
        reading.refuse(at, f"`{twice[0]}` is said by an input already.")
    return {name: value for name, value in more.items() if name not in said}


def _writes_back(value: float) -> bool:
    return not (isinstance(value, float) and value.is_integer())
