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
def end_former_logins(*, user: User) -> None:
    """The user has no password and no second factor any more, and is logged in nowhere.

    For when a provider has shown whose address it is: by an invite's link somebody else may have
    set them before.
    """
    user.set_unusable_password()
    user.save(update_fields=["password"])
    Authenticator.objects.filter(user=user).delete()


def delete_old_sessions() -> int:
    """How many sessions of browsers were over; they are gone."""
    deleted, _ = Session.objects.filter(expire_date__lt=Now()).delete()
    return int(deleted)
