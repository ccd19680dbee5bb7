"""How Django's permissions are answered for members of organizations."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import PermissionDenied

from orgs import permissions
from orgs.models import Membership
from orgs.rights import OPERATIONS


class MembersMay:
    """Judges who is not of the staff by their membership, and by nothing else.

    It stands before all other backends: what a member was given in Django's own tables, when they
    were of the staff, opens nothing. `orgs.viewers.viewer_of` says which membership it is; without
    it there is nothing that they may.
    """

    def authenticate(self, request: Any) -> None:
        """Nobody logs in by it."""

    def has_perm(self, user_obj: Any, perm: str, obj: Any = None) -> bool:
        """Whether a member may; nothing is said of staff."""
        if user_obj.is_staff:
            return False
        member = getattr(user_obj, "member", None)
        if not user_obj.is_active or member is None or not _allows(member, perm):
            raise PermissionDenied
        return True

    def has_module_perms(self, user_obj: Any, app_label: str) -> bool:
        """Whether a member may do anything with an app's rows; nothing is said of staff."""
        if user_obj.is_staff:
            return False
        member = getattr(user_obj, "member", None)
        ours = (name for name in OPERATIONS if name.startswith(f"{app_label}."))
        if not user_obj.is_active or member is None or not any(_allows(member, n) for n in ours):
            raise PermissionDenied
        return True


def _allows(member: Membership, perm: str) -> bool:
    """Whether what a permission of Django's is in the API is the member's to do."""
    operation = OPERATIONS.get(perm)
    needed = permissions.NEEDED[operation] if operation else None
    return needed is not None and permissions.allows(member.permissions, needed)
