"""Organizations, people and keys in the admin."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.urls import reverse

from orgs.auth import find_caller
from orgs.models import ApiKey, AuditEntry, Membership, Organization, User
from tests import factories
from tests.routes import make_rows

PASSWORD = "correct horse battery staple"


def add_key(admin_client, org, **fields):
    member = org.memberships.get()
    data = {"member": member.pk, "description": "billing", "expires_at_0": "", "expires_at_1": ""}
    url = reverse("admin:orgs_apikey_add")
    return admin_client.post(url, data | fields, follow=True)


@pytest.mark.parametrize("model", admin.site._registry, ids=lambda model: model.__name__)
def test_every_list_opens(admin_client, acme, model):
    name = f"{model._meta.app_label}_{model._meta.model_name}"

    # Of some, the console has a list of its own.
    answer = admin_client.get(reverse(f"admin:{name}_changelist"), follow=True)
    assert answer.status_code == 200


def test_no_page_that_is_only_asked_for_changes_anything(admin_client, acme):
    make_rows(acme)
    newest = AuditEntry.objects.latest("pk").pk

    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        rows = model._default_manager.values_list("pk", flat=True)[:1]
        pages = [(way, [pk]) for pk in rows for way in ("change", "history", "delete")]
        for way, arguments in [("changelist", []), ("add", []), *pages]:
            answer = admin_client.get(reverse(f"{name}_{way}", args=arguments))
            assert answer.status_code in (200, 302, 403)

    assert not AuditEntry.objects.filter(pk__gt=newest)


def test_groups_have_no_page():
    assert not admin.site.is_registered(Group)


def test_nothing_is_deleted_in_bulk():
    assert "delete_selected" not in dict(admin.site.actions)


def test_the_admin_is_closed_to_those_who_are_neither_staff_nor_members(client, acme):
    client.force_login(factories.make_user("nobody@people.example"))

    assert client.get(reverse("admin:index")).status_code == 302


def test_logging_in_leads_to_the_first_page(client, db):
    User.objects.create_superuser("boss@example.com", PASSWORD)
    data = {"login": "boss@example.com", "password": PASSWORD}

    assert client.post(reverse("account_login"), data).url == reverse("admin:index")


def test_a_new_key_shows_its_secret_once(admin_client, acme):
    response = add_key(admin_client, acme)
    key = ApiKey.objects.get()
    secret = re.search(r'<code id="secret"[^>]*>(api_[^<]+)</code>', response.text).group(1)
    assert "no-store" in response["Cache-Control"]
    assert secret not in str(response.cookies)

    assert find_caller(secret).key_id == key.pk
    for name, args in (("changelist", []), ("change", [key.pk]), ("history", [key.pk])):
        page = admin_client.get(reverse(f"admin:orgs_apikey_{name}", args=args)).content.decode()
        assert secret not in page
        assert bytes(key.hash).hex() not in page


def test_a_key_belongs_to_its_members_organization(admin_client, acme, globex):
    add_key(admin_client, globex)

    assert ApiKey.objects.get().org == globex


def test_a_key_needs_a_description_that_says_something(admin_client, acme):
    response = add_key(admin_client, acme, description="x")

    assert "description" in response.context["adminform"].form.errors
    assert not ApiKey.objects.exists()


def test_a_key_cannot_be_changed(admin_client, acme):
    add_key(admin_client, acme)
    url = reverse("admin:orgs_apikey_change", args=[ApiKey.objects.get().pk])

    assert admin_client.post(url, {"description": "other"}).status_code == 403


def test_deleting_a_key_ends_it_softly(admin_client, acme):
    secret = factories.make_key(acme)
    key = ApiKey.objects.get()
    url = reverse("admin:orgs_apikey_delete", args=[key.pk])

    assert key.masked in admin_client.get(url).content.decode()
    assert admin_client.post(url).status_code == 302
    key.refresh_from_db()
    assert key.deleted_at is not None
    with pytest.raises(Exception, match="unknown, deleted or expired"):
        find_caller(secret)
    assert admin_client.post(url).status_code == 403


def test_a_key_that_is_not_there_cannot_be_deleted(admin_client, acme):
    url = reverse("admin:orgs_apikey_delete", args=[4711])

    assert admin_client.post(url, follow=True).redirect_chain


def test_a_user_is_added_with_the_email_in_lower_case(admin_client):
    data = {
        "email": "Bob@Example.com",
        "name": "Bob",
        "usable_password": "true",
        "password1": PASSWORD,
        "password2": PASSWORD,
    }
    admin_client.post(reverse("admin:orgs_user_add"), data)

    bob = User.objects.get(email="bob@example.com")
    assert bob.check_password(PASSWORD)
    # A superuser who gives the address vouches for it; other changes of theirs do not.
    assert bob.verified_email == "bob@example.com"
    User.objects.filter(pk=bob.pk).update(email_verified_at=None)
    change = reverse("admin:orgs_user_change", args=[bob.pk])
    admin_client.post(change, {"email": bob.email, "name": "Rob", "is_active": "on"})
    bob.refresh_from_db()
    assert (bob.name, bob.verified_email) == ("Rob", "")
    admin_client.post(change, {"email": "rob@example.com", "is_active": "on"})
    bob.refresh_from_db()
    assert (bob.email, bob.verified_email) == ("rob@example.com", "rob@example.com")


def test_a_users_page_shows_nothing_of_the_password(admin_client, acme):
    user = acme.memberships.get().user
    user.set_password(PASSWORD)
    user.save()
    page = admin_client.get(reverse("admin:orgs_user_change", args=[user.pk])).content.decode()

    assert reverse("admin:auth_user_password_change", args=[user.pk]) in page
    assert user.password.rpartition("$")[2][:6] not in page


def test_a_password_is_set_in_its_own_form(admin_client, acme):
    user = acme.memberships.get().user
    url = reverse("admin:auth_user_password_change", args=[user.pk])
    data = {"usable_password": "true", "password1": PASSWORD, "password2": PASSWORD}

    assert admin_client.get(url).status_code == 200
    admin_client.post(url, data)
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


def test_only_a_superuser_makes_superusers(client, acme):
    user = acme.memberships.get().user
    user.is_staff = True
    user.save()
    user.user_permissions.set(
        user.user_permissions.model.objects.filter(codename__in=["change_user", "view_user"])
    )
    client.force_login(user)
    url = reverse("admin:orgs_user_change", args=[user.pk])
    client.post(
        url, {"email": user.email, "name": "Alice", "is_active": "on", "is_superuser": "on"}
    )
    boss = User.objects.create_superuser("boss@example.com", PASSWORD)
    taken = client.post(
        reverse("admin:auth_user_password_change", args=[boss.pk]),
        {"password1": "x" * 20, "password2": "x" * 20},
    )

    user.refresh_from_db()
    assert (user.name, user.is_superuser) == ("Alice", False)
    assert taken.status_code == 403


def test_users_and_organizations_stay(admin_client, acme):
    user = acme.memberships.get().user
    for name, row in (("user", user), ("organization", acme)):
        url = reverse(f"admin:orgs_{name}_delete", args=[row.pk])
        assert admin_client.post(url, {"post": "yes"}).status_code == 403


def test_an_organization_is_renamed(admin_client, acme):
    before = acme.updated_at
    url = reverse("admin:orgs_organization_change", args=[acme.pk])
    days = {"payload_days": 30, "history_days": 90}
    admin_client.post(url, {"name": "Acme Ltd", "slug": "acme"} | days)

    acme = Organization.objects.get(pk=acme.pk)
    assert acme.name == "Acme Ltd"
    assert acme.updated_at >= before


def test_what_is_kept_for_less_time_is_asked_back_with_what_goes(admin_client, acme):
    url = reverse("admin:orgs_organization_change", args=[acme.pk])
    shorter = {"name": "Acme", "slug": "acme", "payload_days": 7, "history_days": 30}

    page = admin_client.post(url, shorter).content.decode()

    assert "shortens payloads of 30 to 7 days and finished actions of 90 to 30 days" in page
    assert "is deleted from the next minutes on, for good" in page
    acme.refresh_from_db()
    assert (acme.payload_days, acme.history_days) == (30, 90)
    assert admin_client.post(url, shorter | {"is_meant": "on"}).status_code == 302
    acme.refresh_from_db()
    assert (acme.payload_days, acme.history_days) == (7, 30)
    # To keep more, or as much, is not asked back.
    longer = shorter | {"payload_days": 8, "history_days": 30}
    assert admin_client.post(url, longer).status_code == 302


def test_a_membership_is_ticked(admin_client, acme, globex):
    user = acme.memberships.get().user
    data = {"org": globex.pk, "user": user.pk, "permissions": ["owner"]}
    admin_client.post(reverse("admin:orgs_membership_add"), data)

    assert Membership.objects.get(org=globex, user=user).permissions == ["owner"]
