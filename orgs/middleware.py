"""What people change in the admin is changed in their name."""

from __future__ import annotations

from collections.abc import Callable

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse

from config.addresses import client_address
from orgs.audit import acting
from orgs.audit.acting import Actor, Via

PAGES = ("/admin/", "/accounts/", "/invites/")
# Those that change something when they are only asked for.
READING = ("/accounts/",)
NOBODY = "somebody who is not logged in"


class ActingInTheAdmin:
    """Tells the audit who is logged in, wherever a page of the admin is posted.

    Pages of logging in change something also when they are only asked for: a second factor notes
    that its codes were seen, and with a login by a provider comes a membership.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        pages = READING if acting.is_safe(request.method) else PAGES
        if not request.path_info.startswith(pages):
            return self.get_response(request)
        with acting.acting(make_actor(request, request.user)):
            return self.get_response(request)


def act_as(request: HttpRequest, user: AbstractBaseUser | AnonymousUser) -> None:
    """From here on to the end of the request, what is changed is changed by this person."""
    acting.be(make_actor(request, user))
    acting.tell()


def make_actor(request: HttpRequest, user: AbstractBaseUser | AnonymousUser) -> Actor:
    """A person, as the audit shows them."""
    return Actor(
        actor=user.get_username() if user.is_authenticated else NOBODY,
        via=Via.ADMIN,
        user_id=user.pk,
        address=client_address(request),
        path=acting.shown_path(request.method, request.path),
    )
