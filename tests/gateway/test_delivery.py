"""Deliveries of gateway actions: what is sent, who signs it, and what an answer means."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

import orjson
import pytest
from aiohttp import web
from django.db import IntegrityError, models, transaction
from django.utils import timezone
from standardwebhooks.webhooks import Webhook

from destinations import keys, signing_keys, trials
from destinations.attempts import Attempt
from destinations.kinds import deliver
from destinations.models import Destination
from destinations.outcomes import Verdict
from destinations.outward import outbound
from destinations.outward.clients import Clients
from dispatch.engine import deliveries
from dispatch.models import ActionPayload, ActionRecord
from orgs.models import SigningKey
from orgs.services import make_signing_secret
from tests import factories
from tests.client import codes
from tests.destinations.receiver import receive
from tests.dispatch.claiming import claim
from tests.gateway import receivers
from tests.gateway.conftest import KEY

pytestmark = pytest.mark.usefixtures("private_networks")


def send(answer, payload=b'{"to":"a","n":1.0}', secrets=(KEY,), **fields):
    """(outcome, headers, body) of one delivery to a real receiver that answers so."""

    async def run():
        async with (
            receive(answer) as receiver,
            outbound.open_session(allow_private=True, connections=5) as session,
            Clients(session) as clients,
        ):
            attempt = Attempt(
                record_id=4711,
                number=2,
                failures=0,
                type="webhook",
                config={"url": receiver.url} | fields.pop("config", {}),
                payload=payload,
                ends=time.monotonic() + 10,
                variant="send_note",
                keys=keys.Keys(signing=secrets),
                protocol="gateway",
                **fields,
            )
            outcome = await deliver(attempt, clients)
            headers: Any = {}
            body = b""
            if receiver.seen:
                ((request, body),) = receiver.seen
                headers = request.headers
            return outcome, headers, body

    return asyncio.run(run())


def answering(status=200, **said):
    return web.json_response(said, status=status)


def nested(depth, name="result"):
    return web.Response(text=f'{{"{name}": {"[" * depth}{"]" * depth}}}')


# --- what is sent ---------------------------------------------------------------------------------


def test_the_request_is_signed_in_its_body_and_by_standard_webhooks():
    outcome, headers, body = send(answering(result="Sent."))

    assert outcome.verdict is Verdict.ACK
    said = orjson.loads(body)
    assert list(said) == ["action_name", "parameters", "timestamp", "signature"]
    assert (said["action_name"], said["parameters"]) == ("send_note", {"n": 1.0, "to": "a"})
    assert abs(said["timestamp"] - time.time()) < 60
    assert receivers.raw(body, KEY)
    Webhook(KEY).verify(body, dict(headers))
    assert headers["x-arklow-actionid"] == headers["idempotency-key"] == "4711"
    assert headers["x-arklow-attempt"] == "2"
    assert "x-waybill-test" not in headers


def test_while_a_key_changes_the_former_secret_signs_the_body_and_both_the_headers():
    new = make_signing_secret()
    _, headers, body = send(answering(result=""), secrets=(new, KEY))

    assert receivers.raw(body, KEY)
    for secret in (new, KEY):
        Webhook(secret).verify(body, dict(headers))


def test_headers_of_the_destination_come_along_and_never_win():
    config = {"headers": {"x-team": "mail", "webhook-id": "1", "content-type": "text/plain"}}

    _, headers, _ = send(answering(result=""), config=config)

    assert headers["x-team"] == "mail"
    assert headers["webhook-id"] == "4711"
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize("payload", [b"[]", b"null", b'"text"', b"1", b"true"])
def test_an_input_that_is_no_object_is_not_sent(payload):
    outcome, _, body = send(answering(result=""), payload=payload)

    assert (outcome.verdict, outcome.sent, body) == (Verdict.PERMANENT, False, b"")


def test_without_a_key_nothing_is_sent_and_it_is_our_fault():
    outcome, _, body = send(answering(result=""), secrets=())

    assert (outcome.verdict, outcome.said, body) == (Verdict.OURS, False, b"")
    assert "no signing key" in outcome.message


# --- what an answer means -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "verdict", "message", "result"),
    [
        (answering(result="Sent."), "ack", "", '"Sent."'),
        (answering(201, result="Sent.", error=""), "ack", "", '"Sent."'),
        (answering(result="", error=None), "ack", "", '""'),
        (answering(), "ack", "", None),
        (answering(result={"id": 1}), "ack", "", '{"id":1}'),
        (web.Response(status=204), "ack", "", None),
        (web.Response(text="  "), "ack", "", None),
        # An error in words is a failure, whatever the status says.
        (answering(result="", error="No such user"), "nack", "No such user", None),
        (answering(result="Sent.", error="or not"), "nack", "or not", None),
        (answering(error={"code": 1}), "nack", '{"code":1}', None),
        (answering(error=False), "nack", "false", None),
        # What cannot be read may have been an error.
        (web.Response(text="OK"), "permanent", "no JSON object", None),
        (web.Response(text="[]"), "permanent", "no JSON object", None),
        (web.Response(text='"done"'), "permanent", "no JSON object", None),
        (web.Response(body=b'{"result": "\xff"}'), "permanent", "no JSON object", None),
        (answering(result="x" * 70_000), "permanent", "over 65536 bytes", None),
        (nested(63), "ack", "", "[" * 63 + "]" * 63),
        (nested(64), "permanent", "nested more than 64 deep", None),
        (nested(253), "permanent", "nested more than 64 deep", None),
        (nested(300), "permanent", "nested more than 64 deep", None),
        (nested(300, "error"), "permanent", "nested more than 64 deep", None),
        # By the answer table.
        (answering(500, result="", error="down"), "unavailable", "HTTP 500: ", None),
        (answering(400, error="no JSON"), "permanent", "HTTP 400: ", None),
        (answering(401, error="Invalid signature"), "refused", "HTTP 401: ", None),
        (answering(429, error="slow down"), "rate_limited", "HTTP 429: ", None),
        (web.Response(status=302, headers={"location": "/"}), "refused", "HTTP 302", None),
        # Signals are of the plain protocol.
        (
            web.json_response({"result": "ok"}, headers={"x-arklow-signaling": "nack"}),
            "ack",
            "",
            '"ok"',
        ),
    ],
)
def test_what_an_answer_means(answer, verdict, message, result):
    outcome, _, _ = send(answer)

    assert str(outcome.verdict) == verdict
    assert message in outcome.message
    assert bool(message) == bool(outcome.message)
    assert outcome.result == result


# --- the whole way --------------------------------------------------------------------------------


def claimed():
    (one,) = deliveries.read_claims(claim())
    return one.attempt


def test_a_claim_tells_the_name_the_protocol_and_the_key(action, acme):
    factories.make_record(acme, "send_note", input={"b": 1, "a": 2})

    attempt = claimed()

    assert (attempt.variant, attempt.protocol) == ("send_note", "gateway")
    assert attempt.keys.signing == (KEY,)
    assert attempt.payload == b'{"b":1,"a":2}'


def test_plain_webhooks_are_claimed_as_before(acme, definition, signing_key):
    factories.make_record(acme)

    attempt = claimed()

    assert (attempt.variant, attempt.protocol, attempt.keys.signing) == ("", "plain", ())


def test_a_test_of_its_destination_is_a_test_to_its_receiver(action, hook, api):
    hook.seen.clear()
    hook.answer = answering(result="", error="not today")
    destination = Destination.objects.get()

    answer = api.post(
        f"~/destinations/{destination.pk}/test", {"input": {"to": "a"}, "variant": "send_note"}
    )

    told = api.data(answer)
    assert (told["status"], told["verdict"], told["message"]) == (200, "nack", "not today")
    ((_, body),) = hook.seen
    assert orjson.loads(body)["test"] is True
    assert orjson.loads(body)["parameters"] == {"to": "a"}
    assert receivers.raw(body, KEY)


def test_only_webhooks_speak_the_gateway_protocol(acme):
    destination = factories.make_destination(acme, "sdk")

    with (
        pytest.raises(IntegrityError, match="destination_gateway_is_webhook"),
        transaction.atomic(),
    ):
        Destination.objects.filter(pk=destination.pk).update(protocol="gateway")
    with (
        pytest.raises(IntegrityError, match="destination_gateway_is_webhook"),
        transaction.atomic(),
    ):
        Destination.objects.filter(pk=destination.pk).update(protocol="other")


# --- which key signs ------------------------------------------------------------------------------


def signs(acme, *secrets):
    """Whether these sign for the gateway, for new and for existing actions."""
    kept = [keys.of_gateway(acme.pk)]
    kept += [keys.of_destination(one.pk) for one in Destination.objects.filter(protocol="gateway")]
    signer = SigningKey.objects.signing_gateway(acme.pk)
    return all(one.signing == secrets for one in kept) and (
        keys.encryption.decrypt(signer.secret) == secrets[0] if secrets else signer is None
    )


def tell(api, key, moment):
    """The key, told to sign from then on; in a test time stands still, so that is a while ago."""
    body = {"signs_gateway_from": moment and moment.isoformat()}
    told = api.data(api.post(f"~/signing-keys/{key.pk}", body))
    a_while_ago = models.F("signs_gateway_from") - timedelta(minutes=1)
    SigningKey.objects.update(signs_gateway_from=a_while_ago)
    return told


def test_the_oldest_key_signs_until_another_is_told_to(acme, api, action, signing_key):
    other_secret = make_signing_secret()
    other = factories.make_signing_key(acme, other_secret)
    assert signs(acme, KEY)

    # In good time: not yet.
    told = tell(api, other, timezone.now() + timedelta(days=1))
    assert told["signs_gateway_from"] is not None
    assert signs(acme, KEY)
    come = timezone.now() - timedelta(hours=1)
    SigningKey.objects.filter(pk=other.pk).update(signs_gateway_from=come)
    assert signs(acme, other_secret)
    # The one that was told to last signs, however long ago it says that was.
    tell(api, signing_key, timezone.now() - timedelta(days=900))
    assert signs(acme, KEY)
    tell(api, signing_key, None)
    assert signs(acme, other_secret)
    tell(api, other, None)
    assert signs(acme, KEY)


def test_a_deleted_key_and_another_tenants_never_sign(acme, globex, db):
    factories.make_signing_key(globex)
    assert signs(acme)
    key = factories.make_signing_key(acme, KEY)
    assert signs(acme, KEY)

    signing_keys.delete_signing_key(key=key)

    assert signs(acme)


def test_a_rotation_gives_receivers_a_day(acme, signing_key, action):
    _, new = signing_keys.rotate_signing_key(key=signing_key)
    assert keys.of_gateway(acme.pk).signing == (new, KEY)

    SigningKey.objects.update(previous_until=timezone.now() - timedelta(hours=1))

    assert signs(acme, new)


def test_the_key_that_signs_is_deleted_only_after_another_has_taken_over(
    acme, api, signing_key, action
):
    path = f"~/signing-keys/{signing_key.pk}"
    assert codes(api.delete(path)) == [("SIGNING_KEY_IN_USE", None)]
    other_secret = make_signing_secret()
    other = factories.make_signing_key(acme, other_secret)
    assert codes(api.delete(path)) == [("SIGNING_KEY_IN_USE", None)]
    tell(api, other, timezone.now())

    api.data(api.delete(path))

    assert signs(acme, other_secret)


def test_a_destination_may_name_a_key_of_its_own(acme, api, signing_key, action):
    secret = make_signing_secret()
    own = factories.make_signing_key(acme, secret)
    destination = Destination.objects.get()

    api.data(api.post(f"~/destinations/{destination.pk}", {"signing_key_id": str(own.pk)}))

    assert keys.of_destination(destination.pk).signing == (secret,)
    # Then the other one is no longer needed.
    api.data(api.delete(f"~/signing-keys/{signing_key.pk}"))


@pytest.mark.parametrize("moment", ["tomorrow", "", 1, "2026-13-01T00:00:00Z"])
def test_a_moment_that_is_none_is_400(moment, api, signing_key):
    answer = api.post(f"~/signing-keys/{signing_key.pk}", {"signs_gateway_from": moment})

    assert answer.status_code == 400
    assert [at for _, at in codes(answer)] == ["/signs_gateway_from"]


def test_a_claimed_action_is_delivered_as_it_was_handed_in(acme, action, hook):
    record = factories.make_record(acme, "send_note", input={"to": "a"})
    attempt = claimed()
    hook.answer = answering(result="Sent.")
    hook.seen.clear()

    outcome = trials.run(attempt, 10)

    assert outcome.result == '"Sent."'
    ((_, body),) = hook.seen
    assert b"test" not in body
    assert ActionRecord.objects.get(pk=record.pk).status == "running"
    assert ActionPayload.objects.get(record_id=record.pk).input == b'{"to":"a"}'
