"""JSON Schemas of organizations, members, invites and captive domains."""

from __future__ import annotations

from typing import Any

from config.openapi import ROW_ID, TIMESTAMP, nullable
from orgs.schemas import CREATED_KEY, GIVEN_PERMISSIONS, PERMISSIONS

_NAME: dict[str, Any] = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"\S"}
_SLUG: dict[str, Any] = {
    "type": "string",
    "minLength": 1,
    "maxLength": 64,
    "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$",
}
NEW_ORG: dict[str, Any] = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": _NAME, "slug": _SLUG},
    "additionalProperties": False,
}
ORG_CHANGES: dict[str, Any] = {**NEW_ORG, "required": []}
_ORG_FIELDS: dict[str, Any] = {
    "id": ROW_ID,
    "name": {"type": "string"},
    "slug": {"type": "string"},
    "tenant_id": {"type": "string", "format": "uuid"},
    "created_at": TIMESTAMP,
    "updated_at": TIMESTAMP,
    "deleted_at": nullable(TIMESTAMP),
}
ORG: dict[str, Any] = {
    "title": "Organization",
    "type": "object",
    "required": list(_ORG_FIELDS),
    "properties": _ORG_FIELDS,
}
OWN_ORG: dict[str, Any] = {
    "title": "OwnOrganization",
    "type": "object",
    "required": [*_ORG_FIELDS, "permissions"],
    "properties": _ORG_FIELDS | {"permissions": PERMISSIONS},
}
CREATED_ORG: dict[str, Any] = {
    "title": "CreatedOrganization",
    "type": "object",
    "required": [*_ORG_FIELDS, "key"],
    "properties": _ORG_FIELDS | {"key": CREATED_KEY},
}
CHANGED_PERMISSIONS: dict[str, Any] = {
    "type": "object",
    "required": ["permissions"],
    "properties": {"permissions": GIVEN_PERMISSIONS},
    "additionalProperties": False,
}
_MEMBER_FIELDS: dict[str, Any] = {
    "id": ROW_ID,
    "org_id": ROW_ID,
    "user_id": ROW_ID,
    "permissions": PERMISSIONS,
    "email": {"type": "string"},
    "name": {"type": "string"},
    "created_at": TIMESTAMP,
    "deleted_at": nullable(TIMESTAMP),
}
MEMBER: dict[str, Any] = {
    "title": "Membership",
    "type": "object",
    "required": list(_MEMBER_FIELDS),
    "properties": _MEMBER_FIELDS,
}
_INVITE_FIELDS: dict[str, Any] = {
    "id": ROW_ID,
    "org_id": ROW_ID,
    "init_permissions": PERMISSIONS,
    "user_id": nullable(ROW_ID),
    "email": nullable({"type": "string"}),
    "created_at": TIMESTAMP,
    "expires_at": TIMESTAMP,
    "deleted_at": nullable(TIMESTAMP),
}
INVITE: dict[str, Any] = {
    "title": "Invite",
    "type": "object",
    "required": list(_INVITE_FIELDS),
    "properties": _INVITE_FIELDS,
}
OWN_INVITE: dict[str, Any] = {
    "title": "OwnInvite",
    "type": "object",
    "required": [*_INVITE_FIELDS, "org_name"],
    "properties": _INVITE_FIELDS | {"org_name": {"type": "string"}},
}
INVITED: dict[str, Any] = {
    "title": "Invited",
    "type": "object",
    "required": ["action", "invite", "membership", "token"],
    "properties": {
        "action": {"type": "string", "enum": ["invited", "saved"]},
        "invite": nullable(INVITE),
        "membership": nullable(MEMBER),
        "token": nullable(
            {
                "type": "string",
                "description": "Of an invite for an address: opens it, and is shown this once.",
            }
        ),
    },
}
_DOMAIN_FIELDS: dict[str, Any] = {
    "default_permissions": PERMISSIONS,
    "enabled": {"type": "boolean"},
    "domain": nullable({"type": "string", "maxLength": 253}),
    "github_org": nullable({"type": "string", "pattern": "^[A-Za-z0-9-]{1,39}$"}),
}
DOMAIN: dict[str, Any] = {
    "title": "CaptiveDomain",
    "type": "object",
    "required": ["org_id", *_DOMAIN_FIELDS],
    "properties": {"org_id": ROW_ID} | _DOMAIN_FIELDS,
}
DOMAIN_CHANGES: dict[str, Any] = {
    "title": "CaptiveDomainChanges",
    "type": "object",
    "properties": _DOMAIN_FIELDS | {"default_permissions": GIVEN_PERMISSIONS},
    "additionalProperties": False,
}
