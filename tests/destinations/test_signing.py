"""Signatures of deliveries: judged by the `standardwebhooks` package, at a real receiver."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import time

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from destinations.attempts import Attempt
from destinations.authorizing import signing
from destinations.keys import Keys
from destinations.kinds import webhook
from destinations.outcomes import Verdict
from destinations.outward import outbound
from destinations.outward.clients import Clients
from orgs.services import SIGNING_BYTES, make_signing_secret
from tests.destinations.receiver import receive

NEW, OLD, OTHER = (make_signing_secret() for _ in range(3))

pytestmark = pytest.mark.usefixtures("private_networks")


def make_attempt(*secrets, payload=b'{"n":1}', url="http://127.0.0.1/", **fields):
    return Attempt(
        record_id=4711,
        number=2,
        failures=0,
        type="webhook",
        config={"url": url} | fields.pop("config", {}),
        payload=payload,
        ends=time.monotonic() + 30,
        keys=Keys(signing=secrets),
        **fields,
    )


def verify(secret, body, headers):
    Webhook(secret).verify(body, dict(headers), json_parse=False)


def deliver(*secrets, **fields):
    """The headers and the body that a real receiver got."""

    async def run():
        async with (
            receive(web.Response()) as receiver,
            outbound.open_session(allow_private=True, connections=10) as session,
            Clients(session) as clients,
        ):
            attempt = make_attempt(*secrets, url=receiver.url, **fields)
            outcome = await webhook.deliver(attempt, clients)
            assert outcome.verdict in (Verdict.ACK, Verdict.WAIT)
            ((request, body),) = receiver.seen
            return request.headers, body

    return asyncio.run(run())


def test_without_a_key_nothing_is_signed():
    headers, _ = deliver()

    assert not [name for name in headers if name.lower().startswith("webhook-")]


def test_a_delivery_is_verified_by_the_key_and_by_no_other():
    headers, body = deliver(NEW)

    assert headers["webhook-id"] == headers["x-arklow-actionid"] == "4711"
    verify(NEW, body, headers)
    with pytest.raises(WebhookVerificationError):
        verify(OTHER, body, headers)


def test_while_a_key_changes_both_verify():
    headers, body = deliver(NEW, OLD)

    assert len(headers["webhook-signature"].split(" ")) == 2
    verify(NEW, body, headers)
    verify(OLD, body, headers)
    with pytest.raises(WebhookVerificationError):
        verify(OTHER, body, headers)


def test_what_was_changed_on_the_way_is_not_verified():
    headers, body = deliver(NEW)

    for changed in (
        {"webhook-id": "4712"},
        {"webhook-timestamp": str(int(headers["webhook-timestamp"]) + 1)},
        {"webhook-signature": "v1," + base64.b64encode(b"x" * 32).decode()},
    ):
        with pytest.raises(WebhookVerificationError):
            verify(NEW, body, {**headers, **changed})
    with pytest.raises(WebhookVerificationError):
        verify(NEW, body + b" ", headers)


def test_our_signature_wins_over_headers_of_the_destination():
    config = {"headers": {"Webhook-Signature": "v1,forged", "webhook-id": "1"}}
    headers, body = deliver(NEW, config=config)

    assert len(headers.getall("webhook-signature")) == 1
    verify(NEW, body, headers)


@pytest.mark.parametrize(
    "payload",
    [b"null", b'"\xe2\x80\xa8 \xe2\x9c\x93"', b'{"z":1.0,"a":1e2}', b"[" + b"1," * 300_000 + b"1]"],
)
def test_the_very_bytes_of_the_body_are_signed(payload):
    headers, body = deliver(NEW, payload=payload)

    assert body == payload
    verify(NEW, body, headers)


@given(
    st.text(st.characters(exclude_categories=["Cs"])).map(str.encode),
    st.lists(st.binary(min_size=24, max_size=64), min_size=1, max_size=2),
)
def test_any_text_and_any_keys_are_verified_by_the_reference(payload, raw):
    secrets = ["whsec_" + base64.b64encode(one).decode() for one in raw]
    headers = signing.sign(make_attempt(*secrets), payload)

    for secret in secrets:
        verify(secret, payload, headers)


@given(st.binary())
def test_a_body_that_is_no_text_is_signed_all_the_same(payload):
    headers = signing.sign(make_attempt(NEW), payload)
    # The package takes no body but UTF-8, so the digest is made by hand.
    key, content = signing.read_key(NEW), f"4711.{headers['webhook-timestamp']}.".encode()

    expected = base64.b64encode(hmac_sha256(key, content + payload)).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


def hmac_sha256(key, content):
    """RFC 2104, written out: another road to the same digest."""
    block = key.ljust(64, b"\0")
    inner = sha256(bytes(byte ^ 0x36 for byte in block) + content)
    return sha256(bytes(byte ^ 0x5C for byte in block) + inner)


def sha256(content):
    return hashlib.sha256(content).digest()


# --- the time -------------------------------------------------------------------------------------


def test_each_attempt_has_a_fresh_timestamp(monkeypatch):
    attempt = make_attempt(NEW)
    first = signing.sign(attempt, b"{}")
    assert abs(int(first["webhook-timestamp"]) - time.time()) < 2

    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 60)
    second = signing.sign(attempt, b"{}")

    assert int(second["webhook-timestamp"]) - int(first["webhook-timestamp"]) >= 59
    assert second["webhook-signature"] != first["webhook-signature"]
    assert second["webhook-id"] == first["webhook-id"]


def test_the_databases_clock_is_the_one_that_counts(monkeypatch):
    """A dispatcher whose own clock is an hour off signs what its receivers take."""
    claimed = time.time()
    monkeypatch.setattr(time, "time", lambda: claimed - 3_600)

    headers = signing.sign(make_attempt(NEW, claimed_at=claimed), b"{}")

    assert abs(int(headers["webhook-timestamp"]) - claimed) < 2


# --- keys -----------------------------------------------------------------------------------------


def test_a_made_key_is_one():
    assert len(signing.read_key(make_signing_secret())) == SIGNING_BYTES


@given(st.text())
def test_what_is_no_key_is_refused_without_being_quoted(text):
    with pytest.raises(signing.NotAKeyError) as refused:
        signing.read_key(text)
    assert len(text) < 20 or text not in str(refused.value)
