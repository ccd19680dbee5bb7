"""Memberships, invites, captive domains and the limits of keys in the admin."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Permission
from django.db.models.functions import Now
from django.urls import reverse

from orgs import invites, people
from orgs.models import ApiKey, CaptiveDomain, Invite, Membership, User
from tests import factories
from tests.stored import everything_stored

WAYS = ("change", "delete")


def url(name, *args):
    return reverse(f"admin:orgs_{name}", args=args)


def errors_of(response):
    return response.context["adminform"].form.errors


def told(response):
    return [str(message) for message in response.context["messages"]]


@pytest.fixture
def owner(acme):
    return acme.memberships.get()


def test_a_member_is_let_in_changed_and_removed(admin_client, acme, globex, owner):
    data = {"org": globex.pk, "user": owner.user_id, "permissions": ["editor", "operator"]}
    admin_client.post(url("membership_add"), data)
    member = Membership.objects.get(org=globex, user=owner.user)
    assert member.permissions == ["editor", "operator"]
    material = factories.make_key(globex, member=member)

    changed = admin_client.post(
        url("membership_change", member.pk), {"permissions": ["admin"], "org": acme.pk}
    )
    assert changed.status_code == 302
    member.refresh_from_db()
    assert (member.permissions, member.org) == (["admin"], globex)

    assert "keys stop at once" in admin_client.get(url("membership_delete", member.pk)).text
    admin_client.post(url("membership_delete", member.pk))
    member.refresh_from_db()
    assert member.deleted_at
    assert ApiKey.objects.get(prefix=material[:12]).deleted_at
    # A window from now on.
    page = url("membership_change", member.pk)
    assert admin_client.post(page, {"permissions": ["owner"]}).status_code == 403
    assert admin_client.get(page).status_code == 200


def test_the_last_owner_stays_in_the_admin_too(admin_client, owner):
    page = url("membership_change", owner.pk)

    demoted = admin_client.post(page, {"permissions": ["viewer"]})
    removed = admin_client.post(url("membership_delete", owner.pk))

    assert "without an owner" in str(errors_of(demoted))
    assert "without an owner" in removed.text
    assert 'name="force"' not in removed.text
    owner.refresh_from_db()
    assert (owner.permissions, owner.deleted_at) == (["owner"], None)


def test_nobody_is_let_in_without_a_permission(admin_client, globex, owner):
    response = admin_client.post(url("membership_add"), {"org": globex.pk, "user": owner.user_id})

    assert "permissions" in errors_of(response)


def test_who_has_left_cannot_be_chosen_for_a_key(admin_client, acme, owner):
    gone = factories.make_member(acme, email="gone@acme.example")
    people.remove_member(member=gone, held=["owner"], actor="tests")
    fields = {"app_label": "orgs", "model_name": "apikey", "field_name": "member"}

    found = admin_client.get(reverse("admin:autocomplete"), fields | {"term": "acme"}).json()

    assert [one["id"] for one in found["results"]] == [str(owner.pk)]
    everybody = admin_client.get(url("membership_changelist") + "?state=all")
    assert "gone@acme.example" in everybody.text
    assert "gone@acme.example" not in admin_client.get(url("membership_changelist")).text


def test_an_invite_shows_its_token_once(admin_client, acme):
    data = {"org": acme.pk, "identifier": "Bob@people.example", "init_permissions": ["editor"]}

    response = admin_client.post(url("invite_add"), data)

    invite = Invite.objects.get()
    assert (invite.email, invite.init_permissions) == ("bob@people.example", ["editor"])
    token = re.search(r"/invites/(inv_[^<]+)</code>", response.text).group(1)
    assert "no-store" in response["Cache-Control"]
    assert token not in str(response.cookies)
    assert invites.find_by_token(token) == invite
    for name, args in (("invite_changelist", []), ("invite_change", [invite.pk])):
        page = admin_client.get(url(name, *args)).text
        assert "bob@people.example" in page
        assert token not in page
    assert admin_client.post(url("invite_change", invite.pk), data).status_code == 403


def test_a_user_is_invited_by_id_and_no_token_is_shown(admin_client, acme, globex):
    user = globex.memberships.get().user
    data = {"org": acme.pk, "identifier": str(user.pk), "init_permissions": ["viewer"]}

    response = admin_client.post(url("invite_add"), data, follow=True)

    assert not any("shown" in message for message in told(response))
    assert "/invites/" not in response.text.replace("/admin/", "")
    assert user.email in admin_client.get(url("invite_changelist")).text


@pytest.mark.parametrize(
    ("identifier", "reason"),
    [
        ("nonsense", "email address"),
        ("999999", "no user"),
        ("9" * 30, "no user"),
        ("0", "no user"),
        ("owner@acme.example", "an owner"),
    ],
)
def test_an_invite_that_cannot_be_is_refused_where_it_is_wrong(
    admin_client, acme, owner, identifier, reason
):
    data = {"org": acme.pk, "identifier": identifier, "init_permissions": ["viewer"]}

    response = admin_client.post(url("invite_add"), data)

    assert reason in str(errors_of(response))
    owner.refresh_from_db()
    assert owner.permissions == ["owner"]


def test_an_invite_that_somebody_has_made_for_nobody_is_shown(admin_client, acme):
    made = factories.make_invite(acme, 999_999).invite

    for name, args in (("invite_changelist", []), ("invite_change", [made.pk])):
        assert "user 999999" in admin_client.get(url(name, *args)).text
    admin_client.post(url("invite_delete", made.pk))
    assert not Invite.objects.of_org(acme.pk).exists()


def test_who_is_a_member_is_not_let_in_once_more(admin_client, acme):
    bob = factories.make_member(acme, "viewer")
    data = {"org": acme.pk, "user": bob.user_id, "permissions": ["admin"]}

    response = admin_client.post(url("membership_add"), data)

    assert "a member already" in str(errors_of(response)["user"])
    bob.refresh_from_db()
    assert bob.permissions == ["viewer"]


def test_a_member_who_is_invited_keeps_what_they_have(admin_client, acme):
    bob = factories.make_member(acme, "admin", email="bob@acme.example")
    data = {"org": acme.pk, "identifier": bob.user.email, "init_permissions": ["viewer"]}

    response = admin_client.post(url("invite_add"), data)

    assert "a member already" in str(errors_of(response)["identifier"])
    bob.refresh_from_db()
    assert bob.permissions == ["admin"]


def test_invites_show_their_state_and_are_revoked(admin_client, acme):
    made = {
        name: factories.make_invite(acme, f"{name}@people.example").invite
        for name in ("open", "expired", "accepted", "revoked")
    }
    Invite.objects.filter(pk=made["expired"].pk).update(expires_at=Now())
    Invite.objects.filter(pk=made["accepted"].pk).update(accepted_at=Now())
    admin_client.post(url("invite_delete", made["revoked"].pk))

    for name, invite in made.items():
        page = admin_client.get(url("invite_change", invite.pk)).text
        assert f">{name}<" in page.replace("\n", "").replace(" ", "")
    assert Invite.objects.get(pk=made["revoked"].pk).deleted_at


def test_a_superuser_captures_any_domain_but_the_open_ones(admin_client, acme):
    data = {
        "org": acme.pk,
        "domain": "Acme.example.com",
        "github_org": "",
        "default_permissions": ["viewer"],
        "enabled": "on",
    }
    admin_client.post(url("captivedomain_add"), data)
    row = CaptiveDomain.objects.get()
    assert (row.domain, row.enabled) == ("acme.example.com", True)

    page = url("captivedomain_change", row.pk)
    refused = admin_client.post(page, data | {"domain": "gmail.com"})
    assert "Anybody can have an address" in str(errors_of(refused)["domain"])
    admin_client.post(page, data | {"domain": "", "enabled": ""})
    row.refresh_from_db()
    assert (row.domain, row.enabled) == (None, False)
    assert admin_client.get(url("captivedomain_changelist")).status_code == 200
    assert admin_client.post(url("captivedomain_delete", row.pk)).status_code == 403


def test_a_key_is_made_with_limits(admin_client, owner):
    data = {
        "member": owner.pk,
        "description": "device",
        "permissions": ["operator"],
        "variants": " count \n\ntally\ncount",
    }
    admin_client.post(url("apikey_add"), data)

    key = ApiKey.objects.get()
    assert (key.permissions, key.variants) == (["operator"], ["count", "tally"])
    page = admin_client.get(url("apikey_change", key.pk)).text
    assert "count, tally" in page
    assert "operator" in page


def test_a_key_without_limits_says_so(admin_client, owner):
    admin_client.post(url("apikey_add"), {"member": owner.pk, "description": "whole"})

    key = ApiKey.objects.get()
    assert (key.permissions, key.variants) == (None, None)
    page = admin_client.get(url("apikey_change", key.pk)).text
    assert "those of its member" in page
    assert "not bound to any" in page


def test_nobody_makes_a_key_that_may_more_than_its_member(admin_client, acme):
    bob = factories.make_member(acme, "viewer")
    data = {"member": bob.pk, "description": "high", "permissions": ["admin"]}

    response = admin_client.post(url("apikey_add"), data)

    assert "without having it" in str(errors_of(response)["permissions"])
    assert not ApiKey.objects.exists()


def test_staff_without_the_right_sees_and_changes_nothing(client, acme, owner):
    user = User.objects.create_user("staff@people.example", is_staff=True)
    client.force_login(user)

    for name in ("membership", "invite", "captivedomain"):
        assert client.get(url(f"{name}_changelist")).status_code == 403
        assert client.post(url(f"{name}_add"), {"org": acme.pk}).status_code == 403


@pytest.fixture
def staff(client):
    """Somebody who may do everything in the admin, by its permissions, and is no superuser."""
    user = User.objects.create_user("staff@people.example", is_staff=True)
    user.user_permissions.set(Permission.objects.all())
    client.force_login(user)
    return user


def test_only_a_superuser_gives_away_what_opens_an_organization(client, acme, globex, owner, staff):
    invite = factories.make_invite(acme, "bob@example.com").invite
    key = ApiKey.objects.get(prefix=factories.make_key(acme)[:12])
    domain = CaptiveDomain.objects.create(
        org=acme, domain="acme.example", default_permissions=["viewer"]
    )
    before = everything_stored()

    mine = {"org": globex.pk, "user": staff.pk, "member": owner.pk, "identifier": staff.email}
    data = mine | {"permissions": ["owner"], "init_permissions": ["owner"], "description": "mine"}
    captured = {"domain": "people.example", "default_permissions": ["owner"], "enabled": "on"}
    rows = {"membership": owner, "invite": invite, "apikey": key, "captivedomain": domain}
    for name, row in rows.items():
        for page in (url(f"{name}_add"), *(url(f"{name}_{way}", row.pk) for way in WAYS)):
            assert client.post(page, data | captured).status_code == 403, page
        assert client.get(url(f"{name}_changelist")).status_code == 200
        assert client.get(url(f"{name}_change", row.pk)).status_code == 200

    assert everything_stored() == before


def test_only_a_superuser_becomes_somebody_elses_login(client, owner, staff):
    colleague = User.objects.create_user("other@people.example", "a password", is_staff=True)
    stored = dict(User.objects.values_list("pk", "password"))
    mine = {"password1": "correct horse battery", "password2": "correct horse battery"}
    for user in (colleague, owner.user, staff):
        page = reverse("admin:auth_user_password_change", args=[user.pk])
        assert client.get(page).status_code == 403
        assert client.post(page, mine | {"usable_password": "true"}).status_code == 403
        assert page not in client.get(url("user_change", user.pk)).content.decode()
    assert dict(User.objects.values_list("pk", "password")) == stored
    for user in (colleague, owner.user, staff):
        client.post(
            url("user_change", user.pk),
            {"email": "me@evil.example", "name": "Renamed", "is_active": "on"},
        )

    names = dict(User.objects.values_list("email", "name"))
    assert names == {
        colleague.email: colleague.name, owner.user.email: "Renamed", staff.email: "Renamed"
    }  # fmt: skip
    colleague.refresh_from_db()
    assert colleague.check_password("a password")


@pytest.mark.django_db
def test_staff_who_make_a_user_do_not_vouch_for_the_address(client, staff):
    chosen = {"usable_password": "true", "password1": "correct horse", "password2": "correct horse"}
    client.post(url("user_add"), {"email": "new@people.example", "name": "New"} | chosen)

    made = User.objects.get(email="new@people.example")
    assert made.email_verified_at is None
