"""Secrets that come back from a destination are kept out of what is written down."""

from __future__ import annotations

import base64

import pytest

from destinations import keys

SECRET = "pl4nted-and-never-shown"


def make_keys(type, **secret):
    return keys.Keys(keys.Secret(1, 1, type, secret))


@pytest.mark.parametrize(
    ("held", "text", "shown"),
    [
        # Whole, twice, cut off at the end of what is kept, and by chance alike.
        (make_keys("http_bearer", token=SECRET), f"a {SECRET} b", "a [secret] b"),
        (make_keys("http_bearer", token=SECRET), f"{SECRET}{SECRET}", "[secret][secret]"),
        (make_keys("http_bearer", token=SECRET), f"a {SECRET[:15]}… b", "a [secret]… b"),
        (make_keys("http_bearer", token=SECRET), "pl4nted trees", "pl4nted trees"),
        (make_keys("http_bearer", token=SECRET), "", ""),
        # Too short to be told from a word.
        (make_keys("http_bearer", token="a"), "a bad day", "a bad day"),
        # A header with and without its scheme.
        (
            make_keys("http_auth_headers", Authorization=f"Bearer {SECRET}"),
            f"Bearer {SECRET}; {SECRET}; Bearer",
            "[secret]; [secret]; Bearer",
        ),
        (
            make_keys("http_auth_headers", Authorization=f"Key waybill {SECRET}"),
            f"waybill {SECRET}; {SECRET}; Key",
            "[secret]; [secret]; Key",
        ),
        # Basic as it is sent; the name is no secret.
        (
            make_keys("http_basic", username="waybill", password=SECRET),
            f"waybill {SECRET} {base64.b64encode(f'waybill:{SECRET}'.encode()).decode()}",
            "waybill [secret] [secret]",
        ),
        # As JSON, a form and a page write it.
        (
            make_keys("http_bearer", token='a"b\\c&d e'),
            r'"a\"b\\c&d e" a%22b%5Cc%26d+e a&quot;b\c&amp;d e',
            '"[secret]" [secret] [secret]',
        ),
        (
            make_keys("aws_access_key", access_key_id="AKIAEXAMPLE", secret_access_key=SECRET),
            f"AKIAEXAMPLE {SECRET}",
            "AKIAEXAMPLE [secret]",
        ),
        (keys.NO_KEYS, SECRET, SECRET),
    ],
)
def test_what_is_secret_is_concealed_and_nothing_else(held, text, shown):
    assert keys.conceal(held, text) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"{SECRET}-1 {SECRET}-2", "[secret] [secret]"),
        (f"Bearer {SECRET}-2; Bearer {SECRET}-1", "[secret]; [secret]"),
        # Cut off, of the one as of the other.
        (f"a {SECRET}-", "a [secret]"),
        ("a secret", "a [secret]"),
    ],
)
def test_secrets_that_begin_alike_do_not_uncover_each_other(text, shown):
    held = make_keys(
        "http_auth_headers",
        **{"X-Key": f"{SECRET}-1", "Authorization": f"Bearer {SECRET}-2", "X-Word": "secret"},
    )

    assert keys.conceal(held, text) == shown


def test_a_token_that_was_fetched_is_secret_too():
    held = make_keys("oauth2_client_credentials", client_id="waybill", client_secret="hidden-one")

    shown = keys.conceal(held, f'{SECRET} hidden-one a\\"b12345 yes', {SECRET, 'a"b12345', "yes"})

    assert shown == "[secret] [secret] [secret] yes"


@pytest.mark.parametrize(
    ("secret", "text", "shown"),
    [
        (SECRET, f'{{"seen":"{SECRET}"}}', '{"seen":"[secret]"}'),
        (SECRET, f'{{"{SECRET}":1}}', '{"[secret]":1}'),
        # Where it is no text of its own, nothing can stand in its place.
        ("4711471", '{"n":47114711}', '"[secret]"'),
        (SECRET, '{"n":1}', '{"n":1}'),
    ],
)
def test_a_result_stays_json(secret, text, shown):
    assert keys.conceal_json(make_keys("http_bearer", token=secret), text) == shown


@pytest.mark.parametrize("kept", range(1, len(SECRET)))
def test_what_is_quoted_of_an_answer_ends_with_no_part_of_a_secret(kept):
    held = make_keys("http_bearer", token=SECRET)
    body = b" " * (keys.READ_BYTES - kept) + SECRET.encode()

    assert keys.quote(body, lambda text: keys.conceal(held, text)) == ""
    assert keys.quote(b" no: pl4nted ", lambda text: keys.conceal(held, text)) == "no: pl4nted"
