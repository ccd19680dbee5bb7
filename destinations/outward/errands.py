"""Errands outward from a thread that has no loop: each in a loop of its own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from django.conf import settings

from destinations.outward import outbound


class Unwaited(ThreadPoolExecutor):
    """Threads that nobody waits for at the end: a name server may be silent for long."""

    def shutdown(self, *_: Any, **__: Any) -> None:
        """End those that have nothing to do."""
        super().shutdown(wait=False, cancel_futures=True)


@asynccontextmanager
async def opened(*, seconds: float, connections: int) -> AsyncIterator[aiohttp.ClientSession]:
    """A session for what this loop is there for; `TimeoutError` after so many seconds."""
    asyncio.get_running_loop().set_default_executor(
        Unwaited(connections, thread_name_prefix="errand")
    )
    async with (
        asyncio.timeout(seconds),
        outbound.open_session(
            allow_private=settings.ALLOW_PRIVATE_NETWORKS, connections=connections
        ) as session,
    ):
        yield session
