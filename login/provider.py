"""OpenID Connect as allauth's provider, with the checks that it leaves out.

allauth sends no nonce, and believes a token's text when it came by TLS. Here every token is
verified with the provider's keys, and was asked for by this very login.
"""

from __future__ import annotations

import secrets
from typing import Any

from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialApp
from allauth.socialaccount.providers.oauth2.client import OAuth2Error
from allauth.socialaccount.providers.openid_connect.provider import OpenIDConnectProvider
from allauth.socialaccount.providers.openid_connect.views import OpenIDConnectOAuth2Adapter
from django.http import HttpRequest, HttpResponse

from login import tokens

ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


class OidcAdapter(OpenIDConnectOAuth2Adapter):
    """The conversation with a provider."""

    @property
    def openid_config(self) -> dict[str, Any]:
        """What the provider tells of itself, if it is the one that was asked."""
        config: dict[str, Any] = super().openid_config
        issuer = self.get_provider().app.settings["server_url"]
        if str(config.get("issuer", "")).rstrip("/") != issuer.rstrip("/"):
            raise OAuth2Error("The provider gives itself another name than WAYBILL_OIDC_*_ISSUER.")
        for name in ENDPOINTS:
            if not str(config.get(name)).startswith(("https://", "http://")):
                raise OAuth2Error(f"The provider does not tell its {name}.")
        return config

    def complete_login(
        self, request: HttpRequest, app: SocialApp, token: Any, **kwargs: Any
    ) -> Any:
        """Who it is, by the ID token; an address may also come from the userinfo."""
        config = self.openid_config
        claims = tokens.read_claims(
            str(kwargs["response"].get("id_token")),
            self._fetch_keys(config["jwks_uri"]),
            issuer=config["issuer"],
            client_id=app.client_id,
        )
        if "email" not in claims and config.get("userinfo_endpoint"):
            info = self._fetch_user_info(token.token)
            if info.get("sub") != claims["sub"]:
                raise OAuth2Error("The userinfo is somebody else's.")
            claims = info | claims
        return self.get_provider().sociallogin_from_response(request, {"id_token": claims})

    def _fetch_keys(self, url: str) -> Any:
        with get_adapter().get_requests_session() as session:
            response = session.get(url)
            response.raise_for_status()
        return response.json()


class OidcProvider(OpenIDConnectProvider):
    """A provider that is asked with PKCE, a state and a nonce, and for nothing else."""

    pkce_enabled_default = True
    oauth2_adapter_class = OidcAdapter

    def get_auth_params_from_request(self, request: HttpRequest, action: str) -> dict[str, Any]:
        """Nothing that a link asks for."""
        params: dict[str, Any] = self.get_auth_params()
        return params

    def get_scope_from_request(self, request: HttpRequest) -> list[str]:
        """Nothing that a link asks for."""
        return ["openid", "profile", "email"]

    def redirect(
        self,
        request: HttpRequest,
        process: str,
        next_url: str | None = None,
        data: Any = None,
        **kwargs: Any,
    ) -> HttpResponse:
        """On the way to the provider: always to log in, with a nonce for this time."""
        nonce = secrets.token_urlsafe()
        params = {**(kwargs.pop("auth_params", None) or self.get_auth_params()), "nonce": nonce}
        response: HttpResponse = super().redirect(
            request, "login", next_url, data, auth_params=params, nonce=nonce, **kwargs
        )
        return response


provider_classes = [OidcProvider]
