"""What a command line says of how a file is read."""

from __future__ import annotations

import csv
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from config.commands import UnableError
from operations.imports.columns import Wishes
from operations.imports.formats import Format

DELIMITERS = {".csv": ",", ".tsv": "\t"}
OF_TABLES = ("map", "tag", "ignore", "columns", "delimiter")


def add_arguments(parser: ArgumentParser) -> None:
    """The file, and how it is read."""
    add = parser.add_argument
    add("file", metavar="FILE", help="the file, or - for standard input")
    add("--variant", help="the variant or alias of all lines")
    add("--bare", action="store_true", help="a line of JSON is the input itself")
    add("--format", choices=("json", "csv"), help="else by the file's name: .csv and .tsv are CSV")
    several: dict[str, Any] = {"action": "append", "default": []}
    add("--map", metavar="COLUMN=/POINTER", help="a column's place in the input", **several)
    add("--tag", metavar="KEY=COLUMN", help="a tag whose value a column has", **several)
    add("--ignore", metavar="COLUMN", help="a column to leave out", **several)
    add("--columns", metavar="A,B,C", help="the columns of a file without a header")
    add("--delimiter", help="of CSV: one character, or `tab`")


def read_format(options: Mapping[str, Any]) -> Format:
    """How the file is read; arguments that make no sense together are refused."""
    is_table = _is_table(options)
    misplaced = ["bare"] if is_table else OF_TABLES
    for name in misplaced:
        if options[name]:
            kind = "JSON lines" if is_table else "CSV"
            raise UnableError(f"--{name} is for {kind}; --format says what the file is.")
    if options["variant"] is None and (options["bare"] or is_table):
        raise UnableError("--variant says which actions the lines are.")
    wishes = Wishes(
        places=_read_pairs("map", options["map"]),
        tags=_read_pairs("tag", options["tag"]),
        ignored=frozenset(options["ignore"]),
        header=tuple(next(csv.reader([options["columns"] or ""]))),
    )
    delimiter = _read_delimiter(options) if is_table else None
    return Format(options["variant"], options["bare"], delimiter, wishes)


def _is_table(options: Mapping[str, Any]) -> bool:
    if options["format"] is None:
        return Path(options["file"]).suffix.lower() in DELIMITERS
    return bool(options["format"] == "csv")


def _read_delimiter(options: Mapping[str, Any]) -> str:
    asked = options["delimiter"]
    if asked is None:
        return DELIMITERS.get(Path(options["file"]).suffix.lower(), ",")
    delimiter = "\t" if asked == "tab" else str(asked)
    if len(delimiter) != 1 or delimiter in '"\r\n\0 ':
        raise UnableError("--delimiter is one character, neither a quote nor a blank, or `tab`.")
    return delimiter


def _read_pairs(name: str, given: Sequence[str]) -> dict[str, str]:
    """The pairs of an option. It is the column whose name may have a `=` in it."""
    pairs: dict[str, str] = {}
    for text in given:
        left, equals, right = text.rpartition("=") if name == "map" else text.partition("=")
        if not equals or not left:
            raise UnableError(f"--{name} {text!r} is not written as LEFT=RIGHT.")
        if left in pairs:
            raise UnableError(f"--{name} {left}=... is there twice.")
        pairs[left] = right
    return pairs
