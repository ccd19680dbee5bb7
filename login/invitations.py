"""Invitations as their pages see them: whose turn it is, and joining with a new login."""

from __future__ import annotations

from typing import Any

from django.db import transaction

from orgs import invites
from orgs.models import Invite, User


def find_open(invite_id: Any) -> Invite | None:
    """The invite, while it can be accepted."""
    rows = Invite.objects.acceptable().select_related("org")
    found: Invite | None = rows.filter(pk=invite_id, user=None).first() if invite_id else None
    return found


@transaction.atomic
def join_as_new_user(*, invite: Invite, name: str, password: str) -> User:
    """The user who is made for the invite's address, and a member by it. Once: else a 404.

    Who has the link was given it by who invited: that shows nothing about the address.
    """
    user = User.objects.create_user(invite.email, password, name=name)
    invites.accept_invite(invite=invite, user=user, opened=True)
    return user
