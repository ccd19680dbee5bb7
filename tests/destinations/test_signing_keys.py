"""`/v1/orgs/{org_id}/signing-keys`: create, list, get, rename, rotate, delete; who may use them."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from config.errors import DomainError
from destinations import keys, services, signing_keys
from destinations.authorizing import signing
from destinations.kinds import KINDS
from orgs import encryption
from orgs.models import SigningKey
from tests import factories
from tests.client import codes
from tests.dispatch.concurrency import at_once

PATH = "~/signing-keys"


def make_secret(length=32):
    return "whsec_" + base64.b64encode(bytes(range(length))).decode()


def secrets_of(key):
    key.refresh_from_db()
    stored = [key.secret, key.previous]
    return [encryption.decrypt(token) if token else "" for token in stored]


# --- create ---------------------------------------------------------------------------------------


def test_a_key_is_made_here_and_its_secret_shown_once(api, acme):
    made = api.data(api.put(PATH, {"label": "orders"}))

    secret = made.pop("secret")
    assert len(signing.read_key(secret)) == 32
    assert made == api.data(api.get(f"{PATH}/{made['id']}"))
    assert secrets_of(SigningKey.objects.get()) == [secret, ""]
    for name in ("created_at", "updated_at"):
        assert made.pop(name).endswith("+00:00")
    assert made == {
        "id": str(SigningKey.objects.get().pk),
        "org_id": str(acme.pk),
        "label": "orders",
        "previous_until": None,
        "signs_gateway_from": None,
        "deleted_at": None,
    }


def test_no_two_keys_are_alike(api):
    made = [api.data(api.put(PATH, {"label": f"key {n}"}))["secret"] for n in range(5)]

    assert len(set(made)) == 5


@pytest.mark.parametrize("length", [24, 32, 64])
def test_a_secret_may_be_given(api, length):
    given = make_secret(length)

    assert api.data(api.put(PATH, {"label": "a", "secret": given}))["secret"] == given
    assert secrets_of(SigningKey.objects.get()) == [given, ""]


BAD_SECRETS = [
    # Too short and too long.
    make_secret(23),
    make_secret(65),
    "whsec_",
    # Without its prefix, and with another one.
    make_secret().removeprefix("whsec_"),
    make_secret().replace("whsec_", "whpk_"),
    # Not base64: other characters, blanks, cut off, the URL-safe alphabet.
    "whsec_" + "!" * 44,
    make_secret() + "\n",
    make_secret()[:-1],
    "whsec_" + "-_" * 20,
    "whsec_" + "✓" * 40,
    "",
]


@pytest.mark.parametrize("secret", BAD_SECRETS)
def test_a_secret_that_is_none_is_a_422_and_not_quoted(api, acme, secret):
    key = factories.make_signing_key(acme)
    before = list(SigningKey.objects.values())

    for refused in (
        api.put(PATH, {"label": "a", "secret": secret}),
        api.post(f"{PATH}/{key.pk}/rotate", {"secret": secret}),
    ):
        assert refused.status_code == 422
        assert codes(refused) == [("INVALID_SECRET", "/secret")]
        assert len(secret) < 8 or secret not in refused.json()["errors"][0]["message"]
    assert list(SigningKey.objects.values()) == before


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/label"),
        ({"label": ""}, "/label"),
        ({"label": "x" * 256}, "/label"),
        ({"label": 7}, "/label"),
        ({"label": "a", "secret": None}, "/secret"),
        ({"label": "a", "secret": 7}, "/secret"),
        ({"label": "a", "secret": ["pl4nted"]}, "/secret"),
        ({"label": ["pl4nted"], "secret": "pl4nted"}, "/label"),
        (["pl4nted"], ""),
        ({"label": "a", "previous": "x"}, "/previous"),
    ],
)
def test_a_body_of_the_wrong_shape_is_a_400(api, body, pointer):
    refused = api.put(PATH, body)

    assert refused.status_code == 400
    assert codes(refused) == [("INVALID_BODY", pointer)]
    assert "pl4nted" not in refused.content.decode()


def test_an_organization_has_no_more_keys_than_it_may(api, acme, globex, monkeypatch):
    monkeypatch.setattr(signing_keys, "MOST_KEYS", 3)
    made = [factories.make_signing_key(acme) for _ in range(3)]
    factories.make_signing_key(globex)

    refused = api.put(PATH, {"label": "one more"})

    assert refused.status_code == 409
    assert codes(refused) == [("TOO_MANY_SIGNING_KEYS", None)]
    api.data(api.delete(f"{PATH}/{made[0].pk}"))
    assert api.data(api.put(PATH, {"label": "one more"}))


@pytest.mark.django_db(transaction=True)
def test_the_bound_holds_for_many_at_once(acme, monkeypatch):
    monkeypatch.setattr(signing_keys, "MOST_KEYS", 4)

    def make(number):
        try:
            signing_keys.create_signing_key(org_id=acme.pk, label=f"key {number}")
        except DomainError as error:
            return error.faults[0].code
        return "made"

    assert sorted(at_once(make, range(8))) == ["TOO_MANY_SIGNING_KEYS"] * 4 + ["made"] * 4


# --- list, get, rename ----------------------------------------------------------------------------


def test_a_list_is_paged_and_searched_and_shows_no_secret(api, acme, globex):
    made = [factories.make_signing_key(acme, label=f"key {n}") for n in range(4)]
    signing_keys.delete_signing_key(key=made[1])
    factories.make_signing_key(globex)

    page = api.data(api.get(f"{PATH}?take=2&skip=1"))
    assert (page["count"], [item["label"] for item in page["items"]]) == (3, ["key 2", "key 3"])
    found = api.get(f'{PATH}?search={{"field": "label", "op": "eq", "value": "key 2"}}')
    assert api.data(found)["count"] == 1
    assert (
        api.get(f'{PATH}?search={{"field": "secret", "op": "gt", "value": ""}}').status_code == 400
    )
    assert "whsec" not in str(page)


def test_a_key_is_renamed_and_keeps_its_secret(api, acme):
    key = factories.make_signing_key(acme, make_secret())

    changed = api.data(api.post(f"{PATH}/{key.pk}", {"label": "after"}))

    assert changed["label"] == "after"
    assert secrets_of(key) == [make_secret(), ""]
    assert api.data(api.post(f"{PATH}/{key.pk}", {}))["label"] == "after"
    assert codes(api.post(f"{PATH}/{key.pk}", {"secret": make_secret()})) == [
        ("INVALID_BODY", "/secret")
    ]


def test_a_label_is_taken_once(api, acme):
    key = factories.make_signing_key(acme, label="one")
    other = factories.make_signing_key(acme, label="two")

    for refused in (
        api.put(PATH, {"label": "one"}),
        api.post(f"{PATH}/{other.pk}", {"label": "one"}),
    ):
        assert refused.status_code == 409
        assert codes(refused) == [("LABEL_TAKEN", "/label")]
    api.data(api.delete(f"{PATH}/{key.pk}"))
    assert api.data(api.put(PATH, {"label": "one"}))


@pytest.mark.parametrize(
    ("method", "path"), [("GET", ""), ("POST", ""), ("DELETE", ""), ("POST", "/rotate")]
)
def test_an_unknown_a_deleted_and_anothers_key_are_a_404(api, acme, globex, method, path):
    deleted, theirs = factories.make_signing_key(acme), factories.make_signing_key(globex)
    signing_keys.delete_signing_key(key=deleted)
    before = secrets_of(theirs)

    for row_id in (deleted.pk, theirs.pk, 0, 2**63 - 1):
        refused = api.call(method, f"{PATH}/{row_id}{path}", {} if method == "POST" else None)
        assert refused.status_code == 404
        assert codes(refused) == [("NOT_FOUND", None)]
    assert secrets_of(theirs) == before


# --- rotate ---------------------------------------------------------------------------------------


def test_a_rotation_keeps_the_former_secret_for_a_day(api, acme):
    key = factories.make_signing_key(acme, make_secret())

    rotated = api.data(api.post(f"{PATH}/{key.pk}/rotate", {}))

    assert secrets_of(key) == [rotated.pop("secret"), make_secret()]
    until = key.previous_until - timezone.now()
    assert timedelta(hours=23, minutes=59) < until <= timedelta(hours=24)
    assert rotated == api.data(api.get(f"{PATH}/{key.pk}"))
    assert rotated["previous_until"] == key.previous_until.isoformat()


def test_the_next_secret_may_be_given_and_is_not_the_same(api, acme):
    key = factories.make_signing_key(acme, make_secret(32))
    path = f"{PATH}/{key.pk}/rotate"

    assert api.data(api.post(path, {"secret": make_secret(64)}))["secret"] == make_secret(64)
    refused = api.post(path, {"secret": make_secret(64)})

    assert refused.status_code == 422
    assert codes(refused) == [("SAME_SECRET", "/secret")]
    assert secrets_of(key) == [make_secret(64), make_secret(32)]


def test_another_spelling_of_the_same_bytes_is_the_same_secret(api, acme):
    secret = make_secret(32)
    # The last character before the padding holds two bits that are not part of the bytes.
    respelled = f"{secret[:-2]}{chr(ord(secret[-2]) + 1)}="
    assert signing.read_key(respelled) == signing.read_key(secret)
    key = factories.make_signing_key(acme, secret)

    refused = api.post(f"{PATH}/{key.pk}/rotate", {"secret": respelled})

    assert refused.status_code == 422
    assert codes(refused) == [("SAME_SECRET", "/secret")]
    assert secrets_of(key) == [secret, ""]


def test_of_two_rotations_the_first_secret_is_gone(api, acme):
    key = factories.make_signing_key(acme, make_secret(32))
    path = f"{PATH}/{key.pk}/rotate"
    second = api.data(api.post(path, {}))["secret"]
    third = api.data(api.post(path, {}))["secret"]

    assert secrets_of(key) == [third, second]


def test_a_key_that_no_encryption_key_opens_is_mended_by_a_rotation(api, acme):
    key = factories.make_signing_key(acme)
    destination = factories.make_destination(acme, signing_key_id=key.pk)
    SigningKey.objects.update(secret="lost")
    assert keys.of_destination(destination.pk).fault

    rotated = api.data(api.post(f"{PATH}/{key.pk}/rotate", {}))

    assert rotated["previous_until"] is None
    assert keys.of_destination(destination.pk) == keys.Keys(signing=(rotated["secret"],))


# --- use and delete -------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", KINDS)
def test_only_a_webhook_has_a_signing_key(api, acme, kind):
    key = factories.make_signing_key(acme)
    body = {"label": "it", "type": kind, "config": KINDS[kind].EXAMPLE}

    answer = api.put("~/destinations", body | {"signing_key_id": str(key.pk)})

    if kind == "webhook":
        assert api.data(answer)["signing_key_id"] == str(key.pk)
    else:
        assert answer.status_code == 422
        assert codes(answer) == [("SIGNING_KEY_MISMATCH", "/signing_key_id")]


def test_a_key_that_is_not_there_is_a_422(api, acme, globex):
    deleted, theirs = factories.make_signing_key(acme), factories.make_signing_key(globex)
    signing_keys.delete_signing_key(key=deleted)
    destination = factories.make_destination(acme)

    for row_id in (deleted.pk, theirs.pk, 0, 2**63):
        refused = api.post(f"~/destinations/{destination.pk}", {"signing_key_id": str(row_id)})
        assert refused.status_code == 422
        assert codes(refused) == [("UNKNOWN_SIGNING_KEY", "/signing_key_id")]


def test_a_key_in_use_cannot_be_deleted(api, acme):
    key = factories.make_signing_key(acme)
    user = factories.make_destination(acme, label="hook", signing_key_id=key.pk)

    refused = api.delete(f"{PATH}/{key.pk}")
    assert refused.status_code == 409
    assert codes(refused) == [("SIGNING_KEY_IN_USE", None)]
    assert f"hook ({user.pk})" in refused.json()["errors"][0]["message"]

    api.data(api.post(f"~/destinations/{user.pk}", {"signing_key_id": None}))
    assert api.data(api.delete(f"{PATH}/{key.pk}"))["deleted_at"]
    assert secrets_of(key) == ["", ""]


@pytest.mark.django_db(transaction=True)
def test_of_a_deletion_and_a_use_at_once_exactly_one_happens(acme):
    for _ in range(8):
        key, destination = factories.make_signing_key(acme), factories.make_destination(acme)

        def act(verb, key=key, destination=destination):
            try:
                if verb == "delete":
                    mine = SigningKey.objects.get(pk=key.pk)
                    signing_keys.delete_signing_key(key=mine)
                else:
                    changes = {"signing_key_id": key.pk}
                    services.update_destination(destination=destination, changes=changes)
            except DomainError as error:
                return error.faults[0].code
            return "done"

        assert sorted(at_once(act, ["delete", "use"])) in (
            ["SIGNING_KEY_IN_USE", "done"],
            ["UNKNOWN_SIGNING_KEY", "done"],
        )


# --- what an attempt has of it --------------------------------------------------------------------


def test_an_attempt_has_the_newest_secret_first_and_the_former_for_a_day(acme):
    key = factories.make_signing_key(acme, make_secret(32))
    destination = factories.make_destination(acme, signing_key_id=key.pk)
    assert keys.of_destination(destination.pk).signing == (make_secret(32),)

    signing_keys.rotate_signing_key(key=key, secret=make_secret(64))
    assert keys.of_destination(destination.pk).signing == (make_secret(64), make_secret(32))

    SigningKey.objects.update(previous_until=timezone.now() - timedelta(minutes=1))
    assert keys.of_destination(destination.pk).signing == (make_secret(64),)


def test_what_an_attempt_prints_holds_no_secret(acme):
    key = factories.make_signing_key(acme, make_secret())
    credential = factories.make_credential(acme, "http_bearer", secret={"token": "pl4nted"})
    destination = factories.make_destination(
        acme, signing_key_id=key.pk, credential_id=credential.pk
    )

    found = keys.of_destination(destination.pk)

    assert found.credential.value == {"token": "pl4nted"}
    assert "pl4nted" not in repr(found)
    assert "whsec_" not in repr(found)


def test_neither_column_holds_a_secret_in_plain_text(acme):
    key = factories.make_signing_key(acme, make_secret(32))
    signing_keys.rotate_signing_key(key=key)

    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(k)::text FROM orgs_signingkey k")
        ((row,),) = cursor.fetchall()
    assert "whsec" not in row
    assert make_secret(32).removeprefix("whsec_") not in row
