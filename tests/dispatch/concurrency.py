"""Doing things at the same time, each with a database connection of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.db import connections


def at_once(function: Callable[..., Any], arguments: Iterable[Any]) -> list[Any]:
    """What the function gives for each argument, called in as many threads at the same moment."""
    waiting = list(arguments)
    start = threading.Barrier(len(waiting))

    def call(argument: Any) -> Any:
        try:
            connections["default"].ensure_connection()
            start.wait(10)
            return function(argument)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(waiting)) as pool:
        return list(pool.map(call, waiting))
