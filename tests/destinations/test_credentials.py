"""`/v1/orgs/{org_id}/credentials`: create, list, get, update, delete."""

from __future__ import annotations

import pytest
from django.db import connection
from django.utils import timezone

from destinations import services
from destinations.credentials import SHAPES
from destinations.models import Credential, CredentialType, Destination
from orgs import encryption
from tests import factories
from tests.client import codes

NEW = {
    "type": "http_bearer",
    "label": "orders",
    "metadata": {"team": "orders"},
    "secret": {"token": "pl4nted"},
}
SECRETS = {kind: shape.example for kind, shape in SHAPES.items()}
every_type = pytest.mark.parametrize("kind", CredentialType.values)


def new(kind, secret, **fields):
    return {"type": kind, "label": f"my {kind}", "secret": secret} | fields


def secret_of(credential):
    credential.refresh_from_db()
    return encryption.decrypt(credential.secret)


# --- create ---------------------------------------------------------------------------------------


@every_type
def test_a_credential_of_each_type_is_created_and_read_back_without_its_secret(api, acme, kind):
    made = api.data(api.put("~/credentials", new(kind, SECRETS[kind], metadata={"a": [1]})))

    assert made == api.data(api.get(f"~/credentials/{made['id']}"))
    for name in ("created_at", "updated_at"):
        assert made.pop(name).endswith("+00:00")
    stored = Credential.objects.get()
    assert made == {
        "id": str(stored.pk),
        "org_id": str(acme.pk),
        "type": kind,
        "provider": SHAPES[kind].provider,
        "label": f"my {kind}",
        "metadata": {"a": [1]},
        "version": 1,
        "expires_at": None,
        "deleted_at": None,
    }
    assert secret_of(stored) == SECRETS[kind]


def test_what_is_stored_is_encrypted(acme):
    made = factories.make_credential(acme, "http_bearer", secret={"token": "pl4nted"})

    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(c)::text FROM destinations_credential c")
        ((row,),) = cursor.fetchall()
    assert "pl4nted" not in row
    assert encryption.decrypt(made.secret) == {"token": "pl4nted"}


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        ({"label": None}, "/label"),
        ({"label": ""}, "/label"),
        ({"label": "x" * 256}, "/label"),
        ({"type": "password"}, "/type"),
        ({"type": None}, "/type"),
        ({"provider": 7}, "/provider"),
        ({"metadata": []}, "/metadata"),
        ({"metadata": None}, "/metadata"),
        ({"expires_at": "tomorrow"}, "/expires_at"),
        ({"expires_at": 7}, "/expires_at"),
        *(({"secret": secret}, "/secret") for secret in ("pl4nted", ["pl4nted"], 7, True, None)),
        ({"label": {"secret": "pl4nted"}}, "/label"),
        ({"version": 7}, "/version"),  # ours to give
        ({"id": "7"}, "/id"),
    ],
)
@pytest.mark.parametrize("method", ["put", "post"])
def test_a_body_of_the_wrong_shape_is_a_400_that_points_at_it(api, acme, method, changed, pointer):
    path = "~/credentials"
    if method == "post":
        path += f"/{factories.make_credential(acme, 'http_bearer').pk}"
    before = list(Credential.objects.values())

    refused = api.call(method.upper(), path, NEW | changed)

    assert refused.status_code == 400
    assert set(codes(refused)) == {("INVALID_BODY", pointer)}
    assert "pl4nted" not in refused.content.decode()
    assert list(Credential.objects.values()) == before


@pytest.mark.parametrize("body", [["pl4nted"], "pl4nted", [{"secret": {"token": "pl4nted"}}]])
def test_a_body_that_is_no_object_is_not_quoted(api, acme, body):
    made = factories.make_credential(acme)

    for method, path in (("PUT", "~/credentials"), ("POST", f"~/credentials/{made.pk}")):
        refused = api.call(method, path, body)
        assert codes(refused) == [("INVALID_BODY", "")]
        assert "pl4nted" not in refused.content.decode()


@pytest.mark.parametrize("missing", ["type", "label", "secret"])
def test_a_missing_field_is_named(api, missing):
    refused = api.put("~/credentials", {key: NEW[key] for key in NEW.keys() - {missing}})

    assert refused.status_code == 400
    assert codes(refused) == [("INVALID_BODY", f"/{missing}")]


@every_type
def test_the_provider_is_the_types_own(api, kind):
    provider = SHAPES[kind].provider
    assert api.data(api.put("~/credentials", new(kind, SECRETS[kind], provider=provider)))

    refused = api.put("~/credentials", new(kind, SECRETS[kind], provider="acme", label="other"))

    assert refused.status_code == 422
    assert codes(refused) == [("INVALID_PROVIDER", "/provider")]


def test_a_number_that_does_not_fit_64_bits_is_refused_in_metadata(api):
    refused = api.put("~/credentials", NEW | {"metadata": {"n": [1, 1e300]}})

    assert refused.status_code == 422
    assert codes(refused) == [("INVALID_METADATA", "/metadata/n/1")]


# --- update ---------------------------------------------------------------------------------------


def test_each_secret_makes_the_next_version_and_nothing_else_does(api, acme):
    made = factories.make_credential(acme, "http_bearer", metadata={"a": 1})
    path = f"~/credentials/{made.pk}"

    versions = [
        api.data(api.post(path, change))["version"]
        for change in ({"label": "after"}, {"secret": {"token": "2"}}, {}, {"metadata": {}})
    ]
    # The same again is a secret that was given.
    again = api.data(api.post(path, {"secret": {"token": "2"}}))

    assert [*versions, again["version"]] == [1, 2, 2, 2, 3]
    assert (again["label"], again["metadata"]) == ("after", {})
    assert again["updated_at"] > made.updated_at.isoformat()
    assert secret_of(made) == {"token": "2"}


def test_the_type_never_changes(api, acme):
    made = factories.make_credential(acme, "http_bearer")
    secret = {"username": "a", "password": "b"}

    refused = api.post(f"~/credentials/{made.pk}", {"type": "http_basic", "secret": secret})

    assert refused.status_code == 422
    assert codes(refused) == [("TYPE_IMMUTABLE", "/type")]
    assert secret_of(made) == {"token": "s3cret"}
    assert api.data(api.post(f"~/credentials/{made.pk}", {"type": "http_bearer"}))


def test_a_credential_expires_when_it_is_told_to_and_null_lifts_that(api):
    made = api.data(api.put("~/credentials", NEW | {"expires_at": "2027-01-01T00:00:00+02:00"}))
    assert made["expires_at"] == "2026-12-31T22:00:00+00:00"

    changed = api.data(api.post(f"~/credentials/{made['id']}", {"expires_at": None}))
    assert changed["expires_at"] is None


def test_a_label_is_taken_once_and_free_again_after_its_deletion(api, globex_api):
    made = api.data(api.put("~/credentials", NEW))
    other = api.data(api.put("~/credentials", NEW | {"label": "other"}))

    for refused in (
        api.put("~/credentials", NEW),
        api.post(f"~/credentials/{other['id']}", {"label": "orders"}),
    ):
        assert refused.status_code == 409
        assert codes(refused) == [("LABEL_TAKEN", "/label")]
    assert globex_api.data(globex_api.put("~/credentials", NEW))
    api.data(api.delete(f"~/credentials/{made['id']}"))
    assert api.data(api.put("~/credentials", NEW))


# --- list -----------------------------------------------------------------------------------------


def test_a_list_is_paged_counted_and_oldest_first(api, acme, globex):
    made = [factories.make_credential(acme, label=f"key {n}") for n in range(5)]
    services.delete_credential(credential=made[1])
    factories.make_credential(globex)

    page = api.data(api.get("~/credentials?take=2&skip=1"))
    assert (page["count"], [item["label"] for item in page["items"]]) == (4, ["key 2", "key 3"])
    assert api.data(api.get("~/credentials?count_only=true")) == {"items": [], "count": 4}


@pytest.mark.parametrize(
    ("search", "labels"),
    [
        ('{"field": "label", "op": "eq", "value": "one"}', ["one"]),
        ('{"col": "label", "op": "contains", "value": "O"}', ["one", "two"]),
        ('{"field": "type", "op": "eq", "value": "aws_access_key"}', ["two"]),
        ('{"field": "type", "op": "ne", "value": "aws_access_key"}', ["one"]),
    ],
)
def test_a_list_is_searched_by_label_and_type(api, acme, search, labels):
    factories.make_credential(acme, label="one")
    factories.make_credential(acme, "aws_access_key", label="two")

    page = api.data(api.get(f"~/credentials?search={search}"))

    assert [item["label"] for item in page["items"]] == labels


def test_nothing_is_searched_by_its_secret(api, acme):
    factories.make_credential(acme)

    refused = api.get('~/credentials?search={"field": "secret", "op": "gt", "value": "a"}')

    assert refused.status_code == 400
    assert codes(refused) == [("INVALID_PARAMETER", "/search")]


@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_an_unknown_a_deleted_and_anothers_credential_are_a_404(api, acme, globex, method):
    deleted, theirs = factories.make_credential(acme), factories.make_credential(globex)
    services.delete_credential(credential=deleted)

    for row_id in (deleted.pk, theirs.pk, 0, 2**63 - 1):
        refused = api.call(method.upper(), f"~/credentials/{row_id}", {"label": "mine"})
        assert refused.status_code == 404
        assert codes(refused) == [("NOT_FOUND", None)]
    theirs.refresh_from_db()
    assert (theirs.label != "mine", theirs.deleted_at) == (True, None)


# --- delete ---------------------------------------------------------------------------------------


def test_a_deleted_credential_keeps_nothing_of_its_secret(api, acme):
    made = factories.make_credential(acme)

    gone = api.data(api.delete(f"~/credentials/{made.pk}"))

    made.refresh_from_db()
    assert gone["deleted_at"] is not None
    assert made.secret == ""


def test_a_credential_in_use_cannot_be_deleted_and_its_users_are_named(api, acme):
    made = factories.make_credential(acme)
    users = [
        factories.make_destination(acme, label=f"hook {n}", credential_id=made.pk) for n in range(7)
    ]

    refused = api.delete(f"~/credentials/{made.pk}")
    assert refused.status_code == 409
    assert codes(refused) == [("CREDENTIAL_IN_USE", None)]
    message = refused.json()["errors"][0]["message"]
    assert all(f"hook {n} ({users[n].pk})" in message for n in range(5))
    assert "hook 5" not in message
    assert ", …" in message

    # Deleted users do not count, nor do those that have another one by now.
    Destination.objects.filter(pk__in=[one.pk for one in users[1:]]).update(
        deleted_at=timezone.now()
    )
    assert api.delete(f"~/credentials/{made.pk}").status_code == 409
    api.data(api.post(f"~/destinations/{users[0].pk}", {"credential_id": None}))
    api.data(api.delete(f"~/credentials/{made.pk}"))
