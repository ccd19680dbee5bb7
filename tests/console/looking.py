"""Who looks at the console's pages in tests."""

from __future__ import annotations

from django.contrib.auth.models import Permission
from django.test import Client

from orgs.models import Organization, User
from tests import factories


def member_of(org: Organization, *permissions: str) -> Client:
    """The client of somebody of an organization; a viewer unless the permissions say more."""
    client = Client()
    client.force_login(factories.make_member(org, *permissions).user)
    return client


def staff_with(*codenames: str) -> Client:
    """The client of staff of the installation who may do these things."""
    user = User.objects.create_user("operator@example.com", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client
