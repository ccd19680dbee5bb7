"""Calls that an attempt makes over HTTP, with what its credential gives: headers, a certificate.

Headers are those of RFC 7617 (Basic), RFC 6750 (Bearer) and whatever an `http_auth_headers`
credential names. What hinders a call on our side is not the destination's fault: its outcome
says what to do, and does not slow the lane.
"""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64encode
from collections.abc import Mapping

import aiohttp

from destinations import credentials
from destinations.attempts import Attempt, Request
from destinations.authorizing.certificates import Certificates, UnusableCertificateError
from destinations.authorizing.tokens import Tokens
from destinations.keys import CONCEALED, Secret
from destinations.models import CredentialType
from destinations.outcomes import NoAnswerError, Outcome, Verdict
from destinations.outward import outbound
from destinations.outward.clients import Clients

BEARER = "Bearer "
IN_AUTHORIZATION = frozenset(
    {
        CredentialType.HTTP_BASIC,
        CredentialType.HTTP_BEARER,
        CredentialType.OAUTH2_CLIENT_CREDENTIALS,
    }
)


async def post(
    attempt: Attempt,
    clients: Clients,
    url: str,
    *,
    headers: Mapping[str, str],
    body: bytes,
    configured: Mapping[str, str] | None = None,
) -> outbound.Answer:
    """The answer to a POST within the attempt's time; `NoAnswerError` where there is none.

    `headers` are ours, by lower-case names, and win over the credential's, those over the
    `configured` ones. A token
    that is refused (401) is fetched anew, once. The answer is as it came, with whatever it echoes:
    what is kept of it goes through `attempt.conceal`.
    """
    theirs = _lowered(configured) if configured else {}
    granted = await authorize(attempt, clients)
    answer = await _post(attempt, clients, url, {**theirs, **granted, **headers}, body)
    if answer.status == 401:
        renewed = await authorize(attempt, clients, refused=granted)
        if renewed != granted:
            answer = await _post(attempt, clients, url, {**theirs, **renewed, **headers}, body)
    return answer


async def authorize(
    attempt: Attempt, clients: Clients, *, refused: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The headers that its credential gives, by lower-case names; `NoAnswerError` if it cannot.

    `refused` are those that have just been answered with 401: a token among them is fetched
    anew. What cannot be fetched anew is given again.
    """
    secret = attempt.keys.credential
    if secret is None:
        return {}
    match secret.type:
        case CredentialType.HTTP_AUTH_HEADERS:
            return _lowered(credentials.headers_of(secret.value))
        case CredentialType.HTTP_BASIC:
            return {"authorization": basic(secret.value["username"], secret.value["password"])}
        case CredentialType.HTTP_BEARER:
            return {"authorization": BEARER + secret.value["token"]}
        case CredentialType.OAUTH2_CLIENT_CREDENTIALS:
            old = (refused or {}).get("authorization", "").removeprefix(BEARER)
            token = await _find_token(attempt, secret, clients, old)
            attempt.granted.add(token)
            return {"authorization": BEARER + token}
    raise NoAnswerError(_ours(f"Credential {secret.id} ({secret.type}) is not for HTTP."))


def show_headers(attempt: Attempt, request: Request) -> dict[str, str]:
    """The headers of a request as `post` sends them, without what is secret in them."""
    secret, granted = attempt.keys.credential, dict[str, str]()
    if secret is not None and secret.type == CredentialType.HTTP_AUTH_HEADERS:
        granted = dict.fromkeys(_lowered(credentials.headers_of(secret.value)), CONCEALED)
    elif secret is not None and secret.type in IN_AUTHORIZATION:
        granted = {"authorization": CONCEALED}
    configured = {name: attempt.conceal(value) for name, value in request.configured.items()}
    return {**_lowered(configured), **granted, **request.headers}


async def find_certificate(attempt: Attempt, clients: Clients) -> ssl.SSLContext | None:
    """The TLS context that shows the credential's certificate; None where it has none."""
    if attempt.keys.credential is None:
        return None
    try:
        return await clients.of(Certificates).find(attempt.keys.credential)
    except UnusableCertificateError as error:
        raise NoAnswerError(_ours(str(error))) from error


def basic(username: str, password: str) -> str:
    """The value of `Authorization` for a user (RFC 7617, in UTF-8)."""
    return f"Basic {b64encode(f'{username}:{password}'.encode()).decode()}"


async def _post(
    attempt: Attempt, clients: Clients, url: str, headers: Mapping[str, str], payload: bytes
) -> outbound.Answer:
    tls = await find_certificate(attempt, clients)
    body = outbound.RequestBody(payload)
    try:
        return await outbound.post(
            clients.session,
            url,
            headers=headers,
            body=body,
            seconds=attempt.seconds_left(),
            tls=tls,
        )
    except outbound.AddressRefusedError as error:
        refused = Outcome(Verdict.REFUSED, str(error), said=False, sent=False)
        raise NoAnswerError(refused) from error
    except (aiohttp.ClientError, OSError) as error:
        raise NoAnswerError(outbound.judge_silence(error, sent=body.sent)) from error


async def _find_token(attempt: Attempt, secret: Secret, clients: Clients, refused: str) -> str:
    try:
        async with asyncio.timeout(attempt.seconds_left()):
            grant = await clients.of(Tokens).get(secret, refused=refused)
    except TimeoutError as error:
        message = f"Credential {secret.id}: its token endpoint does not answer in time."
        raise NoAnswerError(_ours(message)) from error
    if grant.fault:
        raise NoAnswerError(grant.fault)
    return grant.token


def _lowered(headers: Mapping[str, str]) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}


def _ours(message: str) -> Outcome:
    return Outcome(Verdict.OURS, message, said=False, sent=False)
