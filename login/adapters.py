"""Where Waybill's rules of logging in differ from allauth's."""

from __future__ import annotations

import hmac
import logging
from typing import Any

from allauth.account import app_settings
from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter, _build_apps_from_settings
from allauth.socialaccount.helpers import render_authentication_error
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialLogin
from django.conf import settings
from django.http import HttpRequest
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme

from config.addresses import client_address
from login import services
from orgs import encryption, middleware, people, viewers
from orgs.models import User

logger = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):
    """Passwords: nobody signs up, and attempts are counted by account and by address."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Accounts are made by operators and by invitation."""
        return False

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Where a login leads to that was for no page in particular."""
        return reverse("admin:index" if viewers.may_enter(request) else "login_keys")

    def get_client_ip(self, request: HttpRequest) -> str:
        """The address that attempts are counted by."""
        return client_address(request)

    def is_safe_url(self, url: str) -> bool:
        """Whether a link leads back to the host that was asked."""
        request = self.request
        return url_has_allowed_host_and_scheme(
            url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
        )

    def reauthenticate(self, user: Any, password: str) -> bool:
        """Whether it is their password; counted like a login, by the address they log in with."""
        found = self.authenticate(self.request, email=user.email, password=password)
        return found is not None and found.pk == user.pk

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        # Not by the host's name too, as allauth has it: there may be several.
        return str(credentials.get("email", "")).lower()


class MfaAdapter(DefaultMFAAdapter):
    """Second factors: encrypted like every secret, and not to be taken off where required."""

    def encrypt(self, text: str) -> str:
        """A secret as it is stored."""
        return encryption.encrypt(text)

    def decrypt(self, encrypted_text: str) -> str:
        """The secret behind what is stored. What no key opens takes no code."""
        try:
            return str(encryption.decrypt(encrypted_text))
        except encryption.UndecryptableError as error:
            logger.error("a second factor cannot be opened. %s", error)  # noqa: TRY400
            raise self.validation_error("incorrect_code") from error

    def can_delete_authenticator(self, authenticator: Authenticator) -> bool:
        """Whether somebody may go on without."""
        return not (settings.REQUIRE_MFA and viewers.is_let_in(authenticator.user))


class SocialAccountAdapter(DefaultSocialAccountAdapter):
    """OpenID Connect: providers of the environment only, for people who are known already."""

    def list_apps(
        self, request: HttpRequest, provider: Any = None, client_id: Any = None
    ) -> list[SocialApp]:
        """The providers that the operator has configured; nothing in the database adds to them."""
        found = _build_apps_from_settings(provider=provider, client_id=client_id)
        return [app for apps in found.values() for app in apps]

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: Any = None,
        exception: Exception | None = None,
        extra_context: Any = None,
    ) -> None:
        """Tell the operator; who is logging in only learns that it did not work."""
        if exception:
            logger.warning("login by %s did not work: %r", provider.app.provider_id, exception)

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        """A provider vouches for people, it does not make them."""
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Refuse a token that was not made for this login; link a verified address to its user."""
        claims = sociallogin.account.extra_data.get("id_token", {})
        nonce = sociallogin.state.get("nonce", "")
        if not nonce or not hmac.compare_digest(str(claims.get("nonce", "")), nonce):
            raise ImmediateHttpResponse(render_authentication_error(request, sociallogin.provider))
        user = find_user(claims)
        if user is None or (sociallogin.is_existing and sociallogin.user != user):
            return
        # They are not logged in yet, and what follows is theirs.
        middleware.act_as(request, user)
        if not sociallogin.is_existing:
            self._link(request, sociallogin, user)
        people.join_by_domain(user=user)

    def _link(self, request: HttpRequest, sociallogin: SocialLogin, user: User) -> None:
        if SocialAccount.objects.filter(user=user, provider=sociallogin.account.provider).exists():
            # The address belongs to somebody else at the provider now, or to two of them.
            page = f"account/linked_otherwise.{app_settings.TEMPLATE_EXTENSION}"
            raise ImmediateHttpResponse(render(request, page, {"email": user.email}, status=403))
        services.prove_address(user=user)
        sociallogin.connect(request, user)


def find_user(claims: dict[str, Any]) -> User | None:
    """The user whose address the provider has verified."""
    email = claims.get("email")
    # Some say it in a text.
    if not isinstance(email, str) or claims.get("email_verified") not in (True, "true"):
        return None
    if "\0" in email:
        return None
    return User.objects.filter(email=email.lower(), is_active=True).first()
