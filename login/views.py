"""Pages of logging in that are not quite allauth's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from allauth.account import views as account_views
from allauth.account.adapter import get_adapter
from allauth.decorators import rate_limit
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from requests import RequestException

from login.provider import OidcAdapter
from orgs import viewers

# What goes wrong with a provider that is down, or does not answer as one does.
PROVIDER_TROUBLE = (RequestException, OAuth2Error, KeyError, TypeError)


@never_cache
def admin_login(request: HttpRequest, extra_context: Any = None) -> HttpResponse:
    """The admin's door: to the login, or to a page that says who may come in."""
    user = request.user
    if user.is_authenticated and not viewers.may_enter(request):
        return render(request, "account/no_member.html", status=403)
    wanted = request.GET.get("next", "")
    target = wanted if get_adapter().is_safe_url(wanted) else reverse("admin:index")
    if user.is_authenticated:
        return redirect(target)
    return redirect_to_login(target, reverse("account_login"))


@never_cache
def admin_password_change(request: HttpRequest, extra_context: Any = None) -> HttpResponse:
    """The one form that changes one's own password."""
    return redirect("account_change_password")


def password_reset(request: HttpRequest) -> HttpResponseBase:
    """The form that sends a link by mail; without a mail server, who else can help."""
    if not settings.HAS_MAIL:
        return render(request, "account/no_mail.html")
    response: HttpResponseBase = account_views.password_reset(request)
    return response


def no_signup(request: HttpRequest) -> HttpResponse:
    """What somebody reads who has no account."""
    return render(request, "account/signup_closed.html", status=403)


@rate_limit(action="login")  # type: ignore[untyped-decorator]
def oidc_login(request: HttpRequest, provider_id: str) -> HttpResponse:
    """The way to a provider: a page that leads there, for forms may not redirect elsewhere."""
    response = _converse(request, provider_id, OAuth2LoginView.adapter_view)
    if response.status_code != 302:
        return response
    return render(request, "account/leaving.html", {"url": response["Location"]})


def oidc_callback(request: HttpRequest, provider_id: str) -> HttpResponse:
    """Where one comes back from a provider."""
    return _converse(request, provider_id, OAuth2CallbackView.adapter_view)


def _converse(
    request: HttpRequest, provider_id: str, make_view: Callable[..., Any]
) -> HttpResponse:
    """The answer of allauth's view, or a page where the provider is of no help."""
    adapter = OidcAdapter(request, provider_id)
    try:
        provider = adapter.get_provider()
    except SocialApp.DoesNotExist as error:
        raise Http404 from error
    try:
        response: HttpResponse = make_view(adapter)(request)
    except PROVIDER_TROUBLE as error:
        response = render_authentication_error(request, provider, exception=error)
    return response
