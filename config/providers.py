"""Who else may say who somebody is: OpenID Connect providers, as the environment names them."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

ID = re.compile(r"[a-z][a-z0-9]{0,30}")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def read(env: Any) -> list[dict[str, Any]]:
    """What allauth wants to know of each of `WAYBILL_OIDC_PROVIDERS`."""
    names = [name.strip() for name in env.list("WAYBILL_OIDC_PROVIDERS", default=[])]
    return [_read_one(env, name) for name in names if name]


def _read_one(env: Any, name: str) -> dict[str, Any]:
    if not ID.fullmatch(name):
        raise ImproperlyConfigured(
            f"WAYBILL_OIDC_PROVIDERS holds {name!r}: lower-case letters and digits name a provider."
        )
    prefix = f"WAYBILL_OIDC_{name.upper()}"
    return {
        "provider_id": name,
        "name": env.str(f"{prefix}_NAME", default=name.capitalize()),
        "client_id": env.str(f"{prefix}_CLIENT_ID"),
        "secret": env.str(f"{prefix}_CLIENT_SECRET"),
        "settings": {"server_url": _issuer(f"{prefix}_ISSUER", env.str(f"{prefix}_ISSUER"))},
    }


def _issuer(name: str, text: str) -> str:
    """The issuer, which is reached by HTTPS unless it is on this machine."""
    url = urlsplit(text)
    plain = url.scheme == "http" and url.hostname in LOOPBACK
    if not url.hostname or url.query or url.fragment or not (url.scheme == "https" or plain):
        raise ImproperlyConfigured(f"{name} looks like https://id.example.com, not {text!r}.")
    return text
