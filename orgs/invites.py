"""Invites: for a user or for an address, for seven days, to be accepted once."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from config.errors import BadRequestError, NotFoundError
from config.paging import MAX_ROW_ID
from orgs import people
from orgs.models import Invite, Membership, User
from orgs.services import check_grant

LIFETIME = timedelta(days=7)
PREFIX = "inv_"
MAX_EMAIL = 254


@dataclass(frozen=True, slots=True)
class Invitee:
    """Whom an invite is for: a user, if there is one of that id, or an address."""

    user_id: int | None
    email: str

    def membership_in(self, org_id: int) -> Membership | None:
        """The person's membership, if they are a member."""
        theirs = {"user_id": self.user_id} if self.user_id else {"user__email": self.email}
        rows: QuerySet[Membership] = Membership.objects.of_org(org_id)
        return rows.filter(**theirs).select_related("user").first()


@dataclass(frozen=True, slots=True)
class Invited:
    """What came of an invitation; `token` is shown this once."""

    action: str
    invite: Invite | None = None
    membership: Membership | None = None
    token: str | None = None


def is_user_id(identifier: str) -> bool:
    """Whether an identifier means a user; everything else means an address."""
    return identifier.isascii() and identifier.isdigit()


def read_invitee(identifier: str) -> Invitee:
    """Whom an identifier means: digits are a user's id, everything else is an address.

    Nobody is looked up, so that nobody learns from the answer, or its time, who is there.
    """
    if is_user_id(identifier):
        number = _read_user_id(identifier)
        if number is None:
            raise _no_identifier()
        return Invitee(number, "")
    email = identifier.lower()
    try:
        validate_email(email)
    except ValidationError as error:
        raise _no_identifier() from error
    if len(email) > MAX_EMAIL:
        raise _no_identifier()
    return Invitee(None, email)


def _read_user_id(digits: str) -> int | None:
    """The id that is written so, which has no zeros before it; None where there cannot be one."""
    number = int(digits[:20])
    return number if str(number) == digits and 1 <= number <= MAX_ROW_ID else None


def _no_identifier() -> BadRequestError:
    message = "The identifier is a user's id or an email address."
    return BadRequestError(message, code="INVALID_PARAMETER", pointer="/identifier")


@transaction.atomic
def invite(
    *,
    org_id: int,
    invitee: Invitee,
    given: Collection[str],
    by: Membership | None,
    held: Collection[str],
) -> Invited:
    """Invite somebody anew, whereupon an earlier invite is void; or save a member's permissions.

    `held` is what whoever invites may do: nobody gives more.
    """
    people.lock_org(org_id)
    check_grant(held=held, given=given, pointer="/permissions")
    member = invitee.membership_in(org_id)
    if member:
        saved = people.change_permissions(
            member=member, given=given, held=held, actor=f"member {by.pk}" if by else "admin"
        )
        return Invited("saved", membership=saved)
    open_ones = Invite.objects.of_org(org_id)
    open_ones.filter(user_id=invitee.user_id, email=invitee.email).update(deleted_at=Now())
    token = None if invitee.user_id else PREFIX + secrets.token_urlsafe(32)
    made = Invite.objects.create(
        org_id=org_id,
        user_id=invitee.user_id,
        email=invitee.email,
        init_permissions=list(given),
        token_hash=token and hash_token(token),
        invited_by=by,
        expires_at=Now() + LIFETIME,
    )
    made.refresh_from_db()
    return Invited("invited", invite=made, token=token)


def find_invite(*, org_id: int, identifier: str) -> Invite:
    """The organization's open invite for a user's id or an address, else 404."""
    if is_user_id(identifier):
        whose: dict[str, Any] = {"user_id": _read_user_id(identifier) or 0}
    else:
        whose = {"email": identifier.lower(), "user": None}
    rows: QuerySet[Invite] = Invite.objects.of_org(org_id)
    found = rows.filter(**whose).first()
    if found is None:
        raise NotFoundError(f"There is no invite for {identifier}.")
    return found


def revoke_invite(*, invite: Invite) -> Invite:
    """The invite, which nobody can accept any more."""
    Invite.objects.of_org(invite.org_id).filter(pk=invite.pk).update(deleted_at=Now())
    invite.refresh_from_db()
    return invite


def hash_token(token: str) -> bytes:
    """What is stored of a token. Its 256 random bits need no salt."""
    return hashlib.sha256(token.encode()).digest()


def find_by_token(token: str) -> Invite | None:
    """The invite that a token opens; None where it was never made, is used, revoked or expired."""
    rows = Invite.objects.acceptable().select_related("org")
    return rows.filter(token_hash=hash_token(token)).first()


@transaction.atomic
def accept_invite(*, invite: Invite, user: User, opened: bool = False) -> Membership:
    """The user as a member. Once, in time, and for whom it is; else 404, whatever the reason.

    Who is a member already keeps what they have, and who made the invite has to be able to make
    it still. `opened` says that the user has followed its link.
    """
    mine = Invite.objects.acceptable().for_user(user, opened=opened).filter(pk=invite.pk)
    if not mine.exists() or not _use_up(invite, mine):
        raise NotFoundError(f"There is no invite {invite.pk}.")
    return people.join(org_id=invite.org_id, user=user, given=invite.init_permissions)


def _use_up(invite: Invite, mine: QuerySet[Invite]) -> bool:
    """Whether it was still there to be accepted; the organization is locked first, as always."""
    people.lock_org(invite.org_id)
    by = Membership.objects.filter(invites=invite).first()
    if by and not people.may_invite(by.permissions, invite.init_permissions):
        return False
    return bool(mine.update(accepted_at=Now()))
