"""`webhook`: an HTTP POST of the payload (the published contract, 3.1), or of a gateway request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.conf import settings

from config.errors import Fault, pointer
from destinations import gateway, keys, replies, signaling
from destinations.attempts import Attempt, Request
from destinations.authorizing import authorization, signing
from destinations.credentials import HTTP_CREDENTIALS
from destinations.models import Protocol
from destinations.outcomes import TAKEN, NoAnswerError, Outcome, judge_answer
from destinations.outward import outbound
from destinations.outward.clients import Clients
from destinations.signaling import RESPONSE_TIME_SLA, SIGNALING

CONFIG: dict[str, Any] = {
    "type": "object",
    "required": ["url"],
    "properties": {
        "url": {"type": "string", "format": "uri"},
        "headers": {"type": "object", "additionalProperties": {"type": "string"}},
        "signaling": SIGNALING,
        "response_time_sla_ms": RESPONSE_TIME_SLA,
    },
    "additionalProperties": False,
}
CREDENTIALS = HTTP_CREDENTIALS
EXAMPLE: dict[str, Any] = {
    "url": "https://hooks.example.com/orders",
    "signaling": {"enabled": True, "default": "ack"},
}
# Where in the config it is written whom we call.
ADDRESS = "url"


def find_config_faults(config: dict[str, Any]) -> list[Fault]:
    """What the schema cannot say: where the URL may lead and which headers may be set."""
    faults = [
        Fault("INVALID_CONFIG", message, pointer(("config", "headers", name)))
        for name, message in outbound.check_headers(config.get("headers", {})).items()
    ]
    try:
        outbound.check_url(config["url"], allow_private=settings.ALLOW_PRIVATE_NETWORKS)
    except outbound.AddressRefusedError as error:
        faults.append(Fault(error.code, str(error), "/config/url"))
    return faults


async def deliver(attempt: Attempt, clients: Clients) -> Outcome:
    """POST the payload's own bytes; the answer's signal or status is the outcome.

    By the gateway protocol it is the request around them, and what the answer says in words.
    """
    request = compose(attempt)
    answer = await authorization.post(
        attempt,
        clients,
        request.url,
        headers=request.headers,
        configured=request.configured,
        body=request.body,
    )
    if attempt.protocol == Protocol.GATEWAY:
        outcome = judge_status(answer, attempt.conceal) or gateway.read_answer(
            answer.body, answer.status
        )
    else:
        outcome = judge(answer, attempt.config, attempt.conceal)
    if attempt.is_test or attempt.wants_answer:
        outcome = replace(outcome, answer=answer.body)
    elif outcome.verdict in TAKEN and not (attempt.wants_reply and answer.body):
        return outcome
    return replace(outcome, reply=replies.keep(*answer, attempt.conceal))


def compose(attempt: Attempt) -> Request:
    """What is sent: nothing of it depends on anything but the attempt and the time.

    `NoAnswerError` where nothing can be: it says why.
    """
    body = attempt.payload
    if attempt.protocol == Protocol.GATEWAY:
        hindrance = gateway.find_hindrance(attempt)
        if hindrance:
            raise NoAnswerError(hindrance)
        body = gateway.write_request(attempt)
    url, configured = attempt.config["url"], attempt.config.get("headers", {})
    return Request("POST", url, build_headers(attempt, body), configured, body)


def build_headers(attempt: Attempt, body: bytes) -> dict[str, str]:
    """Our own headers of one attempt, which win over all others."""
    ours = {
        "content-type": "application/json",
        "x-arklow-actionid": str(attempt.record_id),
        "x-arklow-attempt": str(attempt.number),
        # The same on every attempt, so that a receiver can tell a repeated one.
        "idempotency-key": str(attempt.record_id),
    }
    if attempt.is_test:
        ours["x-waybill-test"] = "true"
    return ours | signing.sign(attempt, body)


def judge(
    answer: outbound.Answer, config: dict[str, Any], conceal: Callable[[str], str]
) -> Outcome:
    """What an answer means: its status by the answer table; for a 2xx its signal or the default."""
    failed = judge_status(answer, conceal)
    if failed:
        return failed
    said = signaling.read_signal(answer.headers, answer.body, answer.status)
    return said or signaling.default_outcome(config, answer.status)


def judge_status(answer: outbound.Answer, conceal: Callable[[str], str]) -> Outcome | None:
    """The outcome of everything that is no 2xx, by the answer table."""
    return judge_answer(
        answer.status,
        retry_after=answer.headers.get("retry-after"),
        said=keys.quote(answer.body, conceal),
        date=answer.headers.get("date"),
    )
