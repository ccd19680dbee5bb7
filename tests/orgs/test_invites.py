"""Invites: made, replaced, listed, revoked, and accepted once by whom they are for."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models.functions import Now
from django.test.utils import CaptureQueriesContext

from config.errors import NotFoundError
from orgs import invites
from orgs.models import Invite, User
from tests import factories
from tests.client import ApiClient, codes
from tests.stored import everything_stored

GUEST = "guest@people.example"
VIEWER = {"permissions": ["viewer"]}


@pytest.fixture
def guest(db):
    return factories.make_user(GUEST)


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
    "identifier",
    [
        # No id of a row.
        "9" * 200,
        "9223372036854775808",
        "0",
        # What would be another's id if it were cut.
        "0000000000000000000123",
        "01",
        # No address.
        "guest",
        "-1",
        "guest@",
        "guest@people.example,other@people.example",
        "٣",
        f"{'g' * 300}@people.example",
        f"guest@{'people.' * 60}example",
        "%00@people.example",
    ],
)
def test_an_identifier_that_is_none_is_refused(api, acme, identifier):
    answer = api.put(f"~/members/invites/{identifier}", VIEWER)

    assert answer.status_code == 400
    assert not acme.invites.exists()


def test_no_answer_tells_which_user_ids_there_are(api, acme):
    factories.make_user(GUEST, pk=700_001)
    factories.make_user("gone@people.example", pk=700_002, is_active=False)
    api.get("/v1/self")
    seen = []

    for user_id in (700_001, 700_002, 700_003):
        path = f"~/members/invites/{user_id}"
        with CaptureQueriesContext(connection) as queries:
            answers = [api.put(path, VIEWER)]
        count = len(queries)
        answers += [api.get(path), api.get("~/members/invites"), api.delete(path), api.get(path)]
        answers += [api.put(path, VIEWER), api.put(path, VIEWER), api.delete(path)]
        text = "".join(str((answer.status_code, answer.json())) for answer in answers)
        text = re.sub(r"\d{4}-\d\d-\d\dT[\d:.+]+|'id': '\d+'", "?", text)
        seen.append((text.replace(str(user_id), "!"), count))

    assert seen[0][1] > 0
    assert seen[0] == seen[1] == seen[2]
    assert not acme.memberships.exclude(permissions=["owner"]).exists()


def test_an_invite_for_an_id_that_nobody_had_is_nobodys(api, acme):
    newest = User.objects.latest("id").pk
    made = invite(api, newest + 1)["invite"]
    Invite.objects.update(created_at=Now() - timedelta(hours=1))

    late = factories.make_user(GUEST, pk=newest + 1)

    assert not Invite.objects.acceptable().for_user(late).exists()
    with pytest.raises(NotFoundError):
        invites.accept_invite(invite=Invite.objects.get(pk=made["id"]), user=late)
    # Nor by a link, which it never had.
    with pytest.raises(NotFoundError):
        invites.accept_invite(invite=Invite.objects.get(), user=late, opened=True)


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
