"""`/v1/orgs/{org_id}/keys`: made, listed, read and ended; the secret is shown once."""

from __future__ import annotations

import re
from datetime import datetime

import pytest
from django.db import IntegrityError, connection, transaction

from orgs import services
from orgs.models import ApiKey
from tests import factories
from tests.client import ApiClient, codes


def everything_stored():
    """All columns of all keys as PostgreSQL shows them."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT k::text FROM orgs_apikey k")
        return "\n".join(row for (row,) in cursor.fetchall())


def test_a_new_key_is_the_callers_and_opens_the_api(api, acme):
    made = api.data(api.put("~/keys", {"description": "billing service"}))

    member = acme.memberships.get()
    key = acme.keys.get(pk=made["id"])
    assert re.fullmatch("api_[0-9a-f]{40}", made["material"])
    assert made == {
        "id": str(key.pk),
        "org_id": str(acme.pk),
        "member_id": str(member.pk),
        "user_id": str(member.user_id),
        "description": "billing service",
        "permissions": None,
        "variants": None,
        "material": made["material"],
        "created_at": made["created_at"],
        "last_used_at": None,
        "expires_at": None,
        "deleted_at": None,
    }
    assert ApiClient(acme, made["material"]).get("/v1/self").status_code == 200


def test_every_key_is_another_one(api):
    first, second = (api.data(api.put("~/keys", {"description": "same"})) for _ in range(2))

    assert first["material"] != second["material"]


def test_a_secret_is_never_stored_and_never_shown_again(api):
    made = api.data(api.put("~/keys", {"description": "billing service"}))

    material = made["material"]
    assert material not in everything_stored()
    assert material.removeprefix("api_") not in everything_stored()
    for path in ("~/keys", f"~/keys/{made['id']}"):
        shown = api.get(path).content.decode()
        assert material not in shown
        assert material[:12] + "********" in shown
    assert material not in api.delete(f"~/keys/{made['id']}").content.decode()


def test_what_is_stored_is_the_sha256_of_the_secret(acme):
    material = factories.make_key(acme)

    assert bytes(acme.keys.get().hash) == services.hash_key(material)


def test_a_key_is_read_with_what_its_member_may_do(api, acme):
    key = acme.keys.get()

    shown = api.data(api.get(f"~/keys/{key.pk}"))

    assert shown["id"] == str(key.pk)
    assert shown["description"] == "test key"
    assert shown["material"] == f"{key.prefix}********"
    assert shown["membership"] == {
        "user_id": str(key.member.user_id),
        "org_id": str(acme.pk),
        "permissions": ["owner"],
    }


def test_a_list_shows_the_live_keys_of_the_organization_oldest_first(api, acme, globex_api):
    factories.make_key(acme, description="second")
    ended = api.data(api.put("~/keys", {"description": "ended"}))
    api.delete(f"~/keys/{ended['id']}")

    page = api.data(api.get("~/keys"))

    assert [item["description"] for item in page["items"]] == ["test key", "second"]
    assert page["count"] == 2


def test_a_deleted_key_is_returned_gone_and_opens_nothing(api, acme):
    made = api.data(api.put("~/keys", {"description": "short-lived"}))

    deleted = api.data(api.delete(f"~/keys/{made['id']}"))

    assert datetime.fromisoformat(deleted["deleted_at"])
    assert deleted == {name: deleted[name] for name in made if name != "material"}
    assert api.get(f"~/keys/{made['id']}").status_code == 404
    assert api.delete(f"~/keys/{made['id']}").status_code == 404
    answer = ApiClient(acme, made["material"]).get("~/keys")
    assert (answer.status_code, codes(answer)) == (401, [("UNAUTHORIZED", None)])
    # The row stays.
    assert ApiKey.objects.filter(pk=made["id"]).exists()


def test_a_key_may_delete_itself(api, acme):
    assert api.delete(f"~/keys/{acme.keys.get().pk}").status_code == 200
    assert api.get("~/keys").status_code == 401


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        ("2100-01-02T03:04:05Z", "2100-01-02T03:04:05Z"),
        # Kept in UTC.
        ("2100-01-02T03:04:05+02:00", "2100-01-02T01:04:05Z"),
        # Never.
        (None, None),
    ],
)
def test_a_key_ends_when_it_was_told_to(api, sent, stored):
    made = api.data(api.put("~/keys", {"description": "lasting", "expires_at": sent}))

    def moment(text):
        return text and datetime.fromisoformat(text)

    assert moment(made["expires_at"]) == moment(stored)


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        # No description, none to speak of, and too much of it.
        ({}, "/description"),
        ({"description": ""}, "/description"),
        ({"description": "x"}, "/description"),
        ({"description": "x" * 51}, "/description"),
        ({"description": 12}, "/description"),
        ({"description": None}, "/description"),
        # No timestamp, and one that there is not.
        ({"description": "ok", "expires_at": "tomorrow"}, "/expires_at"),
        ({"description": "ok", "expires_at": "2026-02-30T00:00:00Z"}, "/expires_at"),
        ({"description": "ok", "expires_at": 1_800_000_000}, "/expires_at"),
        # Beyond what UTC can say.
        ({"description": "ok", "expires_at": "0001-01-01T00:00:00+23:59"}, "/expires_at"),
        ({"description": "ok", "expires_at": "9999-12-31T23:59:59-23:59"}, "/expires_at"),
        # What only we set.
        ({"description": "ok", "material": "api_" + "0" * 40}, "/material"),
        # No object.
        ([], ""),
        ("description", ""),
    ],
)
def test_a_key_that_is_described_wrongly_is_refused(api, acme, body, pointer):
    answer = api.put("~/keys", body)

    assert answer.status_code == 400
    assert {at for _, at in codes(answer)} == {pointer}
    assert acme.keys.count() == 1


@pytest.mark.parametrize("description", ["ab", "x" * 50, "é" * 50])
def test_a_description_has_two_to_fifty_characters(api, description):
    assert api.data(api.put("~/keys", {"description": description}))["description"] == description


def test_the_database_refuses_a_description_of_one_character(acme):
    with pytest.raises(IntegrityError, match="key_description_length"), transaction.atomic():
        factories.make_key(acme, description="x")


def test_the_list_takes_the_same_queries_for_any_number_of_keys(
    api, acme, django_assert_num_queries
):
    for _ in range(5):
        factories.make_key(acme)
    api.get("~/keys")

    # Who asks, how many there are, and the page.
    with django_assert_num_queries(3):
        api.get("~/keys")


def test_a_key_does_what_both_it_and_its_member_may(api, acme):
    made = api.data(api.put("~/keys", {"description": "narrow", "permissions": ["editor"]}))
    narrow = ApiClient(acme, made["material"])
    definition = {"variant": "count", "schema": {}}
    assert made["permissions"] == ["editor"]
    assert narrow.put("~/actions/definitions", definition).status_code == 200
    assert narrow.get("~/keys").status_code == 403
    assert narrow.post("/v1/ingress/count", {"input": 1}).status_code == 403

    # What the member loses, the key loses; what the member gains, it does not.
    acme.memberships.update(permissions=["viewer"])
    assert narrow.put("~/actions/definitions", definition).status_code == 403
    assert narrow.get("~/actions/definitions").status_code == 200
    acme.memberships.update(permissions=["admin"])
    assert narrow.put("~/actions/definitions", definition).status_code == 200
    assert narrow.get("~/keys").status_code == 403


def test_a_key_is_shown_with_its_limits_and_its_members_permissions(api):
    body = {"description": "narrow", "permissions": ["viewer"], "variants": ["a", "b"]}
    made = api.data(api.put("~/keys", body))

    shown = api.data(api.get(f"~/keys/{made['id']}"))

    assert (shown["permissions"], shown["variants"]) == (["viewer"], ["a", "b"])
    assert shown["membership"]["permissions"] == ["owner"]


def test_nobody_makes_a_key_that_may_more_than_they(acme):
    admin = factories.make_member(acme, "admin")
    api = ApiClient(acme, factories.make_key(acme, member=admin))

    answer = api.put("~/keys", {"description": "high", "permissions": ["owner"]})

    assert (answer.status_code, codes(answer)) == (403, [("PERMISSION_TOO_HIGH", "/permissions")])
    assert api.put("~/keys", {"description": "fit", "permissions": ["editor"]}).status_code == 200


def test_a_narrow_key_makes_no_wider_one(api, acme):
    made = api.data(api.put("~/keys", {"description": "admin", "permissions": ["admin"]}))
    narrow = ApiClient(acme, made["material"])

    second = narrow.data(narrow.put("~/keys", {"description": "second"}))

    assert second["permissions"] == ["admin", "editor", "operator", "viewer"]
    wide = {"description": "third", "permissions": ["owner"]}
    assert narrow.put("~/keys", wide).status_code == 403


@pytest.mark.parametrize(
    ("limits", "pointer"),
    [
        ({"permissions": []}, "/permissions"),
        ({"permissions": ["emperor"]}, "/permissions"),
        ({"permissions": "viewer"}, "/permissions"),
        ({"variants": []}, "/variants"),
        ({"variants": [""]}, "/variants"),
        ({"variants": ["x" * 256]}, "/variants"),
        ({"variants": ["a", "a"]}, "/variants"),
        ({"variants": [7]}, "/variants"),
        ({"variants": [str(n) for n in range(101)]}, "/variants"),
    ],
)
def test_limits_of_the_wrong_shape_are_refused(api, acme, limits, pointer):
    answer = api.put("~/keys", {"description": "narrow"} | limits)

    assert answer.status_code == 400
    assert all(at.startswith(pointer) for _, at in codes(answer))
    assert acme.keys.count() == 1


def test_no_limits_are_said_by_null(api):
    body = {"description": "wide", "permissions": None, "variants": None}
    made = api.data(api.put("~/keys", body))

    assert (made["permissions"], made["variants"]) == (None, None)


def test_nobody_ends_a_key_that_may_do_more_than_they_may(api, acme):
    admin = ApiClient(acme, factories.make_key(acme, member=factories.make_member(acme, "admin")))
    owners, narrow = (
        api.data(api.put("~/keys", {"description": "billing", **limits}))["id"]
        for limits in ({}, {"permissions": ["viewer"]})
    )

    refused = admin.call("DELETE", f"/v1/orgs/{acme.pk}/keys/{owners}")

    assert (refused.status_code, codes(refused)) == (403, [("PERMISSION_TOO_HIGH", "/id")])
    assert ApiKey.objects.get(pk=owners).deleted_at is None
    assert admin.call("DELETE", f"/v1/orgs/{acme.pk}/keys/{narrow}").status_code == 200
