"""What holds for every page of a person who is logged in."""

from __future__ import annotations

import time
from collections.abc import Callable

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib.auth import logout
from django.contrib.auth.views import redirect_to_login
from django.contrib.sessions.backends.base import UpdateError
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from orgs import viewers

Handler = Callable[[HttpRequest], HttpResponse]
# Where sessions are used at all; the API has none.
PAGES = ("/admin/", "/accounts/")
SEEN_EVERY_SECONDS = 60
# What a page asks for by itself says so with it (`console.js`).
POLL = "X-Waybill-Poll"


class SessionLifetime:
    """Ends sessions that are old, or that nobody has used for a while.

    A page that is open and asks for its news by itself is nobody's use.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith(PAGES):
            self._look_at(request)
        if _is_of_a_page_whose_session_is_over(request):
            # A part of a page cannot be a login: the whole page is fetched anew, and leads to it.
            return HttpResponse(status=204, headers={"HX-Refresh": "true"})
        response = self.get_response(request)
        if request.path_info.startswith("/accounts/"):
            # Recovery codes and the like stay in no cache.
            response.headers["Cache-Control"] = "no-store"
        return response

    def _look_at(self, request: HttpRequest) -> None:
        if not request.user.is_authenticated:
            return
        session, now = request.session, time.time()
        began = session.setdefault("login.began", now)
        seen = session.get("login.seen", now)
        old = now - began > settings.SESSION_HOURS * 3600
        if old or now - seen > settings.SESSION_IDLE_MINUTES * 60:
            logout(request)
        elif "login.seen" not in session or (
            now - seen > SEEN_EVERY_SECONDS and POLL not in request.headers
        ):
            session["login.seen"] = now
            self._keep(request)

    def _keep(self, request: HttpRequest) -> None:
        """Write the session down at once: by the end of a page that takes long, another tab may
        have written something else into it, or have ended it."""
        try:
            request.session.save()
        except UpdateError:
            logout(request)
        else:
            request.session.modified = False


def _is_of_a_page_whose_session_is_over(request: HttpRequest) -> bool:
    return (
        "HX-Request" in request.headers
        and request.path_info.startswith("/admin/")
        and not request.user.is_authenticated
    )


class RequireSecondFactor:
    """Leads who has no second factor to where they get one, before any page of the admin."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.REQUIRE_MFA and request.path_info.startswith("/admin/"):
            comes_in = request.user.is_authenticated and viewers.may_enter(request)
            if comes_in and not _is_enrolled(request):
                return redirect_to_login(request.get_full_path(), reverse("mfa_activate_totp"))
        return self.get_response(request)


def _is_enrolled(request: HttpRequest) -> bool:
    # Everybody has to find the door out.
    if request.path_info == reverse("admin:logout"):
        return True
    return bool(is_mfa_enabled(request.user, [Authenticator.Type.TOTP]))
