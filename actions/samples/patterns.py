"""Strings that match a regular expression, for most expressions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from re import _constants as ops  # type: ignore[attr-defined]
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

MAX_LENGTH = 2_000
# In this order: what people read comes first.
_CHARACTERS = "abcxyzABCXYZ0123456789 _-.,:;/@#+*!?'\"()[]{}<>=&%$\\~^|`\t\n"
_WIDE = "é漢𝄞"
_CATEGORIES = {
    ops.CATEGORY_DIGIT: "0123456789",
    ops.CATEGORY_NOT_DIGIT: "abcXYZ -_",
    ops.CATEGORY_SPACE: " \t\n",
    ops.CATEGORY_NOT_SPACE: "abcXYZ019-_",
    ops.CATEGORY_WORD: "abcXYZ019_",
    ops.CATEGORY_NOT_WORD: " -.,:;/@",
}


def find_matching(pattern: str, *, length: int = 0) -> Iterator[str]:
    """Strings that most likely match, simple ones first; some are at least `length` long.

    None where Python cannot read the expression, which is written for another engine.
    """
    try:
        tree = parser.parse(re.sub(r"\(\?<(?=[A-Za-z_])", "(?P<", pattern))
    except (re.error, OverflowError, RecursionError):
        return
    seen = set()
    for times in dict.fromkeys((1, 0, 2, length, 12)):
        for turn in range(4):
            text = _Writer(times, turn).write(tree)
            if text not in seen and len(text) <= MAX_LENGTH:
                seen.add(text)
                yield text


@dataclass(slots=True)
class _Writer:
    """Writes one match: repeats `times` where that is free, and takes the `turn`-th choice."""

    times: int
    turn: int
    groups: dict[int, str] = field(default_factory=dict)
    left: int = 2 * MAX_LENGTH

    def write(self, tree: Any) -> str:
        return "".join(self._write_one(op, argument) for op, argument in tree)

    def _write_one(self, op: Any, argument: Any) -> str:
        writer = _WRITERS.get(op)
        if writer is None or self.left <= 0:
            # What looks around or anchors writes nothing; whether it holds is judged later.
            return ""
        text = writer(self, argument)
        if op in (ops.LITERAL, ops.IN, ops.ANY, ops.NOT_LITERAL):
            self.left -= len(text)
        return text

    def branch(self, argument: Any) -> str:
        branches = argument[1]
        return self.write(branches[self.turn % len(branches)])

    def repeat(self, argument: Any) -> str:
        least, most, tree = argument
        times = max(int(least), min(self.times, int(most)))
        written = []
        for _ in range(times):
            if self.left <= 0:
                break
            self.left -= 1
            written.append(self.write(tree))
        return "".join(written)

    def group(self, argument: Any) -> str:
        text = self.write(argument[-1])
        if argument[0] is not None:
            self.groups[argument[0]] = text
        return text

    def one_of(self, argument: Any) -> str:
        negated = argument[0][0] is ops.NEGATE
        held = "".join(map(_held, argument[1:] if negated else argument))
        if negated:
            held = "".join(c for c in _CHARACTERS + _WIDE if not _is_in(c, argument[1:]))
        return held[self.turn % len(held)] if held else ""


def _held(item: tuple[Any, Any]) -> str:
    """Some of the characters that a member of a class stands for."""
    op, argument = item
    if op is ops.LITERAL:
        return chr(argument)
    if op is ops.RANGE:
        low, high = argument
        return "".join(dict.fromkeys(map(chr, (low, min(low + 1, high), high))))
    return str(_CATEGORIES.get(argument, ""))


def _is_in(character: str, items: Any) -> bool:
    return any(
        (op is ops.LITERAL and ord(character) == argument)
        or (op is ops.RANGE and argument[0] <= ord(character) <= argument[1])
        or (op is ops.CATEGORY and character in _CATEGORIES.get(argument, ""))
        for op, argument in items
    )


_WRITERS: dict[Any, Callable[[_Writer, Any], str]] = {
    ops.LITERAL: lambda _, argument: chr(argument),
    ops.NOT_LITERAL: lambda _, argument: "b" if argument == ord("a") else "a",
    ops.ANY: lambda writer, _: "abZ0"[writer.turn % 4],
    ops.IN: _Writer.one_of,
    ops.BRANCH: _Writer.branch,
    ops.MAX_REPEAT: _Writer.repeat,
    ops.MIN_REPEAT: _Writer.repeat,
    ops.POSSESSIVE_REPEAT: _Writer.repeat,
    ops.SUBPATTERN: _Writer.group,
    ops.ATOMIC_GROUP: lambda writer, argument: writer.write(argument),
    ops.GROUPREF: lambda writer, argument: writer.groups.get(argument, ""),
}
