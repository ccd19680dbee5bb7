"""`webhook`: an HTTP POST of the payload (the published contract, 3.1)."""

from __future__ import annotations

import errno
import socket
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
# What a resolver says of itself: it reached no name server, or had no memory. That there is no
# such name is another answer, and the destination's fault.
RESOLVER_FAULTS = frozenset({socket.EAI_AGAIN, socket.EAI_MEMORY, socket.EAI_SYSTEM})
SOCKET_FAULTS = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.EADDRNOTAVAIL})


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
    body = outbound.RequestBody(attempt.payload)
    try:
        answer = await outbound.post(
            session,
            attempt.config["url"],
            headers=build_headers(attempt),
            body=body,
            seconds=attempt.seconds_left(),
            allow_private=settings.ALLOW_PRIVATE_NETWORKS,
        )
    except outbound.AddressRefusedError as error:
        return Outcome(Verdict.REFUSED, str(error), said=False, sent=False)
    except (aiohttp.ClientError, OSError) as error:
        return _judge_silence(error, sent=body.sent)
    return judge(answer, attempt.config)


def build_headers(attempt: Attempt) -> dict[str, str]:
    """The headers of one attempt: ours win over the destination's."""
    ours = {
        "content-type": "application/json",
        "x-arklow-actionid": str(attempt.record_id),
        "x-arklow-attempt": str(attempt.number),
        # The same on every attempt, so that a receiver can tell a repeated one.
        "idempotency-key": str(attempt.record_id),
    }
    configured = attempt.config.get("headers", {})
    return {name.lower(): value for name, value in configured.items()} | ours


def judge(answer: outbound.Answer, config: dict[str, Any]) -> Outcome:
    """What an answer means: its status by the answer table; for a 2xx its signal or the default."""
    said = answer.body[:200].decode("utf-8", "replace").strip()
    failed = judge_answer(
        answer.status,
        retry_after=answer.headers.get("retry-after"),
        said=said,
        date=answer.headers.get("date"),
    )
    if failed:
        return failed
    return signaling.read_signal(answer.headers, answer.body) or signaling.default_outcome(config)


def _judge_silence(error: Exception, *, sent: bool) -> Outcome:
    """What it means that no answer came: whether the request was sent decides."""
    if sent:
        said = "no answer in time" if isinstance(error, TimeoutError) else _name(error)
        message = f"Sent, but {said}; it may have been done."
        return Outcome(Verdict.AMBIGUOUS, message, said=False, sent=True)
    if isinstance(error, TimeoutError):
        message = "No connection in time; nothing was sent."
        return Outcome(Verdict.UNAVAILABLE, message, said=False, sent=False)
    verdict = Verdict.OURS if _is_ours(error) else Verdict.UNAVAILABLE
    return Outcome(verdict, _name(error), said=False, sent=False)


def _name(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _is_ours(error: Exception) -> bool:
    """Whether it is this machine that failed: its resolver, which says so, or its sockets."""
    if not isinstance(error, aiohttp.ClientConnectorError):
        return False
    ours = RESOLVER_FAULTS if isinstance(error, aiohttp.ClientConnectorDNSError) else SOCKET_FAULTS
    return error.os_error.errno in ours
