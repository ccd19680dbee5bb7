"""Changes to how people log in."""

from __future__ import annotations

import logging

from allauth.mfa.models import Authenticator
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models.functions import Now

from orgs.models import User

logger = logging.getLogger(__name__)


@transaction.atomic
def remove_second_factor(*, user: User, actor: str) -> bool:
    """Whether they had a second factor; it is gone, with its recovery codes."""
    removed, _ = Authenticator.objects.filter(user=user).delete()
    if removed:
        logger.warning("second factor of user %s removed by %s", user.pk, actor)
    return bool(removed)


@transaction.atomic
def prove_address(*, user: User) -> None:
    """The user, whose address a provider has verified, is whoever has the address.

    The first time, whoever had the login before has it no more: no password, no second factor,
    no session. By an invite's link it may have been somebody else. Keys from before go on, within
    their organizations (`orgs.auth`).
    """
    if user.email_verified_at:
        return
    user.set_unusable_password()
    user.email_verified_at = Now()
    user.save(update_fields=["password", "email_verified_at"])
    Authenticator.objects.filter(user=user).delete()


def delete_old_sessions() -> int:
    """How many sessions of browsers were over; they are gone."""
    deleted, _ = Session.objects.filter(expire_date__lt=Now()).delete()
    return int(deleted)
