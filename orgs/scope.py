"""The way to an organization's rows: one view class that every management view builds on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn, Protocol

from django.db.models import Model, QuerySet
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import NotAuthenticated, PermissionDenied
from rest_framework.request import Request

from config.api import ApiView
from config.errors import NotFoundError
from orgs import permissions
from orgs.audit import acting
from orgs.audit.acting import Via
from orgs.auth import Caller, KeyAuthentication
from orgs.models import Membership


class OrgRows(Protocol):
    """A queryset that can be narrowed to an organization."""

    @property
    def model(self) -> type[Model]:
        """Whose rows they are."""

    def of_org(self, org_id: int) -> QuerySet[Any]:
        """That organization's rows that are there for its API."""


class CallerView(ApiView):
    """A view that needs a key, whose permissions include what the table says.

    What it changes is changed in the caller's name.
    """

    authentication_classes: Sequence[type[BaseAuthentication]] = (KeyAuthentication,)
    caller: Caller
    via = Via.API
    # Where nothing is managed, the database is spared from being told who is at work.
    manages = True

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> Any:
        """The answer; whoever the caller is, the next request is not theirs."""
        with acting.scope():
            return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Lets only a caller in who has a live key and may do this."""
        super().initial(request, *args, **kwargs)
        if not isinstance(request.auth, Caller):
            raise NotAuthenticated("Send an API key in the header x-arklow-auth.")
        self.caller = request.auth
        self.check_scope(kwargs)
        self.check_permission(request)
        acting.be(self.caller.as_actor(request, self.via))
        if self.manages and not acting.is_safe(request.method):
            acting.tell()

    def check_scope(self, parameters: Mapping[str, Any]) -> None:
        """Refuses what the path names and the caller does not reach."""

    def check_permission(self, request: Request) -> None:
        """Refuses what the caller may not do; what is not in the table nobody may."""
        method = str(request.method)
        if not hasattr(self, method.lower()) or method.lower() not in self.http_method_names:
            # DRF's own answer, before anybody asks for a permission that there is not.
            self.http_method_not_allowed(request)
        route = getattr(request.resolver_match, "route", "")
        operation = permissions.operation_of(method, route)
        if operation not in permissions.NEEDED:
            self.deny(f"Nobody may do this: {operation} names no permission.")
        needed = permissions.NEEDED[operation]
        if self.caller.variants is not None and operation not in permissions.HANDING_IN:
            self.deny(permissions.IS_BOUND)
        if needed and not self.caller.may(operation):
            self.deny(f"This needs the permission {needed.value!r}.")
        if self.caller.is_limited and operation in permissions.OF_THE_PERSON:
            self.deny("This acts for the person behind the key: it needs one without limits.")

    def memberships(self) -> QuerySet[Membership]:
        """Those of the person behind the key; with limits, that in its organization only."""
        rows: QuerySet[Membership] = Membership.objects.of_user(self.caller.user_id)
        return rows.filter(org_id=self.caller.org_id) if self.caller.is_limited else rows

    def deny(self, why: str) -> NoReturn:
        """Says that the caller may not do it."""
        raise PermissionDenied(why)

    def required_permission(self, method: str, path: str) -> str:
        """What the operation needs, for the OpenAPI document."""
        needed = permissions.NEEDED.get(permissions.operation_of(method, path))
        return needed.value if needed else "any"


class OrgView(CallerView):
    """A view below `/v1/orgs/{org_id}`: the key belongs to that organization, else 404."""

    def check_scope(self, parameters: Mapping[str, Any]) -> None:
        """Refuses other organizations, as if there were none."""
        if self.caller.org_id != parameters["org_id"]:
            raise NotFoundError(f"There is no organization {parameters['org_id']}.")

    def find_row(self, rows: OrgRows, row_id: int) -> Any:
        """The organization's live row of that id, else 404."""
        row = rows.of_org(self.caller.org_id).filter(pk=row_id).first()
        if row is None:
            name = rows.model._meta.verbose_name
            raise NotFoundError(f"There is no {name} {row_id}.")
        return row
