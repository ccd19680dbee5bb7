"""Settlement signals in an answer: two carriers, one meaning (the webhook contract, 3.1)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from destinations.outcomes import MAX_RETRY_AFTER, Outcome, Verdict

MAX_WAIT = 43_200
_DEFAULT = {"anyOf": [{"type": "string", "enum": ["ack"]}, {"type": "string", "enum": ["mod_ack"]}]}
SIGNALING: dict[str, Any] = {
    "anyOf": [
        {
            "type": "object",
            "required": ["enabled", "default"],
            "properties": {"enabled": {"type": "boolean", "enum": [True]}, "default": _DEFAULT},
            "additionalProperties": False,
        },
        {
            "type": "object",
            "required": ["enabled"],
            "properties": {"enabled": {"type": "boolean", "enum": [False]}, "default": _DEFAULT},
            "additionalProperties": False,
        },
    ]
}
RESPONSE_TIME_SLA: dict[str, Any] = {"type": "integer", "minimum": 1}
SIGNALS = {"ack": Verdict.ACK, "nack": Verdict.NACK, "mod_ack": Verdict.WAIT}


def read_signal(
    headers: Mapping[str, str], body: bytes, status: int | None = None
) -> Outcome | None:
    """What an answer says of its action; headers win over the body; None when it says nothing.

    A value that is negative or no integer is ignored, a larger one than allowed is clamped;
    an unknown signal word is no signal.
    """
    word = headers.get("x-arklow-signaling")
    value: Any = headers.get("x-arklow-signaling-val")
    if word is None:
        word, value = _read_body(body)
    verdict = SIGNALS.get(word.strip().lower()) if isinstance(word, str) else None
    if verdict is None:
        return None
    most = MAX_WAIT if verdict is Verdict.WAIT else MAX_RETRY_AFTER
    message = "nack" if verdict is Verdict.NACK else ""
    return Outcome(verdict, message, _read_seconds(value, most), status)


def default_outcome(config: Mapping[str, Any], status: int | None = None) -> Outcome:
    """What a success without a signal means under the destination's `signaling`."""
    if config.get("signaling") == {"enabled": True, "default": "ack"}:
        return Outcome(Verdict.ACK, status=status)
    return Outcome(Verdict.WAIT, status=status, said=False)


def _read_body(body: bytes) -> tuple[Any, Any]:
    if b"__arklow__" not in body:
        return None, None
    try:
        said = orjson.loads(body)["__arklow__"]
        return said.get("signal"), said.get("value")
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return None, None


def _read_seconds(value: Any, most: int) -> int | None:
    if isinstance(value, str):
        value = value.strip()
        value = int(value[:9]) if value.isascii() and value.isdigit() else None
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return None
    return min(value, most)
