"""Who is looking at a page of the admin, at whose rows, and what they may do there.

Staff of the installation look at all organizations, or at one. Members look at one of theirs at
a time, and may do there what their permissions say in the API (`orgs.permissions`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest

from orgs import permissions
from orgs.models import Membership, Organization, Permission, User
from orgs.rights import STAFF_NEEDS

Rows = TypeVar("Rows", bound=QuerySet[Any])
# Where the session keeps which organization is looked at.
LOOKED_AT = "orgs.looked_at"


@dataclass(frozen=True)
class Viewer:
    """Somebody who looks, and the organization that they look at; None is all, for staff only."""

    user: User
    org: Organization | None = None
    # Those of somebody who is not of the staff, by organization.
    memberships: tuple[Membership, ...] = ()

    @property
    def is_staff(self) -> bool:
        """Whether they are of the installation's staff."""
        return self.user.is_staff

    @property
    def member(self) -> Membership | None:
        """Their membership in the organization looked at, by which they may do what they may."""
        here = (one for one in self.memberships if self.org and one.org_id == self.org.pk)
        return next(here, None)

    @property
    def held(self) -> tuple[str, ...]:
        """The permissions that they have here, and may give to others."""
        if self.is_staff:
            return (Permission.OWNER,) if self.user.is_superuser else ()
        return tuple(self.member.permissions) if self.member else ()

    @property
    def limit(self) -> tuple[str, ...] | None:
        """The same, where services ask for the limit of what somebody may; staff have none."""
        return None if self.is_staff else self.held

    @property
    def org_id(self) -> int | None:
        """The id of the organization looked at; None is all, for staff only."""
        if self.org is None and not self.is_staff:
            raise PermissionDenied
        return self.org.pk if self.org is not None else None

    @property
    def org_ids(self) -> list[int] | None:
        """The organizations looked at, for SQL; None is all."""
        if self.org is not None:
            return [self.org.pk]
        return None if self.is_staff else []

    def narrow(self, rows: Rows, path: str = "org_id") -> Rows:
        """Those of the rows that are of what is looked at; `path` leads to their organization."""
        if self.org is not None:
            return rows.filter(**{path: self.org.pk})
        return rows if self.is_staff else rows.none()

    def may(self, operation: str) -> bool:
        """Whether they may do this, named as in `orgs.permissions.NEEDED`."""
        needed = permissions.NEEDED[operation]
        if self.is_staff:
            allowed = STAFF_NEEDS.get(operation)
            # What no permission of Django's stands for is a superuser's.
            return self.user.has_perm(allowed) if allowed else self.user.is_superuser
        return self.member is not None and (needed is None or permissions.allows(self.held, needed))

    def require(self, operation: str) -> None:
        """Refuse what they may not do."""
        if not self.may(operation):
            raise PermissionDenied


def viewer_of(request: HttpRequest) -> Viewer:
    """Who looks, found once a request. Permissions of Django's are judged by it from then on."""
    known: Viewer | None = getattr(request, "viewer", None)
    # Whoever logs in becomes somebody else in the middle of a request.
    if known is None or known.user != request.user:
        known = _find_viewer(request)
        request.viewer = known  # type: ignore[attr-defined]
        # What `orgs.backends` judges by.
        request.user.member = known.member  # type: ignore[union-attr]
    return known


def _find_viewer(request: HttpRequest) -> Viewer:
    user = request.user
    if not isinstance(user, User):
        raise PermissionDenied
    chosen = request.session.get(LOOKED_AT)
    if user.is_staff:
        # One that has gone meanwhile is not looked at any more.
        org = Organization.objects.live().filter(pk=chosen).first() if chosen else None
        return Viewer(user, org)
    found = Membership.objects.of_user(user.pk).select_related("org").order_by("org__name", "id")
    mine = tuple(found)
    here = next((one for one in mine if one.org_id == chosen), None) or next(iter(mine), None)
    return Viewer(user, here and here.org, mine)


def may_enter(request: HttpRequest) -> bool:
    """Whether who asks may come in at all; who they are is known from then on."""
    user = request.user
    if not isinstance(user, User) or not user.is_active or _is_odd(user):
        return False
    viewer = viewer_of(request)
    return viewer.is_staff or viewer.member is not None


def is_let_in(user: User) -> bool:
    """The same of somebody who is not asking: active staff, or members of an organization."""
    if not user.is_active or _is_odd(user):
        return False
    return user.is_staff or Membership.objects.of_user(user.pk).exists()


def _is_odd(user: User) -> bool:
    """To Django, a superuser may do everything; only who is of the staff is shown everything."""
    return user.is_superuser and not user.is_staff
