"""What an attempt authenticates and signs with, as it is read beside the destination."""

from __future__ import annotations

import base64
import functools
import html
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus

import orjson
from django.db import connection

from destinations.models import CredentialType, Destination, Protocol
from orgs import encryption

# Of a gateway destination `d` that names no key: the one that signs for its organization, as
# `SigningKeyQuerySet.signing_gateway` has it.
SIGNER = """
      SELECT s.id FROM orgs_signingkey s
      WHERE s.org_id = d.org_id AND s.deleted_at IS NULL
        AND (s.signs_gateway_from IS NULL OR s.signs_gateway_from <= now())
      ORDER BY s.signs_gateway_from DESC NULLS LAST, s.id LIMIT 1"""
# Of a destination `d`: NULL for the many that have neither, else one text for `read_keys`.
COLUMN = f"""
  CASE WHEN coalesce(d.credential_id, d.signing_key_id) IS NOT NULL OR d.protocol = 'gateway' THEN (
    SELECT json_build_object(
      'id', c.id, 'label', c.label, 'type', c.type, 'version', c.version, 'secret', c.secret,
      'deleted', c.deleted_at IS NOT NULL, 'expired', coalesce(c.expires_at <= now(), false),
      'signing_id', k.id, 'signing_label', k.label, 'signing_deleted', k.deleted_at IS NOT NULL,
      'signing', array_remove(ARRAY[
        k.secret, CASE WHEN k.previous_until > now() THEN k.previous END], NULL)
    )::text
    FROM (SELECT) AS one
    LEFT JOIN destinations_credential c ON c.id = d.credential_id
    LEFT JOIN orgs_signingkey k ON k.id = coalesce(
      d.signing_key_id, CASE WHEN d.protocol = 'gateway' THEN ({SIGNER}) END)
  ) END"""  # noqa: S608 -- constants only
# Each is a secret in the clear, in memory.
REMEMBERED = 512
CONCEALED = "[secret]"
# Shorter ones are words, and would be cut out of what has nothing to do with them.
SHORTEST_SECRET = 6
# With so much of it, it is no coincidence.
SURE_SECRET = 12
# Of an answer, to find what it says in: more than is quoted of it.
READ_BYTES = 4_096
# Parts of a secret that are none by themselves.
PUBLIC_PARTS = frozenset(
    [
        "username",
        "client_id",
        "token_url",
        "scope",
        "audience",
        "access_key_id",
        "role_arn",
        "type",
        "project_id",
        "private_key_id",
        "client_email",
        "token_uri",
        "universe_domain",
        "certificate",
        "auth_uri",
        "auth_provider_x509_cert_url",
        "client_x509_cert_url",
    ]
)


class UnusableError(Exception):
    """What is stored cannot be used now; says why, and what to do about it."""


@dataclass(frozen=True, slots=True)
class Secret:
    """A credential, decrypted. `version` grows whenever its secret changes."""

    id: int
    version: int
    type: str
    # Kept out of whatever prints an attempt.
    value: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Keys:
    """The credential of a destination, and the secrets to sign with: the newest first.

    `fault` says why they cannot be used, and what to do about it: then they are not there.
    """

    credential: Secret | None = None
    signing: tuple[str, ...] = field(default=(), repr=False)
    fault: str = ""


NO_KEYS = Keys()


def of_destination(destination_id: int) -> Keys:
    """What an attempt at this destination would have now."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {COLUMN} FROM destinations_destination d WHERE d.id = %s",  # noqa: S608
            [destination_id],
        )
        (text,) = cursor.fetchone()
    return read_keys(text)


def of_gateway(org_id: int) -> Keys:
    """What an attempt at a gateway destination would have that the organization made now."""
    return of_unsaved(Destination(org_id=org_id, protocol=Protocol.GATEWAY))


def of_credential(credential_id: int) -> Keys:
    """What an attempt at a destination with this credential would have now."""
    return of_unsaved(Destination(credential_id=credential_id))


def of_unsaved(destination: Destination) -> Keys:
    """What an attempt would have now at a destination as it is here, whatever is stored of it."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {COLUMN} FROM (SELECT %s::bigint AS org_id, %s::bigint AS credential_id, "  # noqa: S608
            "%s::bigint AS signing_key_id, %s AS protocol) d",
            [
                destination.org_id,
                destination.credential_id,
                destination.signing_key_id,
                destination.protocol,
            ],
        )
        (text,) = cursor.fetchone()
    return read_keys(text)


@functools.lru_cache(maxsize=REMEMBERED)
def read_keys(text: str | None) -> Keys:
    """The keys behind a value of `COLUMN`. Remembered: decrypting takes longer than claiming."""
    if text is None:
        return NO_KEYS
    stored = orjson.loads(text)
    try:
        return Keys(_read_credential(stored), _read_signing(stored))
    except UnusableError as error:
        return Keys(fault=str(error))


def _read_credential(stored: dict[str, Any]) -> Secret | None:
    if stored["id"] is None:
        return None
    named = f"Credential {stored['id']} ({stored['label']})"
    if stored["deleted"]:
        raise UnusableError(f"{named} is deleted: give the destination another one.")
    if stored["expired"]:
        raise UnusableError(f"{named} has expired: update its secret, or its expires_at.")
    (value,) = _decrypt(named, [stored["secret"]])
    return Secret(stored["id"], stored["version"], stored["type"], value)


def _read_signing(stored: dict[str, Any]) -> tuple[str, ...]:
    named = f"Signing key {stored['signing_id']} ({stored['signing_label']})"
    if stored["signing_deleted"]:
        # Unsigned, the receiver would have no way to tell it from a forgery.
        raise UnusableError(f"{named} is deleted: give the destination another one.")
    return tuple(_decrypt(named, stored["signing"]))


def _decrypt(named: str, tokens: list[str]) -> list[Any]:
    try:
        return [encryption.decrypt(token) for token in tokens]
    except encryption.UndecryptableError as error:
        raise UnusableError(f"{named} cannot be decrypted. {error}") from error


def conceal(keys: Keys, text: str, granted: Collection[str] = ()) -> str:
    """The text without what is secret: a receiver may send back what it was sent.

    `granted` are the tokens that were fetched with the credential.
    """
    if keys.credential is None or not text:
        return text
    found = {*_find_secrets(keys.credential), *_spell(granted)}
    shown: list[str] = []
    end = 0
    # All are looked for in the text as it is: secrets may begin alike, or one within another.
    for start, stop in _merge(place for secret in found for place in _locate(secret, text)):
        shown += [text[end:start], CONCEALED]
        end = stop
    return "".join([*shown, text[end:]])


def conceal_json(keys: Keys, text: str, granted: Collection[str] = ()) -> str:
    """The same of a JSON text, which is one afterwards, too."""
    shown = conceal(keys, text, granted)
    if shown == text:
        return text
    try:
        orjson.loads(shown)
    except orjson.JSONDecodeError:
        # It stood where no text may, as a number does.
        shown = f'"{CONCEALED}"'
    return shown


def quote(body: bytes, conceal: Callable[[str], str], most: int = READ_BYTES) -> str:
    """What an answer says at its start, concealed before it is cut any shorter."""
    said = conceal(body[:most].decode("utf-8", "replace"))
    if len(body) > most:
        # It may end with too little of a secret to be told from other words.
        said = said[:-SURE_SECRET]
    return said.strip()


def _locate(secret: str, text: str) -> Iterator[tuple[int, int]]:
    """Where the secret stands, also where the text has been cut in the middle of it."""
    start, rest = secret[:SURE_SECRET], secret[SURE_SECRET:]
    for sought in {secret, start}:
        at = text.find(sought)
        while at >= 0:
            behind = at + len(start)
            stop = behind + _count_alike(text[behind : behind + len(rest)], rest)
            yield at, stop
            at = text.find(sought, stop)


def _merge(places: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """The places in their order; those that overlap are one."""
    merged: list[tuple[int, int]] = []
    for start, stop in sorted(places):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged


def _count_alike(one: str, other: str) -> int:
    """How many characters they begin with in common."""
    pairs = zip(one, other, strict=False)
    return len(list(itertools.takewhile(lambda pair: pair[0] == pair[1], pairs)))


def _find_secrets(credential: Secret) -> Iterator[str]:
    """Everything in it that could be told from other words, as it is and as it is sent."""
    for name, value in _walk(credential.value):
        if name not in PUBLIC_PARTS:
            # Of a header, `Bearer abc` is as secret without its first word, and so is each other.
            is_header = credential.type == CredentialType.HTTP_AUTH_HEADERS
            later = (*value.split(" ", 1)[1:], *value.split()[1:]) if is_header else ()
            yield from _spell((value, *later))
    if credential.type == CredentialType.HTTP_BASIC:
        pair = f"{credential.value['username']}:{credential.value['password']}"
        yield base64.b64encode(pair.encode()).decode()


def _spell(parts: Collection[str]) -> Iterator[str]:
    """Each as it is, as JSON has it, as a form has it and as a page has it."""
    for part in parts:
        if len(part) >= SHORTEST_SECRET:
            written = orjson.dumps(part)[1:-1].decode()
            yield from (part, written, quote_plus(part), html.escape(part))


def _walk(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _walk(inner, key)
    elif isinstance(value, str):
        yield name, value
