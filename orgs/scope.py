"""The way to an organization's rows: one view class that every management view builds on."""

from __future__ import annotations

from typing import Any, Protocol

from django.db.models import Model, QuerySet
from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.request import Request

from config.api import ApiView
from config.errors import NotFoundError
from orgs.auth import Caller, KeyAuthentication
from orgs.models import Permission


class OrgRows(Protocol):
    """A queryset that can be narrowed to an organization."""

    @property
    def model(self) -> type[Model]:
        """Whose rows they are."""

    def of_org(self, org_id: int) -> QuerySet[Any]:
        """That organization's rows that are there for its API."""


class CallerView(ApiView):
    """A view that needs a key."""

    authentication_classes = (KeyAuthentication,)
    caller: Caller

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Lets only a caller with a live key in."""
        super().initial(request, *args, **kwargs)
        if not isinstance(request.auth, Caller):
            raise NotAuthenticated("Send an API key in the header x-arklow-auth.")
        self.caller = request.auth


class OrgView(CallerView):
    """A view below `/v1/orgs/{org_id}`: the key belongs to that organization, else 404."""

    permission = Permission.OWNER

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Lets a member of the organization in who has the view's permission."""
        super().initial(request, *args, **kwargs)
        if self.caller.org_id != kwargs["org_id"]:
            raise NotFoundError(f"There is no organization {kwargs['org_id']}.")
        if self.permission not in self.caller.permissions:
            raise PermissionDenied(f"This needs the permission {self.permission.value!r}.")

    def find_row(self, rows: OrgRows, row_id: int) -> Any:
        """The organization's live row of that id, else 404."""
        row = rows.of_org(self.caller.org_id).filter(pk=row_id).first()
        if row is None:
            name = rows.model._meta.verbose_name
            raise NotFoundError(f"There is no {name} {row_id}.")
        return row
