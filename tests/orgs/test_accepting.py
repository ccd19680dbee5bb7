"""Invites are accepted once, by whom they are for, while who made them could make them."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models.functions import Now

from config.errors import NotFoundError
from orgs import invites, people
from orgs.models import Invite, Membership, Organization, User
from tests import factories
from tests.client import ApiClient
from tests.dispatch.concurrency import at_once
from tests.orgs.test_invites import GUEST, accept, guest, invite

__all__ = ["guest"]


@pytest.fixture
def globex_owner(globex):
    return globex.memberships.get().user


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


@pytest.fixture
def squatter_api(globex):
    """A key of somebody who came by a link, and whose address nobody has shown to be theirs."""
    user = User.objects.create_user(GUEST)
    member = globex.memberships.create(user=user, permissions=["owner"])
    return ApiClient(globex, factories.make_key(globex, member=member))


def test_an_address_that_is_not_shown_to_be_theirs_brings_nobody_an_invite(
    api, acme, squatter_api, guest_id
):
    by_email = invite(api)["invite"]
    nobodys = accept(squatter_api, 10**15)

    answer = accept(squatter_api, by_email["id"])

    assert answer.status_code == 404
    assert answer.content == nobodys.content.replace(b"%d" % 10**15, by_email["id"].encode())
    assert squatter_api.data(squatter_api.get("/v1/self/invites"))["count"] == 0
    # An id is theirs whatever their address is.
    by_id = invite(api, guest_id)["invite"]
    assert squatter_api.data(squatter_api.get("/v1/self/invites"))["count"] == 1
    assert accept(squatter_api, by_id["id"]).status_code == 200


@pytest.fixture
def guest_id(squatter_api):
    return User.objects.get(email=GUEST).pk


def test_who_has_opened_the_link_needs_no_more_than_the_address(api, acme, squatter_api):
    made = Invite.objects.get(pk=invite(api)["invite"]["id"])
    user = User.objects.get(email=GUEST)

    assert invites.accept_invite(invite=made, user=user, opened=True).permissions == ["viewer"]


def test_the_link_is_for_nobody_elses_address(api, acme, globex_owner):
    made = Invite.objects.get(pk=invite(api)["invite"]["id"])

    with pytest.raises(NotFoundError):
        invites.accept_invite(invite=made, user=globex_owner, opened=True)


@pytest.mark.parametrize("by_id", [True, False])
def test_who_joins_by_another_way_has_no_open_invites_left(api, acme, globex_api, guest, by_id):
    invite(api, guest.pk if by_id else GUEST, ["admin"])
    factories.make_invite(globex_api.org, GUEST)

    people.join(org_id=acme.pk, user=guest, given=["viewer"])

    assert not Invite.objects.of_org(acme.pk).exists()
    # Another organization's stays.
    assert Invite.objects.of_org(globex_api.org.pk).exists()


def test_an_invite_never_changes_what_a_member_has(api, acme, guest):
    token = invite(api, permissions=["admin"])["token"]
    # Past what voids invites, as an operator's `bootstrap` makes members.
    acme.memberships.create(user=guest, permissions=["viewer"])
    made = invites.find_by_token(token)

    assert not Invite.objects.acceptable().for_user(guest).exists()
    for opened in (False, True):
        with pytest.raises(NotFoundError):
            invites.accept_invite(invite=made, user=guest, opened=opened)
    assert acme.memberships.get(user=guest).permissions == ["viewer"]


def test_who_was_removed_comes_back_by_a_new_invite_with_what_it_gives(api, acme, guest):
    member = acme.memberships.create(user=guest, permissions=["admin"])
    old = factories.make_invite(acme, "other@people.example").invite
    api.delete(f"~/members/{guest.pk}")

    made = Invite.objects.get(pk=invite(api)["invite"]["id"])
    back = invites.accept_invite(invite=made, user=guest)

    assert (back.pk, back.permissions) == (member.pk, ["viewer"])
    assert Invite.objects.acceptable().filter(pk=old.pk).exists()


@pytest.fixture
def bobs(acme):
    """An admin's client."""
    return ApiClient(acme, factories.make_key(acme, member=factories.make_member(acme, "admin")))


@pytest.mark.parametrize(
    "change",
    [
        # Past what voids invites: a call of theirs that began before, and ended after.
        {"permissions": ["editor", "operator"]},
        {"permissions": []},
        {"deleted_at": Now()},
    ],
    ids=str,
)
@pytest.mark.parametrize("given", ["viewer", "admin"])
def test_an_invite_ends_with_what_its_maker_may_do(acme, bobs, guest, change, given):
    made = Invite.objects.get(pk=invite(bobs, permissions=[given])["invite"]["id"])
    Membership.objects.filter(pk=made.invited_by_id).update(**change)

    with pytest.raises(NotFoundError):
        invites.accept_invite(invite=made, user=guest)
    assert not acme.memberships.filter(user=guest).exists()
    made.refresh_from_db()
    assert made.accepted_at is None


def test_an_invite_by_somebody_who_may_not_log_in_any_more_is_void(acme, bobs, guest):
    made = invite(bobs)
    User.objects.filter(memberships__invites=made["invite"]["id"]).update(is_active=False)

    assert invites.find_by_token(made["token"]) is None
    assert not Invite.objects.acceptable().for_user(guest).exists()


def test_an_owners_invite_outlives_that_they_are_an_admin_now_but_not_one_for_an_owner(
    api, acme, guest
):
    low, high = (
        factories.make_invite(acme, name, permission).invite
        for name, permission in ((GUEST, "admin"), ("high@people.example", "owner"))
    )
    factories.make_member(acme, "owner")

    api.post(f"~/members/{acme.memberships.first().user_id}", {"permissions": ["admin"]})

    assert invites.accept_invite(invite=low, user=guest).permissions == ["admin"]
    high.refresh_from_db()
    assert high.deleted_at


@pytest.mark.django_db(transaction=True)
def test_an_invite_is_accepted_once_however_many_try_at_once():
    acme = factories.make_org("Acme")
    user = factories.make_user(GUEST)
    made = factories.make_invite(acme, GUEST).invite

    def accept(invite):
        try:
            return invites.accept_invite(invite=invite, user=user)
        except NotFoundError:
            return None

    outcomes = at_once(accept, [made] * 4)

    assert sum(outcome is not None for outcome in outcomes) == 1
    assert acme.memberships.filter(user=user).count() == 1
