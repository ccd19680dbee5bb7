"""Pages of an invitation: log in, or choose a name and a password, and join."""

from __future__ import annotations

from typing import Any

from allauth.account.internal.flows.login import perform_login
from allauth.account.models import Login
from allauth.decorators import rate_limit
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from config.errors import NotFoundError
from login import invitations
from login.forms import NewcomerForm
from orgs import invites
from orgs.models import Invite, User

SESSION_KEY = "login.invite"


@never_cache
def open_invite(request: HttpRequest, token: str) -> HttpResponse:
    """Where an invitation's link leads to: the page, in whose address the token is no more."""
    invite = invites.find_by_token(token)
    if invite is None:
        return _is_void(request)
    request.session[SESSION_KEY] = invite.pk
    response: HttpResponse = redirect("login_invite")
    response["Referrer-Policy"] = "no-referrer"
    return response


@require_http_methods(["GET", "HEAD", "POST"])
@rate_limit(action="signup")  # type: ignore[untyped-decorator]
def show_invite(request: HttpRequest) -> HttpResponse:
    """The invitation that this browser has opened, and what there is to do about it."""
    invite = invitations.find_open(request.session.get(SESSION_KEY))
    if invite is None:
        return _is_void(request)
    try:
        if request.user.is_authenticated:
            return _show_to_user(request, request.user, invite)
        return _show_to_somebody(request, invite)
    except (NotFoundError, IntegrityError):
        # Somebody was faster: the same invitation in another window, or the same address.
        return _is_void(request)


def _show_to_user(request: HttpRequest, user: User, invite: Invite) -> HttpResponse:
    if user.email != invite.email:
        return _show(request, invite, state="other")
    if request.method != "POST":
        return _show(request, invite, state="ready")
    invites.accept_invite(invite=invite, user=user, opened=True)
    return _welcome(request, invite)


def _show_to_somebody(request: HttpRequest, invite: Invite) -> HttpResponse:
    """The login and the form for newcomers: the page does not tell whether there is a login."""
    user = User(email=invite.email)
    form = NewcomerForm(request.POST or None, user=user)
    if request.method != "POST" or not form.is_valid():
        return _show(request, invite, form=form)
    if User.objects.filter(email=invite.email).exists():
        # Nobody sets a password for somebody who has one.
        form.add_error(None, "There is a login with this address. Log in, and then join.")
        return _show(request, invite, form=form)
    made = invitations.join_as_new_user(
        invite=invite,
        name=form.cleaned_data["name"],
        password=form.cleaned_data["password1"],
    )
    perform_login(request, Login(user=made, redirect_url=reverse("login_invite")))
    return _welcome(request, invite)


def _welcome(request: HttpRequest, invite: Invite) -> HttpResponse:
    request.session.pop(SESSION_KEY, None)
    return render(request, "account/joined.html", {"org": invite.org})


def _show(request: HttpRequest, invite: Invite, **context: Any) -> HttpResponse:
    return render(request, "account/invite.html", {"invite": invite, **context})


def _is_void(request: HttpRequest) -> HttpResponse:
    request.session.pop(SESSION_KEY, None)
    response = render(request, "account/invite_void.html", status=404)
    response["Referrer-Policy"] = "no-referrer"
    return response
