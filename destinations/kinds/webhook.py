"""`webhook`: an HTTP POST of the payload (the published contract, 3.1)."""

from __future__ import annotations

from typing import Any

import aiohttp
from django.conf import settings

from config.errors import Fault, pointer
from destinations import outbound, signaling
from destinations.attempts import Attempt
from destinations.outcomes import Outcome, Verdict, judge_answer
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
EXAMPLE: dict[str, Any] = {
    "url": "https://hooks.example.com/orders",
    "signaling": {"enabled": True, "default": "ack"},
}


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


async def deliver(attempt: Attempt, session: aiohttp.ClientSession) -> Outcome:
    """POST the payload's own bytes; the answer's signal, status or silence is the outcome."""
    try:
        answer = await outbound.post(
            session,
            attempt.config["url"],
            headers=build_headers(attempt),
            body=attempt.payload,
            seconds=attempt.seconds_left(),
            allow_private=settings.ALLOW_PRIVATE_NETWORKS,
        )
    except outbound.AddressRefusedError as error:
        return Outcome(Verdict.REFUSED, str(error), said=False)
    except TimeoutError as error:
        return _timed_out(error)
    except (aiohttp.ClientError, OSError) as error:
        return Outcome(Verdict.UNAVAILABLE, f"{type(error).__name__}: {error}", said=False)
    return judge(answer, attempt.config)


def build_headers(attempt: Attempt) -> dict[str, str]:
    """The headers of one attempt: ours win over the destination's."""
    ours = {
        "content-type": "application/json",
        "x-arklow-actionid": str(attempt.record_id),
        "x-arklow-attempt": str(attempt.number),
    }
    configured = attempt.config.get("headers", {})
    return {name.lower(): value for name, value in configured.items()} | ours


def judge(answer: outbound.Answer, config: dict[str, Any]) -> Outcome:
    """What an answer means: its status by the answer table; for a 2xx its signal or the default."""
    said = answer.body[:200].decode("utf-8", "replace").strip()
    failed = judge_answer(answer.status, retry_after=answer.headers.get("retry-after"), said=said)
    if failed:
        return failed
    return signaling.read_signal(answer.headers, answer.body) or signaling.default_outcome(config)


def _timed_out(error: TimeoutError) -> Outcome:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return Outcome(Verdict.UNAVAILABLE, "No connection in time; nothing was sent.", said=False)
    return Outcome(
        Verdict.AMBIGUOUS, "Sent, but no answer in time; it may have been done.", said=False
    )
