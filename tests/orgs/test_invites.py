"""Invites: made, replaced, listed, revoked, and accepted once by whom they are for."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now

from config.errors import NotFoundError
from orgs import invites, people
from orgs.models import Invite, Membership, Organization, User
from tests import factories
from tests.client import ApiClient, codes
from tests.stored import everything_stored

GUEST = "guest@people.example"
VIEWER = {"permissions": ["viewer"]}


@pytest.fixture
def guest(db):
    return User.objects.create_user(GUEST)


@pytest.fixture
def globex_owner(globex):
    return globex.memberships.get().user


def invite(api, identifier=GUEST, permissions=("viewer",)):
    body = {"permissions": list(permissions)}
    return api.data(api.put(f"~/members/invites/{identifier}", body))


def accept(api, invite_id):
    return api.post(f"/v1/self/invites/{invite_id}/accept")


def test_an_address_is_invited_with_a_token_that_is_shown_once(api, acme):
    made = invite(api, GUEST.upper(), ["editor", "operator"])

    row = acme.invites.get()
    assert made["action"] == "invited"
    assert made["membership"] is None
    assert made["invite"] == {
        "id": str(row.pk),
        "org_id": str(acme.pk),
        "init_permissions": ["editor", "operator"],
        "user_id": None,
        "email": GUEST,
        "created_at": made["invite"]["created_at"],
        "expires_at": made["invite"]["expires_at"],
        "deleted_at": None,
    }
    lasts = datetime.fromisoformat(made["invite"]["expires_at"]) - datetime.fromisoformat(
        made["invite"]["created_at"]
    )
    assert lasts == timedelta(days=7)
    token = made["token"]
    assert token.startswith("inv_")
    assert len(token) > 40
    for path in ("~/members/invites", f"~/members/invites/{GUEST}"):
        assert token not in api.get(path).content.decode()
    assert token not in str(everything_stored())
    assert invites.find_by_token(token) == row


def test_a_user_is_invited_by_id_and_shown_by_no_more_than_that(api, globex_owner):
    made = invite(api, globex_owner.pk)

    assert (made["action"], made["token"]) == ("invited", None)
    assert (made["invite"]["user_id"], made["invite"]["email"]) == (str(globex_owner.pk), None)
    assert globex_owner.email not in str(made)


def test_inviting_an_address_does_not_tell_whether_somebody_has_it(api, globex_owner):
    known, unknown = invite(api, globex_owner.email), invite(api, "nobody@globex.example")

    assert known.keys() == unknown.keys()
    assert known["invite"]["user_id"] is unknown["invite"]["user_id"] is None


@pytest.mark.parametrize("by_id", [True, False])
def test_a_members_permissions_are_saved_instead(api, acme, by_id):
    bob = factories.make_member(acme)

    saved = invite(api, bob.user_id if by_id else bob.user.email.upper(), ["editor"])

    assert (saved["action"], saved["invite"], saved["token"]) == ("saved", None, None)
    assert (saved["membership"]["id"], saved["membership"]["permissions"]) == (
        str(bob.pk),
        ["editor"],
    )
    assert not acme.invites.exists()


def test_who_was_removed_is_invited_again(api, acme):
    bob = factories.make_member(acme)
    api.delete(f"~/members/{bob.user_id}")

    assert invite(api, bob.user.email)["action"] == "invited"


def test_saving_the_last_owner_as_less_is_409(api, acme):
    answer = api.put(f"~/members/invites/{acme.memberships.get().user_id}", VIEWER)

    assert (answer.status_code, codes(answer)) == (409, [("LAST_OWNER", None)])


def test_an_admin_invites_no_owner(acme):
    admin = ApiClient(acme, factories.make_key(acme, member=factories.make_member(acme, "admin")))

    answer = admin.put(f"~/members/invites/{GUEST}", {"permissions": ["owner"]})

    assert answer.status_code == 403
    assert codes(answer) == [("PERMISSION_TOO_HIGH", "/permissions")]
    assert not acme.invites.exists()


@pytest.mark.parametrize(
    ("identifier", "status"),
    [
        # Nobody has these ids.
        ("999999999", 404),
        ("9" * 200, 404),
        ("0", 404),
        # No address.
        ("guest", 400),
        ("-1", 400),
        ("guest@", 400),
        ("guest@people.example,other@people.example", 400),
        ("٣", 400),
        (f"{'g' * 300}@people.example", 400),
        (f"guest@{'people.' * 60}example", 400),
        ("%00@people.example", 400),
    ],
)
def test_an_identifier_that_is_none_is_refused(api, acme, identifier, status):
    answer = api.put(f"~/members/invites/{identifier}", VIEWER)

    assert answer.status_code == status
    assert not acme.invites.exists()


def test_who_may_not_log_in_is_not_invited(api, globex_owner):
    globex_owner.is_active = False
    globex_owner.save()

    assert api.put(f"~/members/invites/{globex_owner.pk}", VIEWER).status_code == 404


def test_a_second_invite_replaces_the_first(api, acme, guest):
    first, second = invite(api), invite(api, permissions=["editor"])

    assert invites.find_by_token(first["token"]) is None
    assert invites.find_by_token(second["token"]).init_permissions == ["editor"]
    assert api.data(api.get("~/members/invites"))["count"] == 1
    with pytest.raises(NotFoundError):
        invites.accept_invite(invite=Invite.objects.get(pk=first["invite"]["id"]), user=guest)


def test_open_invites_are_listed_found_and_revoked(api, acme, globex_owner, guest):
    by_email, by_id = invite(api)["invite"], invite(api, globex_owner.pk)["invite"]

    assert api.data(api.get("~/members/invites"))["items"] == [by_email, by_id]
    assert api.data(api.get(f"~/members/invites/{GUEST.upper()}")) == by_email
    assert api.data(api.get(f"~/members/invites/{globex_owner.pk}/")) == by_id
    revoked = api.data(api.delete(f"~/members/invites/{GUEST}"))
    assert revoked == by_email | {"deleted_at": revoked["deleted_at"]}
    assert revoked["deleted_at"]
    assert api.delete(f"~/members/invites/{GUEST}").status_code == 404
    assert api.data(api.get("~/members/invites"))["items"] == [by_id]
    with pytest.raises(NotFoundError):
        invites.accept_invite(invite=Invite.objects.get(email=GUEST), user=guest)


def test_an_invite_for_a_user_is_accepted_with_a_key_of_theirs(api, acme, globex_api, globex_owner):
    made = invite(api, globex_owner.pk, ["editor"])["invite"]
    listed = globex_api.data(globex_api.get("/v1/self/invites"))
    assert listed == {"items": [made | {"org_name": "Acme"}], "count": 1}

    member = globex_api.data(accept(globex_api, made["id"]))

    assert (member["org_id"], member["user_id"]) == (str(acme.pk), str(globex_owner.pk))
    assert member["permissions"] == ["editor"]
    memberships = globex_api.data(globex_api.get("/v1/self"))["memberships"]
    assert {"org_id": str(acme.pk), "permissions": ["editor"]} in memberships
    assert globex_api.data(globex_api.get("/v1/self/invites"))["count"] == 0
    assert api.data(api.get("~/members/invites"))["count"] == 0


def test_an_invite_for_an_address_is_accepted_by_who_has_it(api, globex_api, globex_owner):
    made = invite(api, globex_owner.email)["invite"]

    assert globex_api.data(globex_api.get("/v1/self/invites"))["count"] == 1
    assert accept(globex_api, made["id"]).status_code == 200


def spoil(invite_id, how):
    """Make an invite unacceptable."""
    rows = Invite.objects.filter(pk=invite_id)
    if how == "organization":
        Organization.objects.filter(invites__in=rows).update(deleted_at=Now())
    else:
        rows.update(
            **{
                "accepted": {"accepted_at": Now()},
                "revoked": {"deleted_at": Now()},
                "expired": {"expires_at": Now() - timedelta(seconds=1)},
                "other": {"user": None, "email": "other@globex.example"},
            }[how]
        )


@pytest.mark.parametrize("how", ["accepted", "revoked", "expired", "other", "organization"])
def test_what_cannot_be_accepted_is_404_whatever_the_reason(
    api, acme, globex_api, globex_owner, how
):
    made = invite(api, globex_owner.pk)["invite"]
    spoil(made["id"], how)

    answer, nobodys = accept(globex_api, made["id"]), accept(globex_api, 10**15)

    assert answer.status_code == nobodys.status_code == 404
    assert answer.content == nobodys.content.replace(b"%d" % 10**15, made["id"].encode())
    assert globex_api.data(globex_api.get("/v1/self/invites"))["count"] == 0
    assert not Membership.objects.filter(org=acme, user=globex_owner).exists()


@pytest.mark.parametrize("how", ["accepted", "revoked", "expired", "organization"])
def test_a_token_that_is_over_finds_nothing_whatever_the_reason(api, how):
    made = invite(api)
    spoil(made["invite"]["id"], how)

    assert invites.find_by_token(made["token"]) is None


@pytest.mark.parametrize("token", ["", "inv_", "inv_" + "x" * 43, "é", "x" * 10_000])
def test_a_token_that_was_never_made_finds_nothing(api, token):
    invite(api)

    assert invites.find_by_token(token) is None


def test_a_token_is_for_whom_it_was_made(api, globex_owner, guest):
    made = invites.find_by_token(invite(api)["token"])

    with pytest.raises(NotFoundError):
        invites.accept_invite(invite=made, user=globex_owner)
    assert invites.accept_invite(invite=made, user=guest).permissions == ["viewer"]
    with pytest.raises(NotFoundError):
        invites.accept_invite(invite=made, user=guest)


def test_accepting_one_invite_uses_up_the_others_of_the_same_person(api, acme, guest):
    invite(api)
    by_id = invite(api, guest.pk, ["editor"])["invite"]

    invites.accept_invite(invite=Invite.objects.get(pk=by_id["id"]), user=guest)

    assert not Invite.objects.of_org(acme.pk).exists()


def test_who_has_become_a_member_otherwise_loses_nothing_by_accepting(api, acme, guest):
    made = invites.find_by_token(invite(api)["token"])
    people.join(org_id=acme.pk, user=guest, given=["admin"])

    assert invites.accept_invite(invite=made, user=guest).permissions == ["admin", "viewer"]


@pytest.mark.django_db(transaction=True)
def test_an_invite_is_accepted_once_however_many_try_at_once():
    acme = factories.make_org("Acme")
    user = User.objects.create_user(GUEST)
    made = factories.make_invite(acme, GUEST).invite
    barrier, outcomes = threading.Barrier(4), []

    def run():
        barrier.wait()
        try:
            outcomes.append(invites.accept_invite(invite=made, user=user))
        except NotFoundError:
            outcomes.append(None)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(outcome is not None for outcome in outcomes) == 1
    assert acme.memberships.filter(user=user).count() == 1


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        # For nobody, and for two.
        ({"email": ""}, "invite_for_one_person"),
        ({"email": GUEST, "user": True}, "invite_for_one_person"),
        ({"email": GUEST, "init_permissions": ["emperor"]}, "invite_permissions_known"),
        # Again, while the first one is open.
        ({"email": "first@people.example"}, "invite_once_per_email"),
    ],
)
def test_the_database_refuses_an_invite_that_makes_no_sense(acme, guest, fields, rule):
    factories.make_invite(acme, "first@people.example")
    fields = {"init_permissions": ["viewer"]} | fields
    if "user" in fields:
        fields["user"] = guest

    with pytest.raises(IntegrityError, match=rule), transaction.atomic():
        Invite.objects.create(org=acme, expires_at=Now(), **fields)
