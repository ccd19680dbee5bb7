"""`default_sink`: keeps what has nowhere to go. Settles when the action is accepted."""

from __future__ import annotations

from typing import Any

CONFIG: dict[str, Any] = {"type": "object", "properties": {}, "additionalProperties": False}
CREDENTIALS: tuple[str, ...] = ()
EXAMPLE: dict[str, Any] = {}
