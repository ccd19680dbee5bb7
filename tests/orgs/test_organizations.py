"""`/v1/orgs`: made, listed, read and renamed."""

from __future__ import annotations

import pytest

from config.errors import ConflictError
from orgs import services
from orgs.models import Organization
from tests import factories
from tests.client import ApiClient, codes
from tests.dispatch.concurrency import at_once


def test_who_makes_an_organization_owns_it_and_gets_a_key_for_it(api, acme):
    made = api.data(api.put("/v1/orgs/", {"name": "Initech"}))

    org = Organization.objects.get(pk=made["id"])
    assert (org.name, org.slug) == (made["name"], made["slug"]) == ("Initech", "initech")
    member = org.memberships.get()
    assert (member.user, member.permissions) == (acme.memberships.get().user, ["owner"])
    key = made["key"]
    assert (key["org_id"], key["member_id"]) == (made["id"], str(member.pk))
    own = ApiClient(org, key["material"])
    assert own.data(own.get("~")) == {name: made[name] for name in made if name != "key"}
    # And the key that made it opens nothing there.
    assert api.get(f"/v1/orgs/{made['id']}").status_code == 404


def test_nobody_makes_more_than_so_many(api, acme, globex_api, settings):
    settings.ORGANIZATIONS_PER_USER = 2
    for name in ("One", "Two"):
        api.data(api.put("/v1/orgs", {"name": name}))
    # Who owns them now, or has left, is of no matter.
    one = Organization.objects.get(name="One")
    factories.make_member(one, "owner")
    one.memberships.filter(user=acme.memberships.get().user).update(deleted_at=one.created_at)

    answer = api.put("/v1/orgs", {"name": "Three"})

    assert (answer.status_code, codes(answer)) == (409, [("TOO_MANY_ORGANIZATIONS", None)])
    assert "You have made 2 organizations" in answer.json()["errors"][0]["message"]
    assert not Organization.objects.filter(name="Three").exists()
    # Each person for themselves, and operators as many as they like.
    assert globex_api.put("/v1/orgs", {"name": "Three"}).status_code == 200
    owner = acme.memberships.get().user
    assert services.bootstrap_org(name="Four", email=owner.email).org.created_by is None


def test_one_that_came_to_nothing_does_not_count(api, globex, settings):
    settings.ORGANIZATIONS_PER_USER = 1

    assert api.put("/v1/orgs", {"name": "One", "slug": "globex"}).status_code == 409
    assert api.put("/v1/orgs", {"name": "One"}).status_code == 200


def test_where_none_may_be_made_none_is(api, settings):
    settings.ORGANIZATIONS_PER_USER = 0

    assert codes(api.put("/v1/orgs", {"name": "One"})) == [("TOO_MANY_ORGANIZATIONS", None)]


@pytest.mark.django_db(transaction=True)
def test_of_many_that_are_made_at_once_no_more_than_so_many_are(settings):
    settings.ORGANIZATIONS_PER_USER = 2
    user = factories.make_user("maker@people.example")

    def make(number):
        try:
            services.create_org(user_id=user.pk, name=f"Org {number}", slug=None)
        except ConflictError:
            return False
        return True

    assert sum(at_once(make, range(6))) == 2
    assert user.made_orgs.count() == 2


def test_a_slug_is_found_where_none_is_given(api):
    slugs = {api.data(api.put("/v1/orgs", {"name": "Acme"}))["slug"] for _ in range(2)}

    assert len(slugs) == 2
    assert all(slug.startswith("acme-") for slug in slugs)


@pytest.mark.parametrize("path", ["/v1/orgs", "~"])
def test_a_slug_that_is_taken_is_409(api, globex, path):
    method = "PUT" if path == "/v1/orgs" else "POST"

    answer = api.call(method, path, {"name": "Initech", "slug": "globex"})

    assert (answer.status_code, codes(answer)) == (409, [("SLUG_TAKEN", "/slug")])
    assert not Organization.objects.filter(name="Initech").exists()


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"name": ""}, "/name"),
        ({"name": " \t"}, "/name"),
        ({"name": "x" * 256}, "/name"),
        ({"name": None}, "/name"),
        ({"name": 7}, "/name"),
        ({"name": "ok", "slug": ""}, "/slug"),
        ({"name": "ok", "slug": "Über"}, "/slug"),
        ({"name": "ok", "slug": "a--b"}, "/slug"),
        ({"name": "ok", "slug": "-a"}, "/slug"),
        ({"name": "ok", "slug": "a\n"}, "/slug"),
        ({"name": "ok", "slug": "x" * 65}, "/slug"),
        # What only we set.
        ({"name": "ok", "tenant_id": "4e5ff0b5-5c8c-4a0e-b5d7-3a2e3d8e7ab1"}, "/tenant_id"),
        ({"name": "ok", "deleted_at": None}, "/deleted_at"),
        ([], ""),
    ],
)
@pytest.mark.parametrize("path", ["/v1/orgs", "~"])
def test_an_organization_of_the_wrong_shape_is_refused(api, acme, path, body, pointer):
    answer = api.call("PUT" if path == "/v1/orgs" else "POST", path, body)

    assert answer.status_code == 400
    assert {at for _, at in codes(answer)} == {pointer}
    assert Organization.objects.values_list("name", "slug").get() == ("Acme", "acme")


def test_an_organization_needs_a_name(api):
    assert codes(api.put("/v1/orgs", {"slug": "initech"})) == [("INVALID_BODY", "/name")]


def test_an_organization_is_renamed_and_the_rest_stays(api, acme):
    before = api.data(api.get("~"))

    now = api.data(api.post("~", {"name": "Acme Ltd"}))

    assert now == before | {"name": "Acme Ltd", "updated_at": now["updated_at"]}
    assert now["updated_at"] > before["updated_at"]
    assert api.data(api.post("~", {"slug": "acme-ltd"}))["slug"] == "acme-ltd"
    assert api.data(api.post("~", {}))["slug"] == "acme-ltd"


def test_ones_own_organizations_are_listed(api, acme, globex):
    factories.make_org("Initech").memberships.create(
        user=acme.memberships.get().user, permissions=["viewer"]
    )

    page = api.data(api.get("/v1/orgs"))

    shown = [(item["name"], item["permissions"]) for item in page["items"]]
    assert shown == [("Acme", ["owner"]), ("Initech", ["viewer"])]


def test_organizations_that_are_left_or_deleted_are_not_listed(api, acme, globex):
    user = acme.memberships.get().user
    left = factories.make_org("Left")
    left.memberships.create(user=user, permissions=["viewer"], deleted_at=left.created_at)
    globex.memberships.create(user=user, permissions=["viewer"])
    Organization.objects.filter(pk=globex.pk).update(deleted_at=globex.created_at)

    assert api.data(api.get("/v1/orgs"))["count"] == 1
    assert len(api.data(api.get("/v1/self"))["memberships"]) == 1
