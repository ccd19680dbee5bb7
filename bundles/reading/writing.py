"""Writing a document: the same value gives the same text, which reads back as the same value."""

from __future__ import annotations

import io
import re
from typing import Any, Literal

import orjson
from yaml._yaml import CEmitter
from yaml.events import (
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from bundles.reading import scalars

Format = Literal["json", "yaml"]
# Lines are not folded: a change of one word should change one line.
WIDTH = 2**31 - 1


def dump(value: Any, format: Format) -> str:
    """The value's text, keys in their order.

    YAML has texts of several lines as blocks, no aliases, and quotes around whatever would be
    read as something else, by readers of YAML 1.1 too.
    """
    if format == "json":
        return orjson.dumps(value, option=orjson.OPT_INDENT_2).decode() + "\n"
    stream = io.StringIO()
    emitter = CEmitter(stream, width=WIDTH, allow_unicode=True)
    emitter.emit(StreamStartEvent())
    emitter.emit(DocumentStartEvent(explicit=False))
    _emit(emitter, value)
    emitter.emit(DocumentEndEvent(explicit=False))
    emitter.emit(StreamEndEvent())
    # It ends a document whose last text ends with empty lines, and nothing could follow that then.
    return re.sub(r"\n\.\.\.\n\Z", "\n", stream.getvalue())


def _emit(emitter: CEmitter, value: Any) -> None:
    if isinstance(value, dict):
        emitter.emit(MappingStartEvent(None, None, implicit=True, flow_style=False))
        for key, inner in value.items():
            emitter.emit(_write_text(key, is_key=True))
            _emit(emitter, inner)
        emitter.emit(MappingEndEvent())
    elif isinstance(value, list):
        emitter.emit(SequenceStartEvent(None, None, implicit=True, flow_style=False))
        for inner in value:
            _emit(emitter, inner)
        emitter.emit(SequenceEndEvent())
    elif isinstance(value, str):
        emitter.emit(_write_text(value, is_key=False))
    else:
        emitter.emit(ScalarEvent(None, None, (True, False), _write_other(value)))


def _write_text(text: str, *, is_key: bool) -> Event:
    lines = text.split("\n")
    # What is not printable has to be escaped, which only double quotes can.
    style = '"' if not all(map(str.isprintable, lines)) else None
    if style is None and len(lines) > 1:
        style = "|" if not is_key and _is_block(lines) else '"'
    return ScalarEvent(None, None, (scalars.is_plain(text), True), text, style=style)


def _is_block(lines: list[str]) -> bool:
    """Whether a block shows lines as they are: where spaces count, nobody would see them."""
    return (
        bool(lines[0].strip())
        and all(line == line.rstrip() for line in lines)
        and (not lines[0].startswith(" "))
    )


def _write_other(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = repr(value)
    # Readers of YAML 1.1 know no number like 1e+16.
    return text if "." in text else text.replace("e", ".0e")
