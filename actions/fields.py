"""A column for JSON whose bytes matter."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from config import strictjson


class ExactJSONField(models.Field):
    """PostgreSQL `json`: stores and gives the text as it was written, key order included.

    In Python the value is `bytes`; `config.strictjson` reads and writes them.
    """

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        """The column's type."""
        return "json"

    def get_placeholder(self, value: Any, compiler: Any, connection: Any) -> str:
        """Sent as text, so that the server stores the very characters."""
        return "%s::json"

    def get_prep_value(self, value: bytes | None) -> str | None:
        """The text of the bytes."""
        return None if value is None else value.decode()

    def select_format(self, compiler: Any, sql: str, params: Any) -> tuple[str, Any]:
        """Read as text: the driver would parse it."""
        return f"({sql})::text", params

    def from_db_value(self, value: str | None, *args: Any) -> bytes | None:
        """The bytes as stored."""
        return None if value is None else value.encode()

    def to_python(self, value: Any) -> bytes | None:
        """Bytes, from a form or a fixture."""
        if value is None or isinstance(value, bytes):
            return value
        return value.encode() if isinstance(value, str) else strictjson.dumps(value)
