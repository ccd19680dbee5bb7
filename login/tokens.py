"""ID tokens of OpenID Connect, judged before anything in them is believed."""

from __future__ import annotations

from typing import Any

import jwt
from allauth.socialaccount.providers.oauth2.client import OAuth2Error

# Signed with a key of the provider's own. `none` and the client's secret (HS256) prove less.
ALGORITHMS = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
REQUIRED = ("iss", "sub", "aud", "exp", "iat")
LEEWAY_SECONDS = 60


def read_claims(token: str, keys: Any, *, issuer: str, client_id: str) -> dict[str, Any]:
    """What a token says (OpenID Connect Core 3.1.3.7), if it is theirs, for us, and now."""
    try:
        key = _find_key(token, jwt.PyJWKSet.from_dict(keys))
        claims: dict[str, Any] = jwt.decode(
            token,
            key,
            algorithms=list(ALGORITHMS),
            issuer=issuer,
            audience=client_id,
            leeway=LEEWAY_SECONDS,
            options={"require": list(REQUIRED)},
        )
    except (jwt.PyJWTError, AttributeError, TypeError, ValueError) as error:
        raise OAuth2Error("The ID token is not valid.") from error
    if claims.get("azp", client_id) != client_id:
        raise OAuth2Error("The ID token is for another client.")
    return claims


def _find_key(token: str, keys: jwt.PyJWKSet) -> jwt.PyJWK:
    """The key that the token names; the only one where it names none."""
    kid = jwt.get_unverified_header(token).get("kid")
    fitting = [key for key in keys.keys if kid is None or key.key_id == kid]
    if len(fitting) != 1:
        raise OAuth2Error("The ID token is signed with an unknown key.")
    return fitting[0]
