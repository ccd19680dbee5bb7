"""Who is in an organization: members come, change and go.

All of it happens under the organization's row lock, so that two changes at once cannot leave it
without an owner.
"""

from __future__ import annotations

import logging
from collections.abc import Collection

from django.db import transaction
from django.db.models.functions import Now

from config.errors import ConflictError, NotFoundError
from orgs import permissions
from orgs.models import ApiKey, CaptiveDomain, Invite, Membership, Organization, Permission, User
from orgs.services import check_grant, lock_member

logger = logging.getLogger(__name__)


def lock_org(org_id: int) -> Organization:
    """The live organization, whose members only this transaction changes."""
    rows = Organization.objects.live().select_for_update(no_key=True)
    org = rows.filter(pk=org_id).first()
    if not isinstance(org, Organization):
        raise NotFoundError(f"There is no organization {org_id}.")
    return org


@transaction.atomic
def change_permissions(
    *, member: Membership, given: Collection[str], held: Collection[str], actor: str
) -> Membership:
    """The member with other permissions. `held` are those of whoever gives them.

    Nobody gives what they do not have, nor takes it away. 409 where it was the last owner.
    """
    lock_org(member.org_id)
    member = lock_member(member)
    check_grant(held=held, given=member.permissions, pointer="/permissions")
    check_grant(held=held, given=given, pointer="/permissions")
    if Permission.OWNER not in given:
        _keep_an_owner(member)
    if list(given) != member.permissions:
        logger.info("%s may %s (was %s) by %s", member, given, member.permissions, actor)
    member.permissions = list(given)
    member.save(update_fields=["permissions"])
    _revoke_invites_by(member, held=given)
    return member


@transaction.atomic
def remove_member(*, member: Membership, held: Collection[str], actor: str) -> Membership:
    """The member, who is none any more, and whose keys are deleted. 409 for the last owner."""
    lock_org(member.org_id)
    member = lock_member(member)
    check_grant(held=held, given=member.permissions, pointer="/user_id")
    _keep_an_owner(member)
    Membership.objects.filter(pk=member.pk).update(deleted_at=Now())
    ApiKey.objects.live().filter(member=member).update(deleted_at=Now())
    _revoke_invites_by(member, held=())
    logger.info("%s is removed by %s", member, actor)
    member.refresh_from_db()
    return member


@transaction.atomic
def join(*, org_id: int, user: User, given: Collection[str]) -> Membership:
    """The user as a member, by whichever way they come; 409 for who is one already.

    What else invites them there is void from now on: it would change what they have.
    """
    lock_org(org_id)
    member, made = Membership.objects.get_or_create(
        org_id=org_id, user=user, defaults={"permissions": list(given)}
    )
    if not made:
        _come_back(member, given)
    Invite.objects.of_org(org_id).naming(user).update(deleted_at=Now())
    logger.info("%s joined and may %s", member, member.permissions)
    return member


def _come_back(member: Membership, given: Collection[str]) -> None:
    if member.deleted_at is None:
        message = "They are a member already: change the membership."
        raise ConflictError(message, code="IS_MEMBER", pointer="/user")
    member.permissions, member.deleted_at = list(given), None
    member.save(update_fields=["permissions", "deleted_at"])


@transaction.atomic
def join_by_domain(*, user: User) -> list[Membership]:
    """The memberships that somebody gets who logs in from a captured domain.

    Only with an address that is verified, and only once: who has left, or was removed, is not
    taken in again.
    """
    domain = user.verified_email.rpartition("@")[2].lower()
    captured = CaptiveDomain.objects.filter(domain=domain, enabled=True, org__deleted_at=None)
    joined = []
    for row in captured:
        lock_org(row.org_id)
        if not Membership.objects.filter(org_id=row.org_id, user=user).exists():
            joined.append(join(org_id=row.org_id, user=user, given=row.default_permissions))
    return joined


def may_invite(held: Collection[str], given: Collection[str]) -> bool:
    """Whether somebody who holds this lets others in with that."""
    allowed = permissions.allows(held, Permission.ADMIN)
    return allowed and not permissions.exceeding(held, given)


def _keep_an_owner(member: Membership) -> None:
    """Refuse that the last owner goes. Who may not log in does not count."""
    if Permission.OWNER not in member.permissions:
        return
    others = Membership.objects.live().exclude(pk=member.pk)
    owners = others.filter(org_id=member.org_id, permissions__contains=[Permission.OWNER])
    if not owners.filter(user__is_active=True).exists():
        raise ConflictError(
            "The organization would be without an owner: make somebody else one first.",
            code="LAST_OWNER",
        )


def _revoke_invites_by(member: Membership, *, held: Collection[str]) -> None:
    """Take back the open invites of a member that they could not make any more."""
    for invite in Invite.objects.of_org(member.org_id).filter(invited_by=member):
        if not may_invite(held, invite.init_permissions):
            Invite.objects.filter(pk=invite.pk).update(deleted_at=Now())
