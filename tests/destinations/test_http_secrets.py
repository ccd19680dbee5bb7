"""Secrets that cannot be said in a header, or whose endpoint may not be called, are not saved."""

from __future__ import annotations

import pytest

from destinations.credentials import find_secret_faults

OAUTH = {"token_url": "https://login.example.com/", "client_id": "a:b\n", "client_secret": "ü"}


def faults(type, secret):
    found = find_secret_faults(type, secret, allow_private=False)
    return [(fault.code, fault.pointer) for fault in found]


@pytest.mark.parametrize(
    ("type", "secret"),
    [
        ("http_basic", {"username": "Aladdin", "password": "open sesame: £"}),
        ("http_basic", {"username": "jürgen", "password": "x"}),
        ("http_bearer", {"token": "mF_9.B5f-4.1JqM=="}),
        ("http_bearer", {"token": "1|laravel:sanctum"}),
        ("http_auth_headers", {"Authorization": "Token abc"}),
        # Both go through a form's encoding.
        ("oauth2_client_credentials", OAUTH),
        ("oauth2_client_credentials", OAUTH | {"client_auth": "header"}),
        ("oauth2_client_credentials", OAUTH | {"client_auth": "body"}),
    ],
)
def test_a_secret_that_can_be_said_is_saved(type, secret):
    assert faults(type, secret) == []


@pytest.mark.parametrize(
    ("type", "secret", "pointer"),
    [
        ("http_basic", {"username": "a:b", "password": "x"}, "/secret/username"),
        ("http_basic", {"username": "a\n", "password": "x"}, "/secret/username"),
        ("http_basic", {"username": "a", "password": "x\r\ny"}, "/secret/password"),
        ("http_bearer", {"token": "two words"}, "/secret/token"),
        ("http_bearer", {"token": "a\r\nx-b: 2"}, "/secret/token"),
        ("http_bearer", {"token": "bücher"}, "/secret/token"),
        ("http_auth_headers", {"Host": "evil.example"}, "/secret/Host"),
        ("http_auth_headers", {"x-a": "1\r\nx-b: 2"}, "/secret/x-a"),
        ("oauth2_client_credentials", OAUTH | {"client_auth": "query"}, "/secret/client_auth"),
    ],
)
def test_a_secret_that_cannot_be_said_is_refused(type, secret, pointer):
    assert faults(type, secret) == [("INVALID_SECRET", pointer)]


@pytest.mark.parametrize(
    "url", ["http://10.0.0.1/", "https://user:secret@login.example.com/", "https://127.1/"]
)
def test_a_token_endpoint_that_may_not_be_called_is_refused(url):
    expected = [("ADDRESS_REFUSED", "/secret/token_url")]
    assert faults("oauth2_client_credentials", OAUTH | {"token_url": url}) == expected
