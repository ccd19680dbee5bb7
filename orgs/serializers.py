"""Rows of this app as the API shows them."""

from __future__ import annotations

from typing import Any

from orgs.models import ApiKey, Organization, User


def show_key(key: ApiKey) -> dict[str, Any]:
    """A key without its secret and its member's permissions."""
    return {
        "id": str(key.pk),
        "org_id": str(key.org_id),
        "member_id": str(key.member_id),
        "user_id": str(key.member.user_id),
        "description": key.description,
        "created_at": key.created_at,
        "last_used_at": key.last_used_at,
        "expires_at": key.expires_at,
        "deleted_at": key.deleted_at,
    }


def show_key_with_member(key: ApiKey) -> dict[str, Any]:
    """A key with its masked prefix and what its member may do."""
    member = {
        "user_id": str(key.member.user_id),
        "org_id": str(key.org_id),
        "permissions": key.member.permissions,
    }
    return show_key(key) | {"material": key.masked, "membership": member}


def show_user(user: User) -> dict[str, Any]:
    """A person and where they are a member."""
    memberships = [
        {"org_id": str(member.org_id), "permissions": member.permissions}
        for member in user.memberships.filter(org__deleted_at=None)
    ]
    return {
        "id": str(user.pk),
        "name": user.name,
        "email": user.email,
        "memberships": memberships,
        "deleted_at": None,
    }


def show_retention(org: Organization) -> dict[str, Any]:
    """How long an organization keeps what is over."""
    return {"payload_days": org.payload_days, "history_days": org.history_days}


def show_billing(org: Organization) -> dict[str, Any]:
    """Under which names an organization is known to those who bill it; it has one record."""
    return {
        "id": str(org.pk),
        "org_id": str(org.pk),
        "stripe_id": org.stripe_id or None,
        "usage_provider_id": org.usage_provider_id or None,
    }
