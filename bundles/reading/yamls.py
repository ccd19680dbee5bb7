"""YAML of a file, built from the parser's events: JSON's values only, and bounded as they come.

An alias becomes a copy of what its anchor names, and is counted like one: what multiplies is
over the limit at once, and nothing that is read shares its parts.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from yaml import YAMLError
from yaml.error import MarkedYAMLError
from yaml.events import (
    AliasEvent,
    CollectionEndEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)
from yaml.reader import ReaderError

from bundles.reading import memory, scalars, surrogates
from bundles.reading.faults import MAX_TEXT, UnreadableError, too_large, too_long
from bundles.reading.memory import Budget
from bundles.reading.places import Kind, Step
from config.strictjson import MAX_DEPTH

# Of one of the classes above, which tell by their names what each has.
Event = Any
_CORE = "tag:yaml.org,2002:"
# By what a tag says: the types of Python that it may be.
_SCALARS: dict[str, tuple[type, ...]] = {
    f"{_CORE}str": (str,),
    f"{_CORE}null": (type(None),),
    f"{_CORE}bool": (bool,),
    f"{_CORE}int": (int,),
    f"{_CORE}float": (float, int),
}
_COLLECTIONS = {MappingStartEvent: f"{_CORE}map", SequenceStartEvent: f"{_CORE}seq"}
_MERGE = "<<"
# Named, but not complete: an alias to it would lead back into it.
_OPEN = object()


def parse(name: str, data: bytes, budget: Budget, *, plain_keys: bool) -> Any:
    """The value; `UnreadableError` names the line of what is wrong.

    With `plain_keys`, a key like `200` or `true` is the text as it is written, else a fault.
    """
    return Builder(name, data, budget, plain_keys=plain_keys).build()


def walk(data: bytes) -> Iterator[Step]:
    """The steps through a document that can be parsed; an alias is a value without parts."""
    # Of each mapping, whether a key comes next; None is a sequence.
    keys: list[bool | None] = []
    for event in surrogates.read_events(data):
        line = event.start_mark.line + 1
        if isinstance(event, CollectionEndEvent):
            keys.pop()
            yield Step(Kind.END, line)
        elif isinstance(event, ScalarEvent) and keys and keys[-1]:
            keys[-1] = False
            yield Step(Kind.KEY, line, event.value)
        elif isinstance(event, CollectionStartEvent | ScalarEvent | AliasEvent):
            if keys and keys[-1] is False:
                keys[-1] = True
            is_mapping = isinstance(event, MappingStartEvent)
            if isinstance(event, CollectionStartEvent):
                keys.append(True if is_mapping else None)
                yield Step(Kind.OBJECT if is_mapping else Kind.ARRAY, line)
            else:
                yield Step(Kind.VALUE, line)


class Builder:
    """Builds one document out of the events of its file."""

    def __init__(self, name: str, data: bytes, budget: Budget, *, plain_keys: bool) -> None:
        self._name = name
        self._events = surrogates.read_events(data)
        self._data = data
        self._budget = budget
        self._plain_keys = plain_keys
        self._anchors: dict[str, Any] = {}
        self._texts = memory.Texts()

    def build(self) -> Any:
        """The value of the one document."""
        event = self._next()
        while not isinstance(event, DocumentStartEvent):
            if isinstance(event, StreamEndEvent):
                raise UnreadableError(f"{self._name}: it holds no document.")
            event = self._next()
        value = self._build(self._next(), 0)
        while not isinstance(event, StreamEndEvent):
            event = self._next()
            if isinstance(event, DocumentStartEvent):
                raise self._fault(event, "a second document begins; a file holds one.")
        return value

    def _next(self) -> Event:
        try:
            return next(self._events)
        except ReaderError as error:
            line = self._data.count(b"\n", 0, error.position) + 1
            raise UnreadableError(f"{self._name}:{line}: {error.reason}.") from error
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            at = f"{self._name}:{mark.line + 1}:{mark.column + 1}" if mark else self._name
            said = ", ".join(filter(None, (error.context, error.problem)))
            raise UnreadableError(f"{at}: not valid YAML: {said}.") from error
        except YAMLError as error:
            raise UnreadableError(f"{self._name}: not valid YAML: {error}.") from error

    def _build(self, event: Event, depth: int) -> Any:
        if isinstance(event, AliasEvent):
            return self._copy(self._find(event), event, depth)
        if event.anchor in self._anchors:
            raise self._fault(event, f"the anchor &{event.anchor} is there already.")
        if event.anchor is not None:
            self._anchors[event.anchor] = _OPEN
        value = self._build_own(event, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = value
        return value

    def _build_own(self, event: Event, depth: int) -> Any:
        if isinstance(event, ScalarEvent):
            return self._count(event, self._resolve(event))
        if event.tag not in (None, _COLLECTIONS[type(event)]):
            raise self._refuse_tag(event)
        self._open(event, depth, is_object=isinstance(event, MappingStartEvent))
        if isinstance(event, MappingStartEvent):
            return self._build_object(depth + 1)
        return self._build_array(depth + 1)

    def _open(self, event: Event, depth: int, *, is_object: bool) -> None:
        """Count an object or an array, that may be there."""
        if depth >= MAX_DEPTH:
            raise self._fault(event, f"nesting is deeper than {MAX_DEPTH}.")
        weight = memory.OBJECT if is_object else memory.ARRAY
        self._take(event, weight + memory.ITEM)

    def _build_array(self, depth: int) -> list[Any]:
        array = []
        while not isinstance(event := self._next(), SequenceEndEvent):
            array.append(self._build(event, depth))
        return array

    def _build_object(self, depth: int) -> dict[str, Any]:
        built: dict[str, Any] = {}
        while not isinstance(event := self._next(), MappingEndEvent):
            key = self._read_key(event)
            if key in built:
                raise self._fault(event, f"the key {key[:100]!r} is there twice.")
            built[key] = self._build(self._next(), depth)
        return built

    def _read_key(self, event: Event) -> str:
        if not isinstance(event, ScalarEvent):
            raise self._fault(event, "a key is a text, and no alias, array or object.")
        as_written = self._plain_keys and event.implicit[0]
        key = event.value if as_written else self._resolve(event)
        if not isinstance(key, str):
            said = event.value[:100]
            raise self._fault(event, f"the key {said} is no text: quote it.")
        if key == _MERGE and event.implicit[0]:
            said = "merge keys (<<) are not read: write out what is merged, or quote the key."
            raise self._fault(event, said)
        return str(self._count(event, key, weight=memory.MEMBER))

    def _resolve(self, event: Event) -> scalars.Scalar:
        """The value of a scalar: of a plain one, or of a tagged one, by what is written."""
        text = event.value
        if "\0" in text:
            raise self._fault(event, "a text holds the NUL character, which cannot be stored.")
        if (event.tag is None and not event.implicit[0]) or event.tag == f"{_CORE}str":
            return str(text)
        try:
            value = scalars.resolve(text)
        except ValueError as error:
            raise self._fault(event, str(error)) from error
        if event.tag is None:
            return value
        return self._check_tag(event, value)

    def _check_tag(self, event: Event, value: scalars.Scalar) -> scalars.Scalar:
        types = _SCALARS.get(event.tag)
        if types is None:
            raise self._refuse_tag(event)
        if type(value) not in types:
            said = f"{event.value[:100]!r} is no !!{event.tag.removeprefix(_CORE)}."
            raise self._fault(event, said)
        return float(value) if float in types and isinstance(value, int) else value

    def _find(self, event: Event) -> Any:
        """What the anchor of an alias names."""
        name = event.anchor
        if name not in self._anchors:
            raise self._fault(event, f"there is no anchor &{name} before the alias *{name}.")
        if self._anchors[name] is _OPEN:
            raise self._fault(event, f"the alias *{name} leads back into its own anchor.")
        return self._anchors[name]

    def _copy(self, value: Any, event: Event, depth: int) -> Any:
        # More than it takes: what multiplies is refused before it has taken long.
        if not isinstance(value, list | dict):
            return self._count(event, value, weight=memory.ITEM + memory.NUMBER)
        self._open(event, depth, is_object=isinstance(value, dict))
        if isinstance(value, list):
            return [self._copy(inner, event, depth + 1) for inner in value]
        copied = {}
        for key, inner in value.items():
            named = self._count(event, key, weight=memory.MEMBER + memory.NUMBER)
            copied[named] = self._copy(inner, event, depth + 1)
        return copied

    def _count(self, event: Event, value: Any, *, weight: int = memory.ITEM) -> Any:
        """Count a scalar and the place that it takes; of texts, what is there already."""
        if not isinstance(value, str):
            self._take(event, weight + memory.NUMBER)
            return value
        if len(value) > MAX_TEXT:
            raise too_long(f"{self._place(event)}:{event.start_mark.column + 1}")
        text, more = self._texts.keep(value)
        self._take(event, weight + more)
        return text

    def _take(self, event: Event, weight: int) -> None:
        if not self._budget.take(weight):
            raise too_large(self._place(event))

    def _refuse_tag(self, event: Event) -> UnreadableError:
        said = event.tag.replace(_CORE, "!!")[:100]
        return self._fault(event, f"the tag {said} is not read: JSON has nothing like it.")

    def _place(self, event: Event) -> str:
        return f"{self._name}:{event.start_mark.line + 1}"

    def _fault(self, event: Event, what: str) -> UnreadableError:
        return UnreadableError(f"{self._place(event)}:{event.start_mark.column + 1}: {what}")
