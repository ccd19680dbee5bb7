"""Signatures of deliveries, as Standard Webhooks specifies them (its "Signature scheme").

A key is `whsec_` and base64 of 24 to 64 bytes. Signed with HMAC-SHA256 is
`{webhook-id}.{webhook-timestamp}.{body}`, the body in its exact bytes.
"""

from __future__ import annotations

import base64
import binascii
import functools
import hashlib
import hmac

from destinations.attempts import Attempt
from orgs.services import SIGNING_PREFIX

FEWEST_BYTES, MOST_BYTES = 24, 64


class NotAKeyError(ValueError):
    """The text is no signing key."""

    def __init__(self) -> None:
        super().__init__(
            f"A signing key is {SIGNING_PREFIX} and base64 of {FEWEST_BYTES} to {MOST_BYTES} bytes."
        )


def read_key(text: str) -> bytes:
    """The bytes of a key; `NotAKeyError` where it is none."""
    if not text.startswith(SIGNING_PREFIX):
        raise NotAKeyError
    try:
        key = base64.b64decode(text.removeprefix(SIGNING_PREFIX), validate=True)
    except (binascii.Error, ValueError):
        # Raised below, so that what was wrong with the text is not said.
        key = b""
    if not FEWEST_BYTES <= len(key) <= MOST_BYTES:
        raise NotAKeyError
    return key


def sign(attempt: Attempt, body: bytes) -> dict[str, str]:
    """The headers that sign the body, one signature for each of its keys; none without."""
    if not attempt.keys.signing:
        return {}
    message_id, timestamp = str(attempt.record_id), str(attempt.unix_now())
    signed = f"{message_id}.{timestamp}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": timestamp,
        "webhook-signature": " ".join(_sign(key, signed) for key in attempt.keys.signing),
    }


def _sign(key: str, signed: bytes) -> str:
    digest = hmac.digest(_remembered(key), signed, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


_remembered = functools.lru_cache(maxsize=4_096)(read_key)
