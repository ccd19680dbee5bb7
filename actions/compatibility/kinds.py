"""Types of values, and what a demand is to values of a type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from actions.samples.demands import Demand

# From here on, not every integer is a double.
LARGE = 2**53


def type_of(value: Any) -> str:
    """The type of a JSON value; whole numbers are numbers."""
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int() | float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
    return "object"


def is_vacuous(name: str, demand: Demand) -> bool:
    """Whether every value of the type satisfies the demand."""
    if demand.kind == "type":
        return name in demand.data.types and not (name == "number" and demand.data.whole)
    return name not in demand.types


def is_hopeless(name: str, demand: Demand) -> bool:
    """Whether no value of the type does."""
    return demand.kind == "false" or (demand.kind == "type" and name not in demand.data.types)


def holds_numbers(value: Any) -> bool:
    return any(True for _ in _numbers(value))


def holds_large_numbers(value: Any) -> bool:
    """Whether one in it is so large that an integer and a double may differ."""
    return any(abs(number) >= LARGE for number in _numbers(value))


def _numbers(value: Any) -> Iterator[float]:
    if type_of(value) == "number":
        yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for one in inner:
        yield from _numbers(one)


def spell(value: Any) -> list[Any]:
    """A number as an integer and with a fraction, where both are the same."""
    if type_of(value) == "number" and value == int(value) and abs(value) < LARGE:
        return [int(value), float(value)]
    return [value]
