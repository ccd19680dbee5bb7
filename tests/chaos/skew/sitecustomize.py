"""Puts the wall clock of a process off; Python runs this first where it is on PYTHONPATH.

Inside of the process, because the machine's clock is everybody's, a time namespace has no wall
clock, and a preloaded library would be one more thing to install. The monotonic clock, which
asyncio's timers go by, is left alone: it runs on in a machine whose wall clock is wrong, too.
"""

from __future__ import annotations

import datetime
import os
import sys
import time
from typing import Any

OFF = float(os.environ["CHAOS_CLOCK_OFF"])
_read, _read_ns = time.time, time.time_ns
_right = datetime.datetime


class _AsBefore(type):
    """Moments that C code makes are of the real class: they must still count as moments."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, _right)


class _Wrong(_right, metaclass=_AsBefore):
    """`datetime.datetime`, by the wrong clock."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
        return _right.now(tz) + datetime.timedelta(seconds=OFF)

    @classmethod
    def utcnow(cls) -> datetime.datetime:
        return cls.now(datetime.UTC).replace(tzinfo=None)

    @classmethod
    def today(cls) -> datetime.datetime:
        return cls.now()


time.time = lambda: _read() + OFF
time.time_ns = lambda: _read_ns() + int(OFF * 1e9)
datetime.datetime = _Wrong  # type: ignore[misc]
# The proof that it is in effect, for the log.
sys.stderr.write(f"The clock says {time.time():.3f}\n")
