"""Secrets of credentials: what is taken of each type, what is refused, and that none is shown."""

from __future__ import annotations

from pathlib import Path

import orjson
import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from destinations import services
from destinations.credentials import SHAPES, headers_of
from destinations.models import Credential
from orgs import encryption
from tests import factories
from tests.client import codes
from tests.destinations.pem import make_pair
from tests.destinations.test_credentials import NEW, SECRETS, every_type, new, secret_of

PAIR = make_pair()
KEY_FILE = SECRETS["gcp_service_account"]
OAUTH2 = SECRETS["oauth2_client_credentials"]
AWS = SECRETS["aws_access_key"]


@pytest.mark.parametrize(
    ("kind", "secret"),
    [
        ("http_auth_headers", {"X-Api-Key": "a", "X-Other": "b"}),
        # Header names that the other shape uses.
        ("http_auth_headers", {"headers": "a", "tls": "b"}),
        ("http_auth_headers", {"headers": {"X-Api-Key": "a"}, "tls": PAIR}),
        # With a certificate alone.
        ("http_auth_headers", {"headers": {}, "tls": PAIR}),
        ("http_basic", {"username": "a", "password": "b:c", "tls": PAIR}),
        ("http_bearer", {"token": "x" * 8_192}),
        ("oauth2_client_credentials", OAUTH2 | {"audience": "orders", "tls": PAIR}),
        (
            "aws_access_key",
            AWS
            | {
                "session_token": "a",
                "role_arn": "arn:aws:iam::123456789012:role/orders",
                "external_id": "b",
            },
        ),
        ("gcp_service_account", KEY_FILE | {"client_id": "7", "auth_uri": "https://a.example"}),
        (
            "gcp_service_account",
            KEY_FILE | {"token_uri": "https://oauth2.googleapis.com/token", "project_id": "a"},
        ),
    ],
)
def test_a_secret_of_its_type_is_taken(api, kind, secret):
    api.data(api.put("~/credentials", new(kind, secret)))

    assert secret_of(Credential.objects.get()) == secret


@pytest.mark.parametrize(
    ("kind", "secret", "faults"),
    [
        # Headers: none, no texts, no names, of the connection, with more than a line.
        ("http_auth_headers", {}, {""}),
        ("http_auth_headers", {"X-A": 7}, {"/X-A"}),
        ("http_auth_headers", {"X-A": ""}, {"/X-A"}),
        ("http_auth_headers", {"X-A": {"b": "c"}, "X-B": "d"}, {"/X-A"}),
        ("http_auth_headers", {"X A": "pl4nted"}, {"/X A"}),
        ("http_auth_headers", {"": "pl4nted"}, {"/"}),
        ("http_auth_headers", {"Host": "pl4nted", "te": "pl4nted"}, {"/Host", "/te"}),
        ("http_auth_headers", {"X-A": "pl4nted\r\nX-B: 1"}, {"/X-A"}),
        ("http_auth_headers", {"X-A": "pl4nted ✓"}, {"/X-A"}),
        ("http_auth_headers", {"X-A": "p" * 8_193}, {"/X-A"}),
        # With a certificate: the headers are missing, or are none; more than those two.
        ("http_auth_headers", {"tls": PAIR}, {"/headers"}),
        ("http_auth_headers", {"headers": {"X A": "b"}, "tls": PAIR}, {"/headers/X A"}),
        ("http_auth_headers", {"headers": {"X-A": 7}, "tls": PAIR}, {"/headers/X-A"}),
        ("http_auth_headers", {"headers": {}, "tls": PAIR, "x": "y"}, {"/x"}),
        # Certificates that are none, and keys of another one.
        ("http_bearer", {"token": "a", "tls": {}}, {"/tls/certificate", "/tls/private_key"}),
        ("http_bearer", {"token": "a", "tls": "pl4nted"}, {"/tls"}),
        ("http_bearer", {"token": "a", "tls": PAIR | {"private_key": "pl4nted"}}, {"/tls"}),
        ("http_bearer", {"token": "a", "tls": PAIR | {"certificate": "pl4nted"}}, {"/tls"}),
        (
            "http_bearer",
            {"token": "a", "tls": PAIR | {"private_key": make_pair("other")["private_key"]}},
            {"/tls"},
        ),
        # Parts that are missing, empty, too long or unknown.
        ("http_basic", {"username": "a"}, {"/password"}),
        ("http_basic", {}, {"/username", "/password"}),
        ("http_basic", {"username": "a", "password": ""}, {"/password"}),
        ("http_basic", {"username": "a", "password": 7}, {"/password"}),
        ("http_bearer", {"token": "a", "bearer": "pl4nted"}, {"/bearer"}),
        ("http_bearer", {"token": "p" * 8_193}, {"/token"}),
        # Where a token is fetched.
        ("oauth2_client_credentials", {"client_id": "a"}, {"/token_url", "/client_secret"}),
        ("oauth2_client_credentials", OAUTH2 | {"token_url": "pl4nted"}, {"/token_url"}),
        ("oauth2_client_credentials", OAUTH2 | {"token_url": "ftp://a.example/"}, {"/token_url"}),
        (
            "oauth2_client_credentials",
            OAUTH2 | {"token_url": "https://169.254.169.254/token"},
            {"/token_url"},
        ),
        (
            "oauth2_client_credentials",
            OAUTH2 | {"token_url": "https://me:pl4nted@a.example/"},
            {"/token_url"},
        ),
        ("aws_access_key", {"access_key_id": "a"}, {"/secret_access_key"}),
        ("aws_access_key", AWS | {"role_arn": "pl4nted"}, {"/role_arn"}),
        ("aws_access_key", AWS | {"session_token": ""}, {"/session_token"}),
        # They go into headers.
        ("aws_access_key", AWS | {"access_key_id": "pl4nted\r\nx: y"}, {"/access_key_id"}),
        ("aws_access_key", AWS | {"session_token": "pl4nted\n"}, {"/session_token"}),
        # Of another kind of Google's accounts, or telling its client to go elsewhere.
        ("gcp_service_account", KEY_FILE | {"type": "authorized_user"}, {"/type"}),
        ("gcp_service_account", KEY_FILE | {"token_uri": "https://evil.example"}, {"/token_uri"}),
        (
            "gcp_service_account",
            KEY_FILE | {"universe_domain": "evil.example"},
            {"/universe_domain"},
        ),
        ("gcp_service_account", KEY_FILE | {"other": {"a": "pl4nted"}}, {"/other"}),
        ("gcp_service_account", {"type": "service_account"}, {"/client_email", "/private_key"}),
    ],
)
@pytest.mark.parametrize("method", ["put", "post"])
def test_a_malformed_secret_is_a_422_that_points_at_it_and_does_not_quote_it(
    api, acme, kind, secret, faults, method
):
    path = "~/credentials"
    if method == "post":
        path += f"/{factories.make_credential(acme, kind).pk}"
    before = list(Credential.objects.values())

    refused = api.call(method.upper(), path, new(kind, secret))

    assert refused.status_code == 422
    found = codes(refused)
    assert {code for code, _ in found} <= {"INVALID_SECRET", "ADDRESS_REFUSED"}
    assert {at for _, at in found} == {f"/secret{fault}" for fault in faults}
    assert "pl4nted" not in refused.content.decode()
    assert list(Credential.objects.values()) == before


def test_a_token_url_may_be_private_where_that_is_allowed(api, private_networks):
    secret = OAUTH2 | {"token_url": "http://127.0.0.1:9000/token"}

    assert api.data(api.put("~/credentials", new("oauth2_client_credentials", secret)))


# --- never shown ----------------------------------------------------------------------------------

PLANTED = st.text(
    st.characters(codec="ascii", categories=["Lu", "Ll", "Nd"]), min_size=12, max_size=40
).map(lambda text: f"pl4nted{text}")
PLAIN = st.sampled_from(["x", 7, None, True, "", [], {}]) | st.text(max_size=5)


def planted_in(kind):
    """Secrets of a type, or nearly, some parts of which are planted and others spoilt."""
    names = [*SHAPES[kind].example, "tls", "unknown"]
    parts = st.dictionaries(st.sampled_from(names), PLANTED | PLAIN, max_size=5)
    nested = st.dictionaries(st.sampled_from(names), parts | st.lists(PLANTED), max_size=3)
    return parts | nested | PLANTED | st.lists(PLANTED, max_size=2)


@every_type
def test_no_answer_ever_holds_a_secret(api, acme, kind):
    made = factories.make_credential(acme, kind)

    @settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
    @given(planted_in(kind))
    def plant(secret):
        with transaction.atomic():
            answers = [
                api.put("~/credentials", new(kind, secret, label="planted")),
                api.post(f"~/credentials/{made.pk}", {"secret": secret}),
                api.get("~/credentials"),
                api.get(f"~/credentials/{made.pk}"),
                api.delete(f"~/credentials/{made.pk}"),
            ]
            transaction.set_rollback(True)
        assert all(answer.status_code < 500 for answer in answers)
        shown = b"".join(answer.content for answer in answers).lower()
        assert b"pl4nted" not in shown

    plant()


def test_a_request_that_fails_here_logs_nothing_of_its_secret(api, acme, monkeypatch, caplog):
    def fail(secret):
        raise ZeroDivisionError

    monkeypatch.setattr(encryption, "encrypt", fail)
    caplog.set_level("DEBUG")

    answer = api.put("~/credentials", NEW)

    assert answer.status_code == 500
    assert "pl4nted" not in answer.content.decode() + caplog.text


# --- shapes ---------------------------------------------------------------------------------------


@every_type
def test_every_type_has_a_shape_whose_example_fits_it(kind):
    assert (
        services.credentials.find_secret_faults(kind, SHAPES[kind].example, allow_private=False)
        == []
    )


def test_headers_are_found_in_either_shape():
    assert headers_of({"headers": "a", "tls": "b"}) == {"headers": "a", "tls": "b"}
    assert headers_of({"headers": {"X-A": "1"}, "tls": PAIR}) == {"X-A": "1"}


def test_a_private_key_is_left_in_no_file(acme, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    factories.make_credential(acme, "http_bearer", secret={"token": "a", "tls": PAIR})

    assert list(Path(tmp_path).iterdir()) == []


def test_the_document_shows_each_type_with_its_own_secret(client):
    document = orjson.loads(client.get("/openapi.json").content)
    put = document["paths"]["/v1/orgs/{org_id}/credentials"]["put"]
    names = {f"{''.join(word.title() for word in kind.split('_'))}Secret" for kind in SHAPES}

    assert names <= document["components"]["schemas"].keys()
    assert put["responses"].keys() >= {"409", "422"}
