"""Columns of values as PostgreSQL writes arrays: one text, which a cast reads.

The driver makes the same element by element, and takes longer for a thousand actions than their
judging does.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime


def of_texts(values: Iterable[str]) -> str:
    """An array of texts."""
    return _array(['"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' for value in values])


def of_numbers(values: Iterable[int | None]) -> str:
    """An array of integers; None is NULL."""
    return _array(["NULL" if value is None else str(value) for value in values])


def of_flags(values: Iterable[bool]) -> str:
    """An array of booleans."""
    return _array(["t" if value else "f" for value in values])


def of_moments(values: Iterable[datetime | None]) -> str:
    """An array of moments, each with its offset; None is NULL."""
    return _array(["NULL" if value is None else f'"{value.isoformat()}"' for value in values])


def _array(elements: list[str]) -> str:
    return "{" + ",".join(elements) + "}"
