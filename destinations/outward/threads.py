"""Threads for what would keep a loop busy: reading large files, and what keys need.

They are not the loop's own, in which names are resolved: those may all wait for a name server
that is silent, and what is done here would wait with them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

# More would only take turns.
THREADS = 4
P = ParamSpec("P")
R = TypeVar("R")

_pool = ThreadPoolExecutor(THREADS, thread_name_prefix="work")


async def run(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """What the function returns, called in one of the threads."""
    loop = asyncio.get_running_loop()
    return await loop.run_in_executor(_pool, lambda: function(*args, **kwargs))
