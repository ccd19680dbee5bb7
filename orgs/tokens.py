"""Tokens that an API key is exchanged for: JSON Web Tokens (RFC 7519), signed by HS256.

They name the key and nothing that would let anybody in without it: whatever ends the key ends
them, for the key is looked up at each call. They are signed under a key of their own, derived
from `SECRET_KEY`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from uuid import UUID

import jwt
from django.conf import settings
from django.utils.crypto import salted_hmac

ALGORITHM = "HS256"
LIFETIME_SECONDS = 86_400
# Ours have some 300 characters; more is not worth reading.
LONGEST = 4_096
PARTS = 3


class InvalidTokenError(Exception):
    """The text is no token of this installation, or is over."""


def is_token(text: str) -> bool:
    """Whether a text has the shape of a token, which no API key has."""
    return text.count(".") == PARTS - 1


def issue(*, key_id: int, tenant_id: UUID, permissions: Sequence[str]) -> str:
    """A token that stands for the key for a day."""
    now = int(time.time())
    claims = {
        "tenant_id": str(tenant_id),
        "key_id": key_id,
        "permissions": list(permissions),
        "iat": now,
        "exp": now + LIFETIME_SECONDS,
    }
    return jwt.encode(claims, _key(), ALGORITHM)


def read_key_id(token: str) -> int:
    """The id of the key that the token stands for; `InvalidTokenError` where it is not ours."""
    if len(token) > LONGEST:
        raise InvalidTokenError
    try:
        claims = jwt.decode(
            token,
            _key(),
            algorithms=[ALGORITHM],
            # Another process, whose clock is ahead, may have issued it.
            options={"require": ["exp", "iat", "key_id"], "verify_iat": False},
        )
        return int(claims["key_id"])
    except (jwt.InvalidTokenError, ValueError) as error:
        raise InvalidTokenError from error


def _key() -> bytes:
    purpose = salted_hmac("waybill gateway token", "", settings.SECRET_KEY, algorithm="sha256")
    return purpose.digest()
