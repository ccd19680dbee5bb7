"""How destinations answer those who wait: heard by this process, and written down now and then.

Many calls of a destination at once would queue at its one row. So each process sums up what it has
heard, and writes that when an answer has been sent, at most every ten seconds, and when it ends.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from typing import Any

from django.core.signals import request_finished
from django.db import Error

from destinations import soundings
from destinations.outcomes import Outcome
from destinations.soundings import Soundings
from runtime import slots

logger = logging.getLogger(__name__)


class Echoes:
    """What this process has heard and not written down yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        """Nothing has been heard, nor written."""
        self._heard = Soundings()
        self._written = -math.inf

    def note(
        self, destination_id: int, outcome: Outcome, *, milliseconds: float, sla: int | None
    ) -> None:
        """What came of a delivery to the destination, and how long that took."""
        with self._lock:
            self._heard.note(destination_id, outcome, milliseconds=milliseconds, sla=sla)

    def write_down_in_time(self, **signal: Any) -> None:
        """Write down what was heard, unless that was done a moment ago."""
        if not self._heard.seen:
            return
        with self._lock:
            now = time.monotonic()
            if now - self._written < soundings.WRITE_SECONDS:
                return
            self._written = now
        self.write_down()

    def write_down(self) -> None:
        """Write down what was heard. Nothing else depends on it: what cannot be written is lost."""
        with self._lock:
            heard, self._heard = self._heard, Soundings()
        if not heard.seen:
            return
        try:
            with slots.entered():
                heard.write()
        except Error as error:
            logger.warning("How destinations have answered could not be written down: %s", error)


echoes = Echoes()
# When a request is over, its answer has been sent.
request_finished.connect(echoes.write_down_in_time, dispatch_uid="waybill.echoes")
slots.at_end(echoes.write_down)
