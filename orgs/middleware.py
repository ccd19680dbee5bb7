"""What people change in the admin is changed in their name."""

from __future__ import annotations

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from config.addresses import client_address
from orgs.audit import acting
from orgs.audit.acting import Actor, Via

PAGES = ("/admin/", "/accounts/", "/invites/")
NOBODY = "somebody who is not logged in"


class ActingInTheAdmin:
    """Tells the audit who is logged in, wherever a page of the admin is posted."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if acting.is_safe(request.method) or not request.path_info.startswith(PAGES):
            return self.get_response(request)
        with acting.acting(make_actor(request)):
            return self.get_response(request)


def make_actor(request: HttpRequest) -> Actor:
    """Who is logged in, as the audit shows them."""
    user = request.user
    return Actor(
        actor=user.get_username() if user.is_authenticated else NOBODY,
        via=Via.ADMIN,
        user_id=user.pk,
        address=client_address(request),
        path=acting.shown_path(request.method, request.path),
    )
