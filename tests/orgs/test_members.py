"""`/v1/orgs/{org_id}/members`: who is there, what they may do, and who goes."""

from __future__ import annotations

import threading

import pytest
from django.db import connection

from config.errors import ConflictError, NotFoundError
from orgs import people, services
from orgs.models import Membership, Organization, User
from tests import factories
from tests.client import ApiClient, codes


@pytest.fixture
def owner(acme):
    return acme.memberships.get()


@pytest.fixture
def admin_api(acme, owner):
    return ApiClient(acme, factories.make_key(acme, member=factories.make_member(acme, "admin")))


def test_a_list_shows_the_organizations_members_oldest_first(api, acme, globex, owner):
    factories.make_member(acme, "editor", "operator", email="bob@acme.example", name="Bob")

    page = api.data(api.get("~/members/"))

    assert page["count"] == 2
    first, second = page["items"]
    assert first == {
        "id": str(owner.pk),
        "org_id": str(acme.pk),
        "user_id": str(owner.user_id),
        "permissions": ["owner"],
        "email": "owner@acme.example",
        "name": "Acme's owner",
        "created_at": first["created_at"],
        "deleted_at": None,
    }
    assert (second["email"], second["permissions"]) == ("bob@acme.example", ["editor", "operator"])


@pytest.mark.parametrize(
    ("query", "emails"),
    [
        ("?permissions=editor", ["bob@acme.example"]),
        # As given, not as included.
        ("?permissions=viewer", []),
        ("?take=1&skip=1", ["bob@acme.example"]),
        ("?count_only=true", []),
        ('?search={"field":"email","op":"contains","value":"BOB"}', ["bob@acme.example"]),
        ('?search={"col":"name","op":"eq","value":"Acme\'s owner"}', ["owner@acme.example"]),
    ],
)
def test_a_list_is_narrowed(api, acme, query, emails):
    factories.make_member(acme, "editor", email="bob@acme.example", name="Bob")

    items = api.data(api.get(f"~/members{query}"))["items"]

    assert [item["email"] for item in items] == emails


def test_a_permission_that_there_is_not_is_refused_as_a_filter(api):
    answer = api.get("~/members?permissions=emperor")

    assert (answer.status_code, codes(answer)) == (400, [("INVALID_PARAMETER", "/permissions")])


def test_a_member_is_read_by_the_users_id(api, acme, owner):
    bob = factories.make_member(acme)

    shown = api.data(api.get(f"~/members/{bob.user_id}"))

    assert (shown["id"], shown["user_id"]) == (str(bob.pk), str(bob.user_id))
    assert api.get(f"~/members/{10**15}").status_code == 404


def test_changed_permissions_hold_for_keys_at_once(api, acme):
    bob = factories.make_member(acme)
    bobs = ApiClient(acme, factories.make_key(acme, member=bob))
    assert bobs.get("~/keys").status_code == 403

    shown = api.data(api.post(f"~/members/{bob.user_id}", {"permissions": ["admin"]}))

    assert shown["permissions"] == ["admin"]
    assert bobs.get("~/keys").status_code == 200
    api.post(f"~/members/{bob.user_id}", {"permissions": ["viewer"]})
    assert bobs.get("~/keys").status_code == 403


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        # Nothing, nothing to speak of, what there is not, and twice the same.
        ({}, "/permissions"),
        ({"permissions": []}, "/permissions"),
        ({"permissions": None}, "/permissions"),
        ({"permissions": "owner"}, "/permissions"),
        ({"permissions": ["emperor"]}, "/permissions/0"),
        ({"permissions": ["viewer", "viewer"]}, "/permissions"),
        ({"permissions": [["viewer"]]}, "/permissions/0"),
        # What only we set.
        ({"permissions": ["viewer"], "org_id": "1"}, "/org_id"),
        ({"permissions": ["viewer"], "user_id": "1"}, "/user_id"),
        ([], ""),
    ],
)
def test_permissions_that_are_none_are_refused(api, acme, body, pointer):
    bob = factories.make_member(acme, "editor")

    answer = api.post(f"~/members/{bob.user_id}", body)

    assert answer.status_code == 400
    assert {at for _, at in codes(answer)} == {pointer}
    bob.refresh_from_db()
    assert bob.permissions == ["editor"]


@pytest.mark.parametrize("method", ["POST", "DELETE"])
def test_an_admin_neither_makes_nor_unmakes_nor_removes_an_owner(admin_api, acme, owner, method):
    bob = factories.make_member(acme)
    factories.make_member(acme, "owner")

    made = admin_api.post(f"~/members/{bob.user_id}", {"permissions": ["viewer", "owner"]})
    gone = admin_api.call(method, f"~/members/{owner.user_id}", {"permissions": ["viewer"]})

    for answer in (made, gone):
        assert answer.status_code == 403
        assert [code for code, _ in codes(answer)] == ["PERMISSION_TOO_HIGH"]
    bob.refresh_from_db()
    owner.refresh_from_db()
    assert (bob.permissions, owner.permissions, owner.deleted_at) == (["viewer"], ["owner"], None)


def test_an_admin_makes_admins(admin_api, acme):
    bob = factories.make_member(acme)

    answer = admin_api.post(f"~/members/{bob.user_id}", {"permissions": ["admin"]})

    assert admin_api.data(answer)["permissions"] == ["admin"]


def test_a_removed_member_is_returned_and_their_keys_stop_at_once(api, acme):
    bob = factories.make_member(acme, "admin")
    bobs = ApiClient(acme, factories.make_key(acme, member=bob))
    assert bobs.get("~/keys").status_code == 200

    removed = api.data(api.delete(f"~/members/{bob.user_id}/"))

    assert removed["id"] == str(bob.pk)
    assert removed["deleted_at"]
    assert bobs.get("~/keys").status_code == 401
    assert bobs.post("/v1/ingress/count", {"input": 1}).status_code == 401
    for answer in (
        api.get(f"~/members/{bob.user_id}"),
        api.post(f"~/members/{bob.user_id}", {"permissions": ["viewer"]}),
        api.delete(f"~/members/{bob.user_id}"),
    ):
        assert answer.status_code == 404
    assert api.data(api.get("~/members"))["count"] == 1


def test_who_comes_back_gets_none_of_the_old_keys_back(api, acme):
    bob = factories.make_member(acme, "admin")
    material = factories.make_key(acme, member=bob)
    api.delete(f"~/members/{bob.user_id}")

    back = people.join(org_id=acme.pk, user=bob.user, given=["viewer"])

    assert (back.pk, back.permissions, back.deleted_at) == (bob.pk, ["viewer"], None)
    assert ApiClient(acme, material).get("/v1/self").status_code == 401


def test_the_removed_get_no_keys(acme):
    bob = factories.make_member(acme)
    people.remove_member(member=bob, held=["owner"], actor="tests")

    with pytest.raises(NotFoundError):
        factories.make_key(acme, member=bob)


def test_a_key_is_shut_even_where_only_the_membership_ended(api, acme, owner):
    Membership.objects.filter(pk=owner.pk).update(deleted_at=owner.created_at)

    assert api.get("/v1/self").status_code == 401


def test_a_member_does_not_join_once_more(acme):
    bob = factories.make_member(acme, "operator")

    with pytest.raises(ConflictError, match="member already"):
        people.join(org_id=acme.pk, user=bob.user, given=["editor"])
    bob.refresh_from_db()
    assert bob.permissions == ["operator"]


def test_nobody_joins_an_organization_that_is_deleted(acme, owner):
    Organization.objects.update(deleted_at=owner.created_at)

    with pytest.raises(NotFoundError):
        people.join(org_id=acme.pk, user=owner.user, given=["viewer"])


def test_the_last_owner_neither_goes_nor_steps_down(api, acme, owner):
    factories.make_member(acme, "admin")

    for answer in (
        api.delete(f"~/members/{owner.user_id}"),
        api.post(f"~/members/{owner.user_id}", {"permissions": ["admin"]}),
    ):
        assert (answer.status_code, codes(answer)) == (409, [("LAST_OWNER", None)])
    owner.refresh_from_db()
    assert (owner.permissions, owner.deleted_at) == (["owner"], None)


def test_an_owner_goes_where_there_is_another(api, acme, owner):
    factories.make_member(acme, "owner")

    assert api.delete(f"~/members/{owner.user_id}").status_code == 200
    assert api.get("~/members").status_code == 401


def test_an_owner_who_may_not_log_in_does_not_count(api, acme, owner):
    other = factories.make_member(acme, "owner")
    User.objects.filter(pk=other.user_id).update(is_active=False)

    assert codes(api.delete(f"~/members/{owner.user_id}")) == [("LAST_OWNER", None)]


def test_an_owner_of_another_organization_does_not_count(api, acme, globex, owner):
    assert codes(api.delete(f"~/members/{owner.user_id}")) == [("LAST_OWNER", None)]


def test_who_may_not_invite_any_more_loses_the_invites_that_they_made(api, acme):
    bob, eve = (factories.make_member(acme, "admin") for _ in range(2))
    for member, name in ((bob, "one"), (bob, "other"), (eve, "third")):
        client = ApiClient(acme, factories.make_key(acme, member=member))
        client.put(f"~/members/invites/{name}@people.example", {"permissions": ["viewer"]})

    api.post(f"~/members/{bob.user_id}", {"permissions": ["viewer"]})
    page = api.data(api.get("~/members/invites"))
    assert [item["email"] for item in page["items"]] == ["third@people.example"]

    api.delete(f"~/members/{eve.user_id}")
    assert api.data(api.get("~/members/invites"))["count"] == 0


# --- leaving -------------------------------------------------------------------------------------


@pytest.mark.parametrize("permissions", [["admin"], ["viewer"], []])
def test_anybody_leaves_their_organization(api, acme, globex, permissions):
    bob = factories.make_member(acme)
    bob.permissions = permissions
    bob.save()
    there = globex.memberships.create(user=bob.user, permissions=["viewer"])
    bobs = ApiClient(acme, factories.make_key(acme, member=bob))
    globexs = ApiClient(globex, factories.make_key(globex, member=there))

    left = bobs.data(bobs.delete("~/members/self/"))

    assert (left["id"], left["email"], left["permissions"]) == (
        str(bob.pk),
        bob.user.email,
        permissions,
    )
    assert left["deleted_at"]
    assert bobs.delete("~/members/self").status_code == 401
    assert api.get(f"~/members/{bob.user_id}").status_code == 404
    # Elsewhere they stay.
    assert globexs.data(globexs.get("/v1/self"))["memberships"] == [
        {"org_id": str(globex.pk), "permissions": ["viewer"]}
    ]


def test_the_last_owner_does_not_leave(api, acme, owner):
    factories.make_member(acme, "admin")

    answer = api.delete("~/members/self")

    assert (answer.status_code, codes(answer)) == (409, [("LAST_OWNER", None)])
    factories.make_member(acme, "owner")
    assert api.delete("~/members/self").status_code == 200


def test_nobody_leaves_another_organization(api, acme, globex, owner):
    theirs = globex.memberships.create(user=owner.user, permissions=["viewer"])

    assert api.delete(f"/v1/orgs/{globex.pk}/members/self").status_code == 404
    theirs.refresh_from_db()
    assert theirs.deleted_at is None


@pytest.mark.parametrize(
    "limits", [{"permissions": ["admin"]}, {"variants": ["count"]}], ids=["permissions", "variants"]
)
def test_a_key_with_limits_does_not_make_its_person_leave(acme, limits):
    bob = factories.make_member(acme, "admin")
    material = factories.make_key(acme, member=bob, limits=services.Limits(**limits))

    answer = ApiClient(acme, material).delete("~/members/self")

    assert (answer.status_code, codes(answer)) == (403, [("FORBIDDEN", None)])
    bob.refresh_from_db()
    assert bob.deleted_at is None


def in_threads(*calls):
    """What each call gave or raised, all of them at once."""
    barrier, results = threading.Barrier(len(calls)), {}

    def run(index, call):
        barrier.wait()
        try:
            results[index] = call()
        except (ConflictError, NotFoundError) as error:
            results[index] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [results[index] for index in range(len(calls))]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "leave",
    [
        lambda member: people.remove_member(member=member, held=["owner"], actor="tests"),
        lambda member: people.change_permissions(
            member=member, given=["viewer"], held=["owner"], actor="tests"
        ),
    ],
    ids=["remove", "demote"],
)
def test_of_two_owners_who_leave_at_once_one_stays(leave):
    acme = factories.make_org("Acme")
    members = [acme.memberships.get(), factories.make_member(acme, "owner")]

    results = in_threads(*(lambda member=member: leave(member) for member in members))

    assert sum(isinstance(result, ConflictError) for result in results) == 1
    owners = Membership.objects.of_org(acme.pk).filter(permissions=["owner"])
    assert owners.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_key_that_is_made_while_its_member_is_removed_opens_nothing():
    acme = factories.make_org("Acme")
    bob = factories.make_member(acme, "admin")

    in_threads(
        lambda: people.remove_member(member=bob, held=["owner"], actor="tests"),
        *[lambda: services.create_key(member=bob, description="racing")] * 3,
    )

    assert not acme.keys.filter(member=bob, deleted_at=None).exists()
