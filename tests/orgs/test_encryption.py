"""Secrets at rest: under the first key, read with any."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet
from hypothesis import given
from hypothesis import strategies as st

from orgs import encryption

OLD, NEW, OTHER = (Fernet.generate_key().decode() for _ in range(3))
SECRET = {"token": "s3cret ✓", "nested": {"list": [1, None, "x"]}}


@pytest.fixture
def keys(settings):
    def use(*several):
        settings.ENCRYPTION_KEYS = list(several)

    use(OLD)
    return use


def test_what_is_encrypted_is_read_back_and_not_seen(keys):
    token = encryption.encrypt(SECRET)

    assert encryption.decrypt(token) == SECRET
    assert "s3cret" not in token
    assert encryption.encrypt(SECRET) != token


def test_the_first_key_encrypts_and_all_of_them_decrypt(keys):
    old = encryption.encrypt(SECRET)
    keys(NEW, OLD)
    new = encryption.encrypt(SECRET)

    assert encryption.decrypt(old) == encryption.decrypt(new) == SECRET
    keys(NEW)
    assert encryption.decrypt(new) == SECRET
    with pytest.raises(encryption.UndecryptableError, match="give the key back"):
        encryption.decrypt(old)


def test_a_rotated_secret_needs_the_old_key_no_more(keys):
    old = encryption.encrypt(SECRET)
    keys(NEW, OLD)
    assert not encryption.is_current(old)

    new = encryption.rotate(old)

    assert encryption.is_current(new)
    keys(NEW)
    assert encryption.decrypt(new) == SECRET


def test_what_no_key_opens_is_not_rotated(keys):
    token = encryption.encrypt(SECRET)
    keys(NEW, OTHER)

    assert not encryption.is_current(token)
    with pytest.raises(encryption.UndecryptableError):
        encryption.rotate(token)


@pytest.mark.parametrize("token", ["", "x", "gAAAAA", "✓", "A" * 200])
def test_what_is_no_token_is_opened_by_no_key(keys, token):
    assert not encryption.is_current(token)
    for act in (encryption.decrypt, encryption.rotate):
        with pytest.raises(encryption.UndecryptableError):
            act(token)


@given(st.integers(0, 200), st.characters(codec="ascii"))
def test_a_token_that_was_changed_is_refused(place, character):
    token = encryption.encrypt(SECRET)
    # The last characters have bits that stand for nothing.
    place %= len(token) - 8
    changed = token[:place] + character + token[place + 1 :]

    if changed != token:
        with pytest.raises(encryption.UndecryptableError):
            encryption.decrypt(changed)
