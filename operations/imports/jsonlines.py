"""Actions from JSON lines: each line is what a request to ingress would have as its body."""

from __future__ import annotations

from collections.abc import Iterator

from config import strictjson
from config.errors import DomainError, Fault
from dispatch import serializers
from dispatch.intake import Submission
from operations.imports.lines import TOO_LONG, Item, LineReader


def read_items(reader: LineReader, *, variant: str | None, bare: bool) -> Iterator[Item]:
    """An item for each line but empty ones.

    With a `variant`, a line is the body for that one; where it is `bare`, it is the input itself.
    """
    for line in reader:
        if line.text.strip():
            outcome = _read(line.text, variant, bare=bare) if line.is_whole else [TOO_LONG]
            yield Item(line.number, line.text, outcome, reader.place)


def _read(text: bytes, variant: str | None, *, bare: bool) -> Submission | list[Fault]:
    try:
        if bare and variant is not None:
            # In a body it would be one deeper.
            return Submission(variant, strictjson.parse(text, deepest=strictjson.MAX_DEPTH - 1))
        return serializers.read_submission(strictjson.parse(text), {}, variant)
    except DomainError as error:
        return list(error.faults)
