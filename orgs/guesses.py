"""Guessing keys is slow: for an address from which too many wrong ones came, none is looked up.

Counted in this process and in bounded memory, so that a wrong key costs no write. Keys that have
been seen to open something are let through, so that whoever shares the address goes on working.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from math import ceil

from django.conf import settings

from config.addresses import network_of

SECONDS = 60
MOST_ADDRESSES = 10_000
MOST_KEYS = 10_000


class Guesses:
    """The wrong keys of the last minute by address, and the good ones that were seen lately."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wrong: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._good: OrderedDict[bytes, None] = OrderedDict()

    def seconds_to_wait(self, address: str, digest: bytes) -> int:
        """How long this key is not looked up when it comes from there; 0 is not at all."""
        if not self._wrong:
            return 0
        since, count = self._wrong.get(network_of(address), (0.0, 0))
        limit = settings.WRONG_KEYS_PER_MINUTE
        left = since + SECONDS - time.monotonic()
        if not limit or count < limit or left <= 0 or digest in self._good:
            return 0
        return ceil(left)

    def note_wrong(self, address: str, digest: bytes) -> None:
        """A key that opened nothing."""
        now = time.monotonic()
        with self._lock:
            self._good.pop(digest, None)
            network = network_of(address)
            since, count = self._wrong.get(network, (now, 0))
            if now - since >= SECONDS:
                since, count = now, 0
            self._wrong[network] = since, count + 1
            self._wrong.move_to_end(network)
            if len(self._wrong) > MOST_ADDRESSES:
                self._wrong.popitem(last=False)

    def note_good(self, digest: bytes) -> None:
        """A key that opened something."""
        if digest in self._good:
            return
        with self._lock:
            self._good[digest] = None
            if len(self._good) > MOST_KEYS:
                self._good.popitem(last=False)

    def forget(self) -> None:
        """As at the start."""
        with self._lock:
            self._wrong.clear()
            self._good.clear()


guesses = Guesses()
