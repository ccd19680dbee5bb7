"""Access tokens for OAuth 2.0 client credentials (RFC 6749 section 4.4), fetched and kept.

What goes wrong at the token endpoint says nothing of the destination: the outcome is ours, says
what to do, and is remembered for a moment, so that nobody hammers a server that is down.
"""

from __future__ import annotations

import asyncio
import math
import time
from base64 import b64encode
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_plus, urlencode

import aiohttp
import orjson
from yarl import URL

from destinations.authorizing.certificates import Certificates, UnusableCertificateError
from destinations.credentials import BEARER_TOKEN
from destinations.keys import Secret
from destinations.outcomes import Outcome, Verdict, read_retry_after
from destinations.outward import outbound
from destinations.outward.clients import Clients

MOST = 1_000
FETCH_SECONDS = 10.0
# Before a token expires, so that it still holds when a delivery arrives.
MARGIN_SECONDS = 60.0
# Where the endpoint names no lifetime, as it may (RFC 6749 section 5.1).
LIFETIME_SECONDS = 300.0
# How long a fault is remembered, and at most where the endpoint says when to come back.
FAULT_SECONDS = 2.0
MOST_FAULT_SECONDS = 300
# How often a token is fetched anew because a destination refuses it.
RENEWAL_SECONDS = 5.0
# RFC 6749 section 5.2: what an endpoint may say, and what to do about it.
ERRORS = {
    "invalid_client": "update its client_id or client_secret",
    "invalid_request": "check its token_url, scope and audience",
    "invalid_scope": "update its scope",
    "unauthorized_client": "let the client use the grant client_credentials",
    "unsupported_grant_type": "let the endpoint give the grant client_credentials",
    "invalid_grant": "check its client",
}
Key = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Grant:
    """A token, or why there is none, and until when that holds by the monotonic clock."""

    until: float
    token: str = ""
    fault: Outcome | None = None


class Tokens:
    """Tokens by the version of a credential: one fetch at a time for each, shared by all."""

    def __init__(self, clients: Clients) -> None:
        self._clients = clients
        self._grants: OrderedDict[Key, Grant] = OrderedDict()
        self._fetches: dict[Key, asyncio.Task[Grant]] = {}
        self._renewed: OrderedDict[Key, float] = OrderedDict()

    async def get(self, secret: Secret, *, refused: str = "") -> Grant:
        """A token that holds, or a fault; not the refused one, unless it has just been fetched."""
        key = (secret.id, secret.version)
        grant = self._grants.get(key)
        if grant and self._holds(key, grant, refused):
            return grant
        fetch = self._fetches.get(key)
        if fetch is None:
            if refused:
                _keep(self._renewed, key, time.monotonic())
            fetch = self._fetches[key] = asyncio.create_task(self._fetch(key, secret))
        # Whoever is cancelled leaves the others their token.
        return await asyncio.shield(fetch)

    def _holds(self, key: Key, grant: Grant, refused: str) -> bool:
        """Whether there is no better one to be had for now."""
        now = time.monotonic()
        if now >= grant.until:
            return False
        if not refused or grant.token != refused:
            return True
        renewed = self._renewed.get(key, -math.inf)
        return key not in self._fetches and now < renewed + RENEWAL_SECONDS

    async def _fetch(self, key: Key, secret: Secret) -> Grant:
        try:
            grant = await self._ask(secret)
            _keep(self._grants, key, grant)
            return grant
        finally:
            del self._fetches[key]

    async def _ask(self, secret: Secret) -> Grant:
        began = time.monotonic()
        try:
            answer = await outbound.post(
                self._clients.session,
                secret.value["token_url"],
                headers=build_headers(secret.value),
                body=build_body(secret.value),
                seconds=FETCH_SECONDS,
                tls=await self._clients.of(Certificates).find(secret),
            )
        except outbound.AddressRefusedError as error:
            reason = str(error).rstrip(".")
            return _fault(secret, f"may not be called ({reason}): update its token_url")
        except UnusableCertificateError as error:
            return _hold_fault(str(error))
        except (aiohttp.ClientError, OSError) as error:
            late = isinstance(error, TimeoutError)
            said = "no answer in time" if late else outbound.describe_error(error)
            return _fault(secret, f"cannot be reached ({said}): see whether it is up")
        return read_grant(secret, answer, began)

    async def close(self) -> None:
        """Give up what is being fetched."""
        fetches = list(self._fetches.values())
        for fetch in fetches:
            fetch.cancel()
        await asyncio.gather(*fetches, return_exceptions=True)


def _keep(kept: OrderedDict[Key, Any], key: Key, value: Any) -> None:
    """Remember it, and forget the oldest of too many."""
    kept[key] = value
    kept.move_to_end(key)
    if len(kept) > MOST:
        kept.popitem(last=False)


def build_headers(secret: dict[str, Any]) -> dict[str, str]:
    """The headers of a request for a token: the client by RFC 6749 section 2.3.1."""
    headers = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
    if secret.get("client_auth") == "body":
        return headers
    client = f"{quote_plus(secret['client_id'])}:{quote_plus(secret['client_secret'])}"
    return headers | {"authorization": f"Basic {b64encode(client.encode()).decode()}"}


def build_body(secret: dict[str, Any]) -> bytes:
    """The form of a request for a token."""
    named = ["scope", "audience"]
    if secret.get("client_auth") == "body":
        named += ["client_id", "client_secret"]
    form = {"grant_type": "client_credentials"}
    return urlencode(form | {name: secret[name] for name in named if name in secret}).encode()


def read_grant(secret: Secret, answer: outbound.Answer, began: float) -> Grant:
    """What the endpoint says, of which nothing but known words is repeated: it may echo secrets."""
    said = _read_object(answer.body)
    if answer.status != 200:
        error = str(said.get("error"))
        advice = ERRORS.get(error, "see whether it is up, and check its token_url")
        word = f" ({error})" if error in ERRORS else ""
        seconds = read_retry_after(answer.headers.get("retry-after"), answer.headers.get("date"))
        return _fault(secret, f"answers HTTP {answer.status}{word}: {advice}", seconds)
    token, kind = said.get("access_token"), said.get("token_type", "bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        return _fault(secret, "gives another type of token than bearer: use another credential")
    if not isinstance(token, str) or not BEARER_TOKEN.fullmatch(token):
        return _fault(secret, "answers HTTP 200 without an access token: check its token_url")
    return Grant(began + _read_lifetime(said.get("expires_in")), token)


def _read_object(body: bytes) -> dict[str, Any]:
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        return {}
    return said if isinstance(said, dict) else {}


def _read_lifetime(expires_in: Any) -> float:
    """How long the token is used: to a minute before its end, or for half of a short life."""
    try:
        seconds = min(float(expires_in), 86_400.0)
    except (TypeError, ValueError):
        seconds = LIFETIME_SECONDS
    seconds = seconds if seconds > 0 else 0.0
    return max(seconds - MARGIN_SECONDS, seconds / 2)


def _fault(secret: Secret, what: str, seconds: int | None = None) -> Grant:
    message = f"Credential {secret.id}: its token endpoint {_host(secret)} {what}."
    return _hold_fault(message, seconds)


def _hold_fault(message: str, seconds: int | None = None) -> Grant:
    """No token, for as long as the endpoint says, and for a moment at least."""
    if seconds is not None:
        seconds = min(seconds, MOST_FAULT_SECONDS)
    outcome = Outcome(Verdict.OURS, message, seconds, said=False, sent=False)
    return Grant(time.monotonic() + max(seconds or 0, FAULT_SECONDS), fault=outcome)


def _host(secret: Secret) -> str:
    """Its name only: a URL may hold what nobody should read."""
    try:
        return URL(secret.value["token_url"]).host or ""
    except (ValueError, IndexError):  # yarl raises both
        return ""
