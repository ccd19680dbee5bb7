"""A cache that all web processes share: what limits of attempts and used codes are kept in.

Django's own cache in a database counts its whole table at every write, throws entries of others
away when it is full, and lets two processes both add the same key. Here each operation is one
statement, what is over is swept, and values are JSON.
"""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime
from typing import Any

import orjson
from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache
from django.db import connection

GET = "SELECT value FROM login_note WHERE key = %s AND (expires_at IS NULL OR expires_at > %s)"
SET = """
    INSERT INTO login_note AS known (key, value, expires_at) VALUES (%s, %s::jsonb, %s)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value, expires_at = excluded.expires_at
"""
# Of several that add at once, one succeeds: the others wait for its row and find it alive.
ADD = f"{SET} WHERE known.expires_at <= %s RETURNING key"
DELETE = "DELETE FROM login_note WHERE key = %s"
SWEEP = """
    DELETE FROM login_note WHERE key IN (
        SELECT key FROM login_note WHERE expires_at <= %s LIMIT 1000 FOR UPDATE SKIP LOCKED
    )
"""
ONE_IN = 50


class Notes(BaseCache):
    """Django's cache interface on the table of notes."""

    def __init__(self, location: str, params: dict[str, Any]) -> None:
        super().__init__(params)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """What is noted under the key, while it lasts."""
        with connection.cursor() as cursor:
            cursor.execute(GET, [self._key(key, version), _now()])
            row = cursor.fetchone()
        return default if row is None else orjson.loads(row[0])

    def set(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        """Note it, whatever was noted before."""
        self._write(SET, [self._key(key, version), _json(value), self._end(timeout)])

    def add(
        self, key: Any, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        """Whether nothing was noted under the key, and this now is."""
        values = [self._key(key, version), _json(value), self._end(timeout), _now()]
        return self._write(ADD, values) == 1

    def touch(self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None) -> bool:
        """Whether there is such a note, which now lasts until then."""
        known = self.get(key, version=version)
        if known is not None:
            self.set(key, known, timeout, version)
        return known is not None

    def delete(self, key: Any, version: int | None = None) -> bool:
        """Whether there was such a note; there is none now."""
        return self._write(DELETE, [self._key(key, version)]) == 1

    def clear(self) -> None:
        """Forget everything."""
        self._write("DELETE FROM login_note", [])

    def _key(self, key: Any, version: int | None) -> str:
        return self.make_and_validate_key(key, version=version)

    def _end(self, timeout: Any) -> datetime | None:
        """When a note is over; None for never. `0` is at once."""
        seconds = self.get_backend_timeout(timeout)
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)

    def _write(self, statement: str, values: list[Any]) -> int:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            written: int = cursor.rowcount
            if random.randrange(ONE_IN) == 0:  # noqa: S311 -- when to sweep is no secret
                cursor.execute(SWEEP, [_now()])
        return written


def _now() -> datetime:
    return datetime.fromtimestamp(time.time(), UTC)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()
