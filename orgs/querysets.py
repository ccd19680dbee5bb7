"""Reads of this app's rows that read as sentences."""

from __future__ import annotations

from typing import Any, Self

from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now


class LiveQuerySet(QuerySet[Any]):
    """Rows of tables whose deletion is soft."""

    def live(self) -> Self:
        """Those that are not deleted."""
        return self.filter(deleted_at=None)

    def of_org(self, org_id: int) -> Self:
        """The organization's rows that are not deleted."""
        return self.live().filter(org_id=org_id)


class MembershipQuerySet(LiveQuerySet):
    """Memberships by whose they are."""

    def of_user(self, user_id: Any) -> Self:
        """Those of a person, in organizations that are there."""
        return self.live().filter(user_id=user_id, org__deleted_at=None)


class InviteQuerySet(LiveQuerySet):
    """Invites by what can still be done with them."""

    def of_org(self, org_id: int) -> Self:
        """The organization's invites that nobody has accepted or revoked."""
        return self.filter(org_id=org_id, accepted_at=None, deleted_at=None)

    def acceptable(self) -> Self:
        """Those that may be accepted now, by the database's clock; who made them is still there."""
        there = Q(invited_by__deleted_at=None, invited_by__user__is_active=True)
        return self.filter(
            Q(invited_by=None) | there,
            accepted_at=None,
            deleted_at=None,
            expires_at__gt=Now(),
            org__deleted_at=None,
        )

    def naming(self, user: Any) -> Self:
        """Those that name this person, by id or by an address that they say is theirs."""
        return self.filter(Q(user=user) | Q(email=user.email.lower(), user=None))

    def for_user(self, user: Any, *, opened: bool = False) -> Self:
        """Those that this person may accept, who is no member there yet.

        By an id that was theirs when it was invited; by an address that they have shown to be
        theirs, or have `opened` the invite's link for.
        """
        email = user.email if opened else user.verified_email
        by_id = Q(user=user, created_at__gte=F("user__created_at"))
        mine = self.filter(by_id | Q(email=email.lower(), user=None))
        return mine.exclude(org__in=user.memberships.live().values("org"))


class SigningKeyQuerySet(LiveQuerySet):
    """Signing keys by what they sign."""

    def signing_gateway(self, org_id: int) -> Any:
        """The one that signs what goes to the organization's gateway actions (`keys.SIGNER`).

        It is the one that was told to last, of those whose time has come; else the oldest.
        """
        told = F("signs_gateway_from")
        come = Q(signs_gateway_from=None) | Q(signs_gateway_from__lte=Now())
        return self.of_org(org_id).filter(come).order_by(told.desc(nulls_last=True), "id").first()


class AuditQuerySet(QuerySet[Any]):
    """Entries of the audit by where something was changed."""

    def of_org(self, org_id: int) -> Self:
        """What was changed in the organization."""
        return self.filter(org_id=org_id)
