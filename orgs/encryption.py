"""Secrets at rest: Fernet tokens of JSON (the `cryptography` package), under keys that can change.

The first of `WAYBILL_ENCRYPTION_KEYS` encrypts, all of them decrypt. To change keys, put the new
one first, run `manage.py rotate_secrets`, and then take the old one away.
"""

from __future__ import annotations

import functools
from typing import Any

import orjson
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class UndecryptableError(Exception):
    """None of this installation's keys opens the secret."""

    def __init__(self) -> None:
        super().__init__(
            "None of WAYBILL_ENCRYPTION_KEYS opens it: give the key back that it was stored under."
        )


def encrypt(secret: Any) -> str:
    """The secret, which JSON can hold, as a token that may be stored."""
    return _fernet(tuple(settings.ENCRYPTION_KEYS)).encrypt(orjson.dumps(secret)).decode()


def decrypt(token: str) -> Any:
    """The secret behind a token; `UndecryptableError` where no key opens it."""
    try:
        return orjson.loads(_fernet(tuple(settings.ENCRYPTION_KEYS)).decrypt(token.encode()))
    except InvalidToken as error:
        raise UndecryptableError from error


def rotate(token: str) -> str:
    """The same secret under the first key; `UndecryptableError` where no key opens it."""
    try:
        return _fernet(tuple(settings.ENCRYPTION_KEYS)).rotate(token.encode()).decode()
    except InvalidToken as error:
        raise UndecryptableError from error


def is_current(token: str) -> bool:
    """Whether the first key opens it: then it need not be rotated."""
    try:
        _fernet(tuple(settings.ENCRYPTION_KEYS[:1])).decrypt(token.encode())
    except InvalidToken:
        return False
    return True


@functools.cache
def _fernet(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])
