"""Rows of this app as the API shows them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from orgs.models import ApiKey, CaptiveDomain, Invite, Membership, Organization, User


def show_key(key: ApiKey) -> dict[str, Any]:
    """A key without its secret and its member's permissions."""
    return {
        "id": str(key.pk),
        "org_id": str(key.org_id),
        "member_id": str(key.member_id),
        "user_id": str(key.member.user_id),
        "description": key.description,
        "permissions": key.permissions,
        "variants": key.variants,
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


def show_user(user: User, memberships: Iterable[Membership]) -> dict[str, Any]:
    """A person and where they are a member."""
    return {
        "id": str(user.pk),
        "name": user.name,
        "email": user.email,
        "memberships": [
            {"org_id": str(member.org_id), "permissions": member.permissions}
            for member in memberships
        ],
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


def show_org(org: Organization) -> dict[str, Any]:
    """An organization."""
    return {
        "id": str(org.pk),
        "name": org.name,
        "slug": org.slug,
        "tenant_id": str(org.tenant_id),
        "created_at": org.created_at,
        "updated_at": org.updated_at,
        "deleted_at": org.deleted_at,
    }


def show_own_org(member: Membership) -> dict[str, Any]:
    """An organization, with what its member may do there."""
    return show_org(member.org) | {"permissions": member.permissions}


def show_member(member: Membership) -> dict[str, Any]:
    """A member."""
    return {
        "id": str(member.pk),
        "org_id": str(member.org_id),
        "user_id": str(member.user_id),
        "permissions": member.permissions,
        "email": member.user.email,
        "name": member.user.name,
        "created_at": member.created_at,
        "deleted_at": member.deleted_at,
    }


def show_invite(invite: Invite) -> dict[str, Any]:
    """An invite without its token. For a user's id, it says no more of the user than that."""
    return {
        "id": str(invite.pk),
        "org_id": str(invite.org_id),
        "init_permissions": invite.init_permissions,
        "user_id": None if invite.user_id is None else str(invite.user_id),
        "email": invite.email or None,
        "created_at": invite.created_at,
        "expires_at": invite.expires_at,
        "deleted_at": invite.deleted_at,
    }


def show_own_invite(invite: Invite) -> dict[str, Any]:
    """An invite, as the one sees it whom it is for."""
    return show_invite(invite) | {"org_name": invite.org.name}


def show_domain(org_id: int, row: CaptiveDomain | None) -> dict[str, Any]:
    """An organization's captive domain; nothing of all that where none was ever set."""
    return {
        "org_id": str(org_id),
        "default_permissions": row.default_permissions if row else [],
        "enabled": row.enabled if row else False,
        "domain": row.domain if row else None,
        "github_org": (row.github_org or None) if row else None,
    }
