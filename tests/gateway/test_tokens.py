"""`POST /token/exchange`, and what its tokens open: on the gateway and on ingress."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from datetime import timedelta

import jwt
import pytest
from django.db.models.functions import Now
from django.utils import timezone

from orgs import tokens
from orgs.models import ApiKey, Organization, User
from tests import factories
from tests.client import ApiClient
from tests.gateway.client import Gateway, send

DAY = 86_400


@pytest.fixture
def key(acme):
    return factories.make_key(acme)


@pytest.fixture
def token(key):
    return Gateway(key).token


def part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def forge(claims, secret, header=None):
    """A token signed with a secret, by nobody's library."""
    signed = f"{part(header or {'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}"
    digest = hmac.digest(secret, signed.encode(), hashlib.sha256)
    return f"{signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def claims_of(token):
    return jwt.decode(token, options={"verify_signature": False})


def is_refused(token):
    answer = send("GET", "/actions", token=token)
    assert (answer.status_code, answer.json()) == (401, {"error": "Invalid token"})
    assert answer["WWW-Authenticate"] == "Bearer"


def ingress(token, **headers):
    return ApiClient(Organization(pk=1), None).call(
        "POST",
        "/v1/ingress/count",
        {"input": {"n": 1}},
        **{"Authorization": f"Bearer {token}"} | headers,
    )


# --- exchange -------------------------------------------------------------------------------------


def test_a_key_is_exchanged_for_a_token_of_a_day(key, acme):
    answer = send("POST", "/token/exchange", {"api_token": key})

    assert answer.status_code == 200
    body = answer.json()
    token = body.pop("jwt_token")
    assert body == {"token_type": "Bearer", "expires_in": DAY}
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}
    claims = claims_of(token)
    assert claims["exp"] - claims["iat"] == DAY
    assert abs(claims["iat"] - time.time()) < 60
    assert claims == {
        "tenant_id": str(acme.tenant_id),
        "key_id": ApiKey.objects.get().pk,
        "permissions": ["owner"],
        "iat": claims["iat"],
        "exp": claims["exp"],
    }
    assert send("GET", "/actions", token=token).json() == {"actions": []}


@pytest.mark.parametrize("api_token", ["", "api_" + "0" * 40, "x" * 100_000, "é", "api_"])
def test_what_is_no_key_is_401(api_token, key):
    answer = send("POST", "/token/exchange", {"api_token": api_token})

    assert (answer.status_code, answer.json()) == (401, {"error": "Invalid token"})


def test_a_key_in_the_header_is_not_asked_for_and_a_token_is_no_key(key, token):
    answer = send("POST", "/token/exchange", {}, **{"x-arklow-auth": key})
    assert answer.json()["details"] == "Field 'api_token' is required"

    assert send("POST", "/token/exchange", {"api_token": token}).status_code == 401
    assert send("GET", "/actions", token=key).status_code == 401
    assert send("GET", "/actions", **{"x-arklow-auth": key}).status_code == 401


@pytest.mark.parametrize("body", [{}, {"api_token": 1}, {"api_token": None}, [], b"{", b""])
def test_a_body_that_is_wrong_is_400_and_quotes_nothing(body, db):
    answer = send("POST", "/token/exchange", body)

    assert answer.status_code == 400
    assert answer.json()["error"] == "Invalid request format"


def test_a_secret_at_the_wrong_place_is_not_quoted(key):
    for body in ({"api_token": {"value": key}}, {"api_token": [key]}, key, [key]):
        assert key not in send("POST", "/token/exchange", body).content.decode()


# --- what ends a token ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "end",
    [
        lambda acme: acme.keys.update(deleted_at=Now()),
        lambda acme: acme.keys.update(expires_at=timezone.now() - timedelta(seconds=1)),
        lambda acme: User.objects.update(is_active=False),
        lambda acme: Organization.objects.update(deleted_at=Now()),
    ],
    ids=["key deleted", "key expired", "person gone", "organization deleted"],
)
def test_whatever_ends_the_key_ends_its_tokens(end, token, acme, definition):
    assert send("GET", "/actions", token=token).status_code == 200
    assert ingress(token).status_code == 200

    end(acme)

    is_refused(token)
    assert ingress(token).status_code == 401


def test_what_is_taken_from_the_member_is_taken_from_its_tokens(token, acme):
    acme.memberships.update(permissions=[])

    assert send("GET", "/actions", token=token).status_code == 403
    assert claims_of(token)["permissions"] == ["owner"]


def test_a_token_tells_when_its_key_was_used(key, token):
    ApiKey.objects.update(last_used_at=None)

    send("GET", "/actions", token=token)

    assert ApiKey.objects.get().last_used_at is not None


def test_a_token_is_over_after_a_day(token, monkeypatch):
    claims = claims_of(token)
    for left, over in ((5, False), (0, True), (-1, True)):
        aged = jwt.encode(claims | {"exp": int(time.time()) + left}, tokens._key(), "HS256")
        assert (send("GET", "/actions", token=aged).status_code == 401) is over


def test_a_token_of_a_process_whose_clock_is_ahead_opens(token):
    ahead = claims_of(token) | {"iat": int(time.time()) + 3_600}

    assert send("GET", "/actions", token=jwt.encode(ahead, tokens._key())).status_code == 200


# --- forgeries ------------------------------------------------------------------------------------


def test_a_token_that_is_not_ours_opens_nothing(token, settings, definition):
    claims = claims_of(token)
    head, body, signature = token.split(".")
    forged = [
        # Unsigned, in several spellings.
        f"{part({'alg': 'none', 'typ': 'JWT'})}.{body}.",
        f"{part({'alg': 'None'})}.{body}.",
        f"{part({'alg': 'nOnE'})}.{body}.{signature}",
        f"{head}.{body}.",
        # Under another key, also the installation's secret itself, and an empty one.
        forge(claims, b"another key of 32 bytes or more!"),
        forge(claims, settings.SECRET_KEY.encode()),
        forge(claims, b""),
        # By another algorithm, under the right key.
        forge(claims, tokens._key(), {"alg": "HS512", "typ": "JWT"}),
        forge(claims, tokens._key(), {"alg": "RS256", "typ": "JWT"}),
        # Tampered with.
        f"{head}.{part(claims | {'key_id': claims['key_id'] + 1})}.{signature}",
        f"{head}.{part(claims | {'exp': claims['exp'] + DAY})}.{signature}",
        f"{head}.{body}.{'A' * len(signature)}",
        token[:-2],
        token + "A",
        # Signed by us, but no token of these.
        *(
            jwt.encode({key: claims[key] for key in claims if key != name}, tokens._key())
            for name in ("exp", "iat", "key_id")
        ),
        jwt.encode(claims | {"key_id": "nobody"}, tokens._key()),
        jwt.encode(claims | {"key_id": 10**15}, tokens._key()),
        jwt.encode(claims | {"exp": "never"}, tokens._key()),
        # Huge, and none at all.
        token + "A" * 100_000,
        "a" * 1_000_000,
        "." * 10_000,
        "..",
        "a.b.c",
        "é.é.é",
        "",
        " ",
    ]
    for one in forged:
        is_refused(one)
        assert ingress(one).status_code == 401


def test_a_token_of_another_installation_opens_nothing(token, settings):
    settings.SECRET_KEY = "another installation's"

    is_refused(token)


def test_other_schemes_open_nothing(token, key):
    for header in (token, f"Basic {token}", f"Token {token}", f"JWT {token}", "Bearer"):
        answer = send("GET", "/actions", Authorization=header)
        assert (answer.status_code, answer.json()) == (401, {"error": "Invalid token"})
    assert send("GET", "/actions", Authorization=f"bearer  {token}").status_code == 200


# --- elsewhere ------------------------------------------------------------------------------------


def test_ingress_takes_a_token_and_management_does_not(token, acme, definition):
    assert ingress(token).status_code == 200

    client = ApiClient(acme, None)
    assert client.get("~/keys", Authorization=f"Bearer {token}").status_code == 401


def test_where_a_key_is_taken_a_token_is_none(token, acme, definition):
    assert ApiClient(acme, token).get("~/keys").status_code == 401
    assert ApiClient(acme, token).post("/v1/ingress/count", {"input": {"n": 1}}).status_code == 401


def test_the_key_in_its_own_header_wins_over_a_token(token, acme, globex, definition):
    answer = ingress(token, **{"x-arklow-auth": factories.make_key(globex)})

    # Globex has no such variant.
    assert answer.status_code == 400
    assert ingress("nonsense", **{"x-arklow-auth": factories.make_key(acme)}).status_code == 200


def test_a_key_on_ingress_costs_no_look_at_tokens(key, definition, monkeypatch):
    monkeypatch.setattr(tokens, "read_key_id", None)

    assert ingress(key).status_code == 200
