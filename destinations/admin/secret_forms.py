"""What the form of a credential asks for: its secret, in a shape that can be drawn and typed."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from config import strictjson
from config.errors import Fault
from destinations import credentials
from destinations.credentials import HEADERS, SHAPES, TLS
from destinations.models import CredentialType

SCHEMAS: dict[str, dict[str, Any]] = {
    **{kind: shape.secret for kind, shape in SHAPES.items()},
    # A union of maps cannot be drawn.
    CredentialType.HTTP_AUTH_HEADERS: {
        "type": "object",
        "properties": {"headers": HEADERS, "tls": TLS},
    },
    # Nobody types the parts of a key that Google gives out as a file.
    CredentialType.GCP_SERVICE_ACCOUNT: {
        "type": "object",
        "properties": {
            "key": {
                "type": "string",
                "title": "The JSON key file, whole",
                "contentMediaType": "application/json",
            }
        },
    },
}


def read(kind: str, typed: Any) -> Any:
    """The secret behind what was typed; `DomainError` where a key file is no JSON."""
    if not isinstance(typed, dict):
        return typed
    if kind == CredentialType.GCP_SERVICE_ACCOUNT:
        text = typed.get("key")
        return strictjson.parse(text.encode()) if isinstance(text, str) else typed
    if kind == CredentialType.HTTP_AUTH_HEADERS:
        headers = typed.get("headers", {})
        return {"headers": headers, "tls": typed["tls"]} if "tls" in typed else headers
    return typed


def judge(kind: str, secret: Any) -> list[Fault]:
    """What the API would find wrong with it."""
    return credentials.find_secret_faults(
        kind, secret, allow_private=settings.ALLOW_PRIVATE_NETWORKS
    )
