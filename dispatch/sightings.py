"""Who sends which version: noted in this process, and written down now and then.

Noting costs no query. Whoever is seen for the first time, or again after some minutes, is written
down when the answer has been sent. What a killed process had noted and not written is lost: the
sightings of one answer, and of those who were seen before, at most the last minutes.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import OrderedDict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.core.signals import request_finished
from django.db import Error, connection

from orgs.audit import acting
from runtime import slots

logger = logging.getLogger(__name__)

# After so long this process writes down again that somebody sends a version; where another process
# has just done so, it leaves it at that.
SECONDS = 300.0
SEEN_SECONDS = 60
MOST_KNOWN = 10_000
MOST_CHARACTERS = 255
# Nobody is waited for: who has a row is just writing the same into it.
SEE = f"""
WITH seen AS MATERIALIZED (
  SELECT * FROM unnest(
    %(orgs)s::bigint[], %(definitions)s::bigint[], %(callers)s::text[], %(keys)s::bigint[],
    %(users)s::bigint[]
  ) AS seen(org_id, definition_id, caller, key_id, user_id)
), due AS MATERIALIZED (
  SELECT s.id FROM dispatch_sender s JOIN seen USING (definition_id, caller)
  WHERE s.last_at < now() - interval '{SEEN_SECONDS} seconds'
  ORDER BY s.id FOR NO KEY UPDATE OF s SKIP LOCKED
), again AS (
  UPDATE dispatch_sender s SET last_at = now() FROM due WHERE s.id = due.id
)
INSERT INTO dispatch_sender (org_id, definition_id, caller, key_id, user_id)
SELECT org_id, definition_id, caller, key_id, user_id FROM seen
WHERE NOT EXISTS (
  SELECT FROM dispatch_sender s
  WHERE s.definition_id = seen.definition_id AND s.caller = seen.caller
)
ORDER BY definition_id, caller
ON CONFLICT (definition_id, caller) DO NOTHING
"""  # noqa: S608 -- constants only
# When each of these versions was sent last. Who sends it is many at times: so many are looked at.
LAST_SEEN = """
SELECT q.id, (
  SELECT max(s.last_at) FROM (
    SELECT last_at FROM dispatch_sender WHERE definition_id = q.id LIMIT 200
  ) s
) FROM unnest(%s::bigint[]) AS q(id)
"""
# A version, and who sends it.
Key = tuple[int, str]


class Sightings:
    """Those that this process has seen lately, and those of them that are to be written down."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.forget()

    def forget(self) -> None:
        """Nobody has been seen."""
        self._known: OrderedDict[Key, float] = OrderedDict()
        self._noted: dict[Key, tuple[int, int | None, int | None]] = {}

    def note(self, org_id: int, definition_ids: Iterable[int], actor: str) -> None:
        """That whoever is at work has sent these versions."""
        at_work = acting.who()
        caller = (at_work.actor if at_work else actor)[:MOST_CHARACTERS]
        if not caller:
            return
        now = time.monotonic()
        who = (at_work.key_id, at_work.user_id) if at_work else (None, None)
        for definition_id in set(definition_ids):
            key = definition_id, caller
            if now - self._known.get(key, -math.inf) >= SECONDS:
                with self._lock:
                    self._known[key] = now
                    self._known.move_to_end(key)
                    self._noted[key] = (org_id, *who)
                    if len(self._known) > MOST_KNOWN:
                        self._known.popitem(last=False)

    def write_down(self, **signal: Any) -> None:
        """Write down what was noted. What cannot be is noted again when it is seen again."""
        if not self._noted:
            return
        with self._lock:
            noted, self._noted = self._noted, {}
        try:
            with slots.entered(), connection.cursor() as cursor:
                cursor.execute(SEE, _as_columns(noted))
        except Error as error:
            logger.warning("Who sends what could not be written down: %s", error)
            with self._lock:
                for key in noted:
                    self._known.pop(key, None)


def find_last_seen(definition_ids: Iterable[int]) -> dict[int, datetime]:
    """When each of these versions was sent last, of those that were."""
    with connection.cursor() as cursor:
        cursor.execute(LAST_SEEN, [list(definition_ids)])
        return {definition_id: at for definition_id, at in cursor.fetchall() if at is not None}


def _as_columns(noted: dict[Key, tuple[int, int | None, int | None]]) -> dict[str, Any]:
    return {
        "orgs": [org_id for org_id, _, _ in noted.values()],
        "definitions": [definition_id for definition_id, _ in noted],
        "callers": [caller for _, caller in noted],
        "keys": [key_id for _, key_id, _ in noted.values()],
        "users": [user_id for _, _, user_id in noted.values()],
    }


sightings = Sightings()
# When a request is over, its answer has been sent.
request_finished.connect(sightings.write_down, dispatch_uid="waybill.sightings")
