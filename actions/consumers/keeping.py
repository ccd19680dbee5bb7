"""What was made in a process of its own and is mostly asked for again, as far as it is small."""

from __future__ import annotations

import threading
from collections import OrderedDict
from hashlib import sha256

MOST_BYTES = 4_000_000
# What is larger than this is made anew each time.
MOST_BYTES_OF_ONE = 128_000
# About what an answer takes beside itself.
MORE_BYTES = 300


class Kept:
    """The latest answers to cases, of so many bytes together. A case always has the same answer,
    and is not held itself."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()
        self._bytes = 0

    def find(self, case: bytes) -> bytes | None:
        """The answer, if it was kept."""
        key = sha256(case).digest()
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def keep(self, case: bytes, answer: bytes) -> None:
        """Keep it if it is small enough, in place of those that were not asked for the longest."""
        if len(answer) > MOST_BYTES_OF_ONE:
            return
        key = sha256(case).digest()
        with self._lock:
            if key not in self._kept:
                self._kept[key] = answer
                self._bytes += len(answer) + MORE_BYTES
            while self._bytes > MOST_BYTES:
                self._bytes -= len(self._kept.popitem(last=False)[1]) + MORE_BYTES

    def clear(self) -> None:
        """Forget all of them."""
        with self._lock:
            self._kept.clear()
            self._bytes = 0
