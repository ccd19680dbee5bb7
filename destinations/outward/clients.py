"""What deliveries keep open between attempts: connections, tokens, sessions."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol, Self, TypeVar

import aiohttp

logger = logging.getLogger(__name__)


class Kept(Protocol):
    """Something that is made once and used by many attempts."""

    def __init__(self, clients: Clients) -> None: ...

    async def close(self) -> None:
        """End what it holds open."""


K = TypeVar("K", bound=Kept)


class Clients:
    """One HTTP session, and one of each thing that a kind of destination asks for."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self._kept: dict[type, Kept] = {}

    def of(self, wanted: type[K]) -> K:
        """The one of this class, made when it is first asked for."""
        kept = self._kept.get(wanted)
        if not isinstance(kept, wanted):
            kept = self._kept[wanted] = wanted(self)
        return kept

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """End them all; one that fails keeps none of the others open."""
        kept = list(self._kept.values())
        ended = await asyncio.gather(*(one.close() for one in kept), return_exceptions=True)
        for one, error in zip(kept, ended, strict=True):
            if isinstance(error, BaseException):
                logger.error("%s did not close", type(one).__name__, exc_info=error)
