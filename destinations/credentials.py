"""The types of credential: what the secret of each looks like, and what is wrong with one."""

from __future__ import annotations

import os
import re
import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from config import validation
from config.errors import Fault, pointer
from destinations.models import CredentialType
from destinations.outward import outbound

TEXT: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 8_192}
# What nobody may look at over a shoulder. (An annotation: the validator knows no such format.)
HIDDEN: dict[str, Any] = {**TEXT, "format": "password"}
PEM: dict[str, Any] = {
    "type": "string",
    "minLength": 1,
    "maxLength": 65_536,
    "contentMediaType": "application/x-pem-file",
}
# A certificate that Waybill shows to the destination (mutual TLS, RFC 8446 section 4.4.2).
TLS: dict[str, Any] = {
    "type": "object",
    "required": ["certificate", "private_key"],
    "properties": {
        "certificate": {**PEM, "description": "PEM: the certificate, then those that it hangs on."},
        "private_key": {**PEM, "description": "PEM, without a passphrase."},
    },
    "additionalProperties": False,
}
HEADERS: dict[str, Any] = {"type": "object", "minProperties": 1, "additionalProperties": HIDDEN}
HEADERS_AND_TLS: dict[str, Any] = {
    "type": "object",
    "required": ["headers", "tls"],
    "properties": {"headers": {**HEADERS, "minProperties": 0}, "tls": TLS},
    "additionalProperties": False,
}
# What a destination that is called over HTTP takes.
HTTP_CREDENTIALS = (
    CredentialType.HTTP_AUTH_HEADERS,
    CredentialType.HTTP_BASIC,
    CredentialType.HTTP_BEARER,
    CredentialType.OAUTH2_CLIENT_CREDENTIALS,
)
# Wider than RFC 6750 section 2.1: what fits a header, for there are tokens with a | or a colon.
BEARER_TOKEN = re.compile("[!-~]+")
GOOGLE_TOKEN_URI = "https://oauth2.googleapis.com/token"  # noqa: S105 -- no secret, an address


@dataclass(frozen=True)
class Shape:
    """What a type of credential is for, and the JSON Schema of its secret."""

    provider: str
    secret: dict[str, Any]
    example: dict[str, Any]


def _object(required: dict[str, Any], **optional: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "required": list(required),
        "properties": required | optional,
        "additionalProperties": False,
    }


SHAPES: dict[str, Shape] = {
    CredentialType.HTTP_AUTH_HEADERS: Shape(
        "http",
        {"anyOf": [HEADERS, HEADERS_AND_TLS]},
        {"X-Api-Key": "s3cret"},
    ),
    CredentialType.HTTP_BASIC: Shape(
        "http",
        _object({"username": TEXT, "password": HIDDEN}, tls=TLS),
        {"username": "waybill", "password": "s3cret"},
    ),
    CredentialType.HTTP_BEARER: Shape(
        "http", _object({"token": HIDDEN}, tls=TLS), {"token": "s3cret"}
    ),
    CredentialType.OAUTH2_CLIENT_CREDENTIALS: Shape(
        "http",
        _object(
            {
                "token_url": {"type": "string", "format": "uri", "maxLength": 2_048},
                "client_id": TEXT,
                "client_secret": HIDDEN,
            },
            scope=TEXT,
            audience=TEXT,
            # Where the client names itself (RFC 6749 section 2.3.1): `header` unless told.
            client_auth={"type": "string", "enum": ["header", "body"]},
            tls=TLS,
        ),
        {
            "token_url": "https://login.example.com/oauth2/token",
            "client_id": "waybill",
            "client_secret": "s3cret",
            "scope": "orders.write",
        },
    ),
    CredentialType.AWS_ACCESS_KEY: Shape(
        "aws",
        _object(
            {"access_key_id": TEXT, "secret_access_key": HIDDEN},
            session_token=HIDDEN,
            role_arn={**TEXT, "pattern": "^arn:[a-z-]+:iam::[0-9]{12}:role/.+$"},
            external_id=TEXT,
        ),
        {"access_key_id": "AKIAIOSFODNN7EXAMPLE", "secret_access_key": "s3cret"},
    ),
    CredentialType.GCP_SERVICE_ACCOUNT: Shape(
        "google",
        {
            "type": "object",
            "required": ["type", "client_email", "private_key"],
            "properties": {
                "type": {"type": "string", "enum": ["service_account"]},
                "project_id": TEXT,
                "private_key_id": TEXT,
                "private_key": PEM,
                "client_email": TEXT,
                # Google's client library would POST a signed assertion to it.
                "token_uri": {"type": "string", "enum": [GOOGLE_TOKEN_URI]},
                "universe_domain": {"type": "string", "enum": ["googleapis.com"]},
            },
            "additionalProperties": {"type": "string"},
        },
        {
            "type": "service_account",
            "client_email": "waybill@acme-prod.iam.gserviceaccount.com",
            "private_key": "-----BEGIN PRIVATE KEY-----\n...",
        },
    ),
}
# Faults that quoted the secret would end up in a log.
_VALIDATORS = {
    kind: validation.compile_schema(shape.secret, mask="This") for kind, shape in SHAPES.items()
}
# The two shapes of headers by themselves: which one is meant is plain, so faults speak of it.
_HEADERS_ONLY, _WITH_TLS = (
    validation.compile_schema(schema, mask="This") for schema in (HEADERS, HEADERS_AND_TLS)
)


def find_secret_faults(kind: str, secret: Any, *, allow_private: bool) -> list[Fault]:
    """What is wrong with a secret of this type, each with its pointer; none of them quotes it."""
    validator = _VALIDATORS[kind]
    if kind == CredentialType.HTTP_AUTH_HEADERS:
        validator = _WITH_TLS if _has_tls(secret) else _HEADERS_ONLY
    found = validation.find_faults(validator, secret, code="INVALID_SECRET", at=("secret",))
    return found or [
        *_find_header_faults(kind, secret),
        *_find_tls_faults(secret),
        *_find_token_url_faults(secret, allow_private=allow_private),
    ]


def headers_of(secret: dict[str, Any]) -> dict[str, str]:
    """The headers of an `http_auth_headers` secret, in either of its two shapes."""
    return secret["headers"] if _has_tls(secret) else secret


def _has_tls(secret: Any) -> bool:
    return isinstance(secret, dict) and isinstance(secret.get("tls"), dict)


def _find_header_faults(kind: str, secret: dict[str, Any]) -> list[Fault]:
    """What cannot be said in a header."""
    match kind:
        case CredentialType.HTTP_AUTH_HEADERS:
            headers = headers_of(secret)
            at = ("secret",) if headers is secret else ("secret", "headers")
            return [
                Fault("INVALID_SECRET", message, pointer((*at, name)))
                for name, message in outbound.check_headers(headers).items()
            ]
        case CredentialType.HTTP_BEARER if not BEARER_TOKEN.fullmatch(secret["token"]):
            message = "A bearer token is printable ASCII without spaces."
            return [Fault("INVALID_SECRET", message, "/secret/token")]
        case CredentialType.HTTP_BASIC:
            faults = {
                "username": "A user name has neither a colon nor control characters.",
                "password": "A password has no control characters.",
            }
            allowed = {"username": ":", "password": ""}
            return [
                Fault("INVALID_SECRET", message, f"/secret/{name}")
                for name, message in faults.items()
                if any(not one.isprintable() or one in allowed[name] for one in secret[name])
            ]
        case CredentialType.AWS_ACCESS_KEY:
            message = "What AWS gives out here is printable ASCII without spaces."
            return [
                Fault("INVALID_SECRET", message, f"/secret/{name}")
                for name in ("access_key_id", "session_token")
                if name in secret and not BEARER_TOKEN.fullmatch(secret[name])
            ]
    return []


def _find_tls_faults(secret: dict[str, Any]) -> list[Fault]:
    if not _has_tls(secret):
        return []
    try:
        make_tls_context(secret["tls"])
    except (ssl.SSLError, ValueError):
        message = "The certificate and the private key are no pair in PEM."
        return [Fault("INVALID_SECRET", message, "/secret/tls")]
    return []


def make_tls_context(tls: dict[str, str]) -> ssl.SSLContext:
    """A context that verifies the server and shows it this certificate."""
    context = outbound.make_tls_context()
    # OpenSSL reads them from a file only; an empty passphrase keeps it from asking a terminal.
    with _written(f"{tls['certificate']}\n{tls['private_key']}\n") as path:
        context.load_cert_chain(path, password="")
    return context


@contextmanager
def _written(text: str) -> Iterator[str]:
    """The path of a file that has this text: on no disk where the system has such files."""
    if hasattr(os, "memfd_create"):
        with os.fdopen(os.memfd_create("pem"), "w") as file:
            file.write(text)
            file.flush()
            path = f"/proc/self/fd/{file.fileno()}"
            if os.path.exists(path):
                yield path
                return
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(text)
        file.flush()
        yield file.name


def _find_token_url_faults(secret: dict[str, Any], *, allow_private: bool) -> list[Fault]:
    url = secret.get("token_url")
    if url is None or "client_id" not in secret:
        return []
    try:
        outbound.check_url(url, allow_private=allow_private)
    except outbound.AddressRefusedError as error:
        return [Fault(error.code, str(error), "/secret/token_url")]
    return []
