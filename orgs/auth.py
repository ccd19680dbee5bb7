"""From a header to the caller: one query."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.http import HttpRequest
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed, Throttled
from rest_framework.request import Request

from config.addresses import client_address
from orgs import permissions, services, tokens
from orgs.audit import acting
from orgs.audit.acting import Actor
from orgs.guesses import guesses

# The caller's row; `former` says that somebody else may have made the key, who had the login before
# the address was shown to be the user's; `stale` that last_used_at is worth writing again.
FIND_CALLER = """
SELECT k.id, k.org_id, k.member_id, m.user_id, m.permissions, k.permissions, k.variants,
       coalesce(k.created_at < u.email_verified_at, false) AS former,
       coalesce(k.last_used_at < now() - interval '1 minute', true) AS stale
FROM orgs_apikey k
JOIN orgs_membership m ON m.id = k.member_id AND m.deleted_at IS NULL
JOIN orgs_organization o ON o.id = k.org_id AND o.deleted_at IS NULL
JOIN orgs_user u ON u.id = m.user_id AND u.is_active
WHERE k.hash = %s AND k.deleted_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
"""
FIND_CALLER_BY_ID = FIND_CALLER.replace("k.hash = %s", "k.id = %s")
TOUCH_KEY = "UPDATE orgs_apikey SET last_used_at = now() WHERE id = %s"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who is asking: a live key, its organization and what it may do there.

    `permissions` are those of its member at this moment, as far as the key's own go. With
    `variants` it hands in actions of these, and does nothing else. What `is_limited` does not
    act for the person beyond the key's organization.
    """

    key_id: int
    org_id: int
    member_id: int
    user_id: int
    permissions: tuple[str, ...]
    variants: frozenset[str] | None = None
    is_limited: bool = False

    def __str__(self) -> str:
        return f"key {self.key_id}"

    def may(self, operation: str) -> bool:
        """Whether its permissions include what the table says that the operation needs."""
        needed = permissions.NEEDED[operation]
        return needed is None or permissions.allows(self.permissions, needed)

    def as_actor(self, request: HttpRequest | Request, via: str) -> Actor:
        """The caller, as the audit shows them."""
        return Actor(
            actor=str(self),
            via=via,
            user_id=self.user_id,
            key_id=self.key_id,
            address=client_address(request),
            path=acting.shown_path(request.method, request.path),
        )

    @property
    def limit(self) -> tuple[str, ...] | None:
        """What it may do and give at most; None where that is whatever its member may."""
        return self.permissions if self.is_limited else None


class KeyAuthentication(BaseAuthentication):
    """`x-arklow-auth: <api key>`."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """The caller twice (as DRF's user and auth), or None without a key."""
        material = self.material(request)
        if not material:
            return None
        caller = find_caller(material, client_address(request))
        return caller, caller

    def authenticate_header(self, request: Request) -> str:
        """Makes DRF answer 401 where there is no key."""
        return "ApiKey"

    def material(self, request: Request) -> str:
        """The secret as the client sent it."""
        sent: str = request.META.get("HTTP_X_ARKLOW_AUTH", "")
        return sent.strip()


class IngressAuthentication(KeyAuthentication):
    """The same header, or `Authorization: Bearer <api key or token>` (RFC 6750)."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """The caller by either header; `x-arklow-auth` wins, and takes no token."""
        bearer = "" if self.material(request) else read_bearer(request)
        if not bearer:
            return super().authenticate(request)
        is_token = tokens.is_token(bearer)
        address = client_address(request)
        caller = find_token_caller(bearer) if is_token else find_caller(bearer, address)
        return caller, caller


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token>`, which an API key was exchanged for."""

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        """The caller twice (as DRF's user and auth), or None without a token."""
        bearer = read_bearer(request)
        if not bearer:
            return None
        caller = find_token_caller(bearer)
        return caller, caller


def read_bearer(request: Request) -> str:
    """What stands behind `Bearer` in the header `Authorization`."""
    scheme, _, token = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def find_caller(material: str, address: str = "") -> Caller:
    """The caller that a live key stands for; 401 for every other text, and 429 for too many."""
    digest = services.hash_key(material)
    wait = guesses.seconds_to_wait(address, digest)
    if wait:
        raise Throttled(wait, "Too many wrong keys came from this address.")
    caller = _find_caller(FIND_CALLER, digest)
    if caller is None:
        guesses.note_wrong(address, digest)
        raise AuthenticationFailed("The key is unknown, deleted or expired.")
    guesses.note_good(digest)
    return caller


def find_token_caller(token: str) -> Caller:
    """The caller whose live key the token was issued for; 401 for every other text."""
    try:
        caller = _find_caller(FIND_CALLER_BY_ID, tokens.read_key_id(token))
    except tokens.InvalidTokenError as error:
        raise AuthenticationFailed("The token is none of ours, or is over.") from error
    if caller is None:
        raise AuthenticationFailed("The key of the token is deleted or expired.")
    return caller


def _find_caller(statement: str, value: bytes | int) -> Caller | None:
    with connection.cursor() as cursor:
        cursor.execute(statement, [value])
        row = cursor.fetchone()
        if row is None:
            return None
        *columns, held, limit, variants, former, stale = row
        if stale:
            cursor.execute(TOUCH_KEY, [row[0]])
    key_id, org_id, member_id, user_id = columns
    return Caller(
        key_id,
        org_id,
        member_id,
        user_id,
        permissions.narrow(held, limit),
        None if variants is None else frozenset(variants),
        former or limit is not None or variants is not None,
    )
