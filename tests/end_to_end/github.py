"""GitHub's published webhooks: contracts, payloads, and what is to be found wrong with these."""

from __future__ import annotations

import functools
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

DATA = Path(__file__).parent.parent / "data" / "github_webhooks"


@dataclass(frozen=True)
class Example:
    """One payload. No faults: it is valid. None: validators differ, so nothing is expected."""

    event: str
    number: int
    payload: dict[str, Any]
    faults: list[str] | None

    @property
    def variant(self) -> str:
        return name_variant(self.event)

    def __str__(self) -> str:
        return f"{self.event} {self.number}"


def name_variant(event: str) -> str:
    """The action that an event is handed in as."""
    return f"github.{event}"


def read_schemas() -> dict[str, dict[str, Any]]:
    """The contract of each event."""
    return _read("schemas.json.gz")


def read_examples() -> list[Example]:
    """Every example of every event."""
    return list(_pair(_read("examples.json.gz"), read_expectations()))


def read_examples_of(event: str) -> list[Example]:
    """Those of one event."""
    return [example for example in _examples() if example.event == event]


@functools.cache
def _examples() -> tuple[Example, ...]:
    return tuple(read_examples())


def read_expectations() -> dict[str, list[list[str] | None]]:
    """The pointers expected of each event's examples, in order."""
    return json.loads((DATA / "expectations.json").read_bytes())


def _pair(payloads: dict[str, Any], expectations: dict[str, Any]) -> Iterator[Example]:
    for event, found in payloads.items():
        for number, (payload, faults) in enumerate(zip(found, expectations[event], strict=True)):
            yield Example(event, number, payload, faults)


def _read(name: str) -> Any:
    return json.loads(gzip.decompress((DATA / name).read_bytes()))
