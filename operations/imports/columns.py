"""The columns of a table: which place in the payload, or which tag, each of them stands for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from config.errors import BadRequestError, Fault, pointer, split_pointer
from config.validation import MAX_FAULTS
from operations.imports.cells import NONE, Cell, make_cell
from operations.imports.shapes import Shapes

Path = tuple[str | int, ...]
MAX_INDEX = 1_000
MAX_PATH = 60
SHOWN = 60
ARRAY = frozenset({"array"})
CODE = "INVALID_COLUMN"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is said of the columns: a place by its pointer, the tags by column, what to leave out.

    `header` are their names where the table has none.
    """

    places: Mapping[str, str] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    ignored: frozenset[str] = frozenset()
    header: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """A column that goes into the payload."""

    index: int
    name: str
    path: Path
    cell: Cell


@dataclass(frozen=True, slots=True)
class Columns:
    """All columns of a table, and how a row of it is read. An empty cell is not there at all."""

    width: int
    into_input: tuple[Column, ...]
    # The tag and the column's index.
    into_tags: tuple[tuple[str, int], ...]
    # The places that are arrays, the deepest first.
    arrays: tuple[Path, ...]
    may_nest: bool

    def read(self, cells: Sequence[str]) -> tuple[Any, dict[str, str], list[Fault]]:
        """The input and the tags of a row, and what is wrong with its cells."""
        held: dict[str | int, Any] = {}
        faults = []
        for column in self.into_input:
            text = cells[column.index]
            if not text:
                continue
            value = column.cell.read(text)
            if value is NONE:
                faults.append(_misfit(column, text))
            else:
                _put(held, column.path, value)
        # Below an empty key, so that the whole of the input has a place as well.
        value = held.get("", {})
        faults += list(self._make_arrays(held))
        tags = {key: cells[index] for key, index in self.into_tags if cells[index]}
        return held.get("", value), tags, faults[:MAX_FAULTS]

    def _make_arrays(self, held: dict[str | int, Any]) -> Iterator[Fault]:
        for path in self.arrays:
            around: Any = held
            for part in ("", *path)[:-1]:
                around = around.get(part, {})
            items = around.get(("", *path)[-1])
            if items is None:
                continue
            missing = next((n for n in range(len(items)) if n not in items), None)
            if missing is not None:
                at = pointer(("input", *path, missing))
                yield Fault(CODE, "It is empty, and an item after it is not.", at)
            around[("", *path)[-1]] = [items[n] for n in sorted(items)]


def _put(held: dict[str | int, Any], path: Path, value: Any) -> None:
    for part in ("", *path)[:-1]:
        held = held.setdefault(part, {})
    held[("", *path)[-1]] = value


def _misfit(column: Column, text: str) -> Fault:
    shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
    message = f"{shown!r} in column {column.name!r} is no {column.cell.wanted}."
    return Fault("INVALID_CELL", message, pointer(("input", *column.path)))


class _Layout:
    """Finds the place of each column in payloads of a contract."""

    def __init__(self, schema: Any, wishes: Wishes) -> None:
        self.shapes, self.schema, self.wishes = Shapes(schema), schema, wishes
        self.arrays: set[Path] = set()

    def find(self, name: str) -> tuple[Path, Any] | str:
        """The place and its schema, or what is wrong with the name."""
        asked = self.wishes.places.get(name)
        text = name if asked is None else asked
        if not name.strip():
            return "It has no name."
        if asked is None and not name.startswith("/"):
            if self.shapes.inside(self.schema, name) is not None:
                return self._walk([name], is_asked=False)
            return self._walk(name.split("."), is_asked=False)
        if text and not text.startswith("/"):
            return f"{text!r} is no JSON Pointer: it begins with a slash."
        return self._walk(split_pointer(text), is_asked=asked is not None)

    def _walk(self, parts: Sequence[str], *, is_asked: bool) -> tuple[Path, Any] | str:
        if len(parts) > MAX_PATH:
            return f"Its place is deeper than {MAX_PATH}."
        path: Path = ()
        schema = self.schema
        for part in parts:
            types = self.shapes.types(schema)
            step: str | int = part
            if types == ARRAY and part.isdecimal():
                step = int(part[:9])
                self.arrays.add(path)
                if step >= MAX_INDEX:
                    return f"An array has at most {MAX_INDEX:,} columns."
            inner = self.shapes.inside(schema, step)
            if inner is None and not (is_asked or types == ARRAY or self.is_open(schema)):
                return "The contract has no such property: `--map` says which, `--ignore` none."
            path, schema = (*path, step), True if inner is None else inner
        return path, schema

    def is_open(self, schema: Any) -> bool:
        """Whether any name is a property."""
        return self.shapes.is_open(schema)


def lay_out(header: Sequence[str], schema: Any, wishes: Wishes) -> Columns:
    """The columns of a table with that header; all that is wrong with it is refused at once."""
    layout = _Layout(schema, wishes)
    faults = list(_find_misnamed(header, wishes))
    found: list[Column] = []
    tagged = set(wishes.tags.values())
    for index, name in enumerate(header):
        if name in wishes.ignored:
            continue
        place = layout.find(name)
        if not isinstance(place, str):
            path, inner = place
            found.append(Column(index, name, path, make_cell(layout.shapes, inner)))
        elif name not in tagged:
            faults.append(Fault(CODE, f"Column {index + 1} ({name[:SHOWN]!r}): {place}"))
    faults += _find_collisions(found)
    if faults:
        raise BadRequestError.of(faults[:MAX_FAULTS])
    return Columns(
        width=len(header),
        into_input=tuple(found),
        into_tags=tuple((key, header.index(name)) for key, name in wishes.tags.items()),
        arrays=tuple(sorted(layout.arrays, key=len, reverse=True)),
        may_nest=any(column.cell.may_nest for column in found),
    )


def _find_misnamed(header: Sequence[str], wishes: Wishes) -> Iterator[Fault]:
    """Names that are there twice, and those that are asked for and not there."""
    names = set(header)
    if len(names) < len(header):
        seen: set[str] = set()
        for index, name in enumerate(header):
            if name in seen:
                yield Fault(CODE, f"Column {index + 1}: {name[:SHOWN]!r} is there twice.")
            seen.add(name)
    for name in (*wishes.places, *wishes.tags.values(), *wishes.ignored):
        if name not in names:
            yield Fault(CODE, f"There is no column {name!r}.")


def _find_collisions(columns: Sequence[Column]) -> Iterator[Fault]:
    """Columns whose places are one place, or one inside the other."""
    owners = {column.path: column for column in columns}
    for column in columns:
        above = (column.path[:length] for length in range(len(column.path)))
        other = next((owners[path] for path in above if path in owners), owners[column.path])
        if other is not column:
            both = f"{column.name!r} and {other.name!r}"
            yield Fault(CODE, f"Columns {both} are for the same place.", pointer(column.path))
