"""The bundle: what an organization has as one document, and what it may hold.

It is the published config document (`actions`, `resources`) with what Waybill has beside it. In
Python it is a plain dict of this shape.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from actions.models import Compatibility, OpenContent
from actions.schemas import MOMENTS
from actions.services import MAX_VERSION
from config import validation
from config.errors import Fault
from config.openapi import TIMESTAMP, nullable
from destinations.models import CredentialType, Kind, Protocol
from destinations.schemas import LABEL, TAGS

FORMAT = 1
NAME: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 255}
# What the published document has, and Waybill does not: only nothing of it is taken.
NOTHING: dict[str, Any] = {"type": "array", "description": "Not supported: leave it out, or empty."}
_CONTRACT: dict[str, Any] = {
    "schema": {"description": "The contract: a JSON Schema."},
    "description": {"type": "string", "maxLength": 10_000},
    "aliases": {
        "type": "array",
        "items": NAME,
        "description": "All other names that it goes by. Left out: they stay as they are.",
    },
    "destinations": {
        "type": "array",
        "items": LABEL,
        "description": "The labels of all destinations that it may go to. Left out: its links "
        "stay as they are; those of a new version are those of the one before.",
    },
    "default": nullable(LABEL)
    | {"description": "Which of `destinations` it goes to, the first if left out; null: none."},
    **MOMENTS,
    "deprecated": {
        "const": True,
        "description": "Deprecated from now on, where nothing says since when: neither "
        "`deprecated_at` here nor what is there.",
    },
}
VERSION: dict[str, Any] = {
    "title": "BundleVersion",
    "type": "object",
    "required": ["version"],
    "properties": {
        "version": {"type": "integer", "minimum": 1, "maximum": MAX_VERSION},
        **_CONTRACT,
    },
    "dependentRequired": {"default": ["destinations"]},
    "additionalProperties": False,
}
ACTION: dict[str, Any] = {
    "title": "BundleAction",
    "type": "object",
    "required": ["variant"],
    "properties": {
        "variant": NAME,
        **_CONTRACT,
        "requires_approval": {"type": "boolean"},
        "compatibility": {"type": "string", "enum": list(Compatibility.values)},
        "open_content": {"type": "string", "enum": list(OpenContent.values)},
        "versions": {
            "type": "array",
            "items": VERSION,
            "description": "Instead of `schema` and what belongs to it: exactly these versions.",
        },
        "queries": NOTHING,
        "sources": NOTHING,
    },
    "dependentRequired": {"default": ["destinations"]},
    "additionalProperties": False,
}
DESTINATION: dict[str, Any] = {
    "title": "BundleDestination",
    "type": "object",
    "required": ["label", "type", "config"],
    "properties": {
        "label": LABEL,
        "type": {"type": "string", "enum": list(Kind.values)},
        "config": {"type": "object"},
        "tags": nullable(TAGS),
        "credential": nullable(LABEL) | {"description": "The label of a credential."},
        "signing_key": nullable(LABEL) | {"description": "The label of a signing key."},
        "protocol": {"type": "string", "enum": list(Protocol.values)},
    },
    "additionalProperties": False,
}
CREDENTIAL: dict[str, Any] = {
    "title": "BundleCredential",
    "type": "object",
    "description": "One that must be there already: a bundle holds no secrets.",
    "required": ["label", "type"],
    "properties": {
        "label": LABEL,
        "type": {"type": "string", "enum": list(CredentialType.values)},
        "metadata": {"type": "object"},
        "expires_at": nullable(TIMESTAMP),
    },
    "additionalProperties": False,
}


def _document(action: Any, destination: Any, credential: Any) -> dict[str, Any]:
    return {
        "title": "Bundle",
        "type": "object",
        "properties": {
            "waybill": {"type": "integer", "const": FORMAT},
            "actions": {"type": "array", "items": action},
            "resources": {
                "type": "object",
                "properties": {
                    "destinations": {"type": "array", "items": destination},
                    "credentials": {"type": "array", "items": credential},
                    "metrics": NOTHING,
                    "sources": NOTHING,
                },
                "additionalProperties": False,
            },
        },
        "additionalProperties": False,
    }


DOCUMENT = _document(ACTION, DESTINATION, CREDENTIAL)
_FRAME = validation.compile_schema(_document({}, {}, {}))
_PARTS = {
    ("actions",): validation.compile_schema(ACTION),
    ("resources", "destinations"): validation.compile_schema(DESTINATION),
    ("resources", "credentials"): validation.compile_schema(CREDENTIAL),
}


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What an importer did not take over, why, and where it stands in what it read."""

    what: str
    reason: str
    pointer: str = ""

    def as_dict(self) -> dict[str, str]:
        """It, as `--json` shows it."""
        return asdict(self)


def find_shape_faults(document: Any) -> list[Fault]:
    """Where the document has another shape, at most 50 places.

    It is judged entry by entry: a validator lists all faults there are before it gives the first.
    """
    found = validation.find_faults(_FRAME, document, code="INVALID_BUNDLE")
    if found:
        return found
    for path, validator in _PARTS.items():
        for index, entry in enumerate(entries(document, *path)):
            at: tuple[str | int, ...] = (*path, index)
            found += validation.find_faults(validator, entry, code="INVALID_BUNDLE", at=at)
            if len(found) >= validation.MAX_FAULTS:
                return found[: validation.MAX_FAULTS]
    return found


def entries(document: dict[str, Any], *path: str) -> list[Any]:
    """The list that stands there; an empty one where there is none."""
    found: Any = document
    for name in path:
        found = found.get(name, {})
    return found or []
