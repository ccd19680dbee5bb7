"""The page of one's own API keys: who is shown what, once, and who ends which."""

from __future__ import annotations

import pytest
from django.urls import reverse

from orgs import services
from orgs.models import ApiKey, AuditEntry, Membership, User
from tests import factories
from tests.client import ApiClient
from tests.login.browsing import PASSWORD, Browser, secret_in
from tests.stored import everything_stored

HERE = reverse("login_keys")


@pytest.fixture
def grace(acme):
    """A viewer of acme."""
    user = User.objects.create_user("grace@example.com", PASSWORD)
    return acme.memberships.create(user=user, permissions=["viewer"])


@pytest.fixture
def page(grace, browser):
    """Grace's browser, logged in."""
    browser.log_in("grace@example.com")
    return browser


def make(browser, member, description="laptop", **more):
    return browser.post(HERE, {"member": member.pk, "description": description} | more)


def test_a_newcomer_makes_a_first_key_which_is_shown_once(acme, grace, page):
    assert "You have no key here." in page.get(HERE).text

    answer = make(page, grace)

    material = secret_in(answer)
    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    assert f"Acme (organization {acme.pk})" in " ".join(answer.text.split())
    assert "may do what you may there: viewer." in " ".join(answer.text.split())
    key = ApiKey.objects.get()
    assert (key.member, key.description, key.permissions) == (grace, "laptop", None)
    shown = page.get(HERE).text
    assert key.masked in shown
    assert material not in shown
    assert material not in str(everything_stored()) + str(dict(page.session))
    # It opens what grace may see, and no more.
    api = ApiClient(acme, material)
    assert api.data(api.get("/v1/self"))["email"] == "grace@example.com"
    assert api.get("~/keys").status_code == 403


def test_the_audit_tells_who_made_it(acme, grace, page):
    make(page, grace)

    entry = AuditEntry.objects.filter(kind="api key").latest("id")
    assert (entry.actor, entry.via, entry.user_id) == ("grace@example.com", "admin", grace.user_id)
    assert entry.org_id == acme.pk


def test_the_way_there_is_on_every_page(acme, grace, browser):
    assert browser.log_in("grace@example.com").url == reverse("admin:index")
    assert HERE in browser.get(reverse("admin:index")).text


@pytest.mark.parametrize("description", ["", "x", "x" * 51, "la\0ptop"])
def test_a_key_is_described(grace, page, description):
    answer = make(page, grace, description)

    assert "wrong-text" in answer.text
    assert not ApiKey.objects.exists()


def test_nobody_makes_a_key_where_they_are_no_member(globex, grace, page):
    left = globex.memberships.create(
        user=grace.user, permissions=["admin"], deleted_at=globex.created_at
    )
    colleague = grace.org.memberships.first()

    for member in (globex.memberships.first(), colleague, left):
        answer = make(page, member)
        assert "wrong-text" in answer.text
        assert member.org.name == "Acme" or member.org.name not in answer.text
    assert not ApiKey.objects.exists()


def test_nobody_gives_themselves_more(grace, page):
    make(page, grace, permissions="owner", variants="count", org="1", material="api_" + "0" * 40)

    key = ApiKey.objects.get()
    assert (key.permissions, key.variants, key.org) == (None, None, grace.org)
    grace.refresh_from_db()
    assert grace.permissions == ["viewer"]


def test_who_is_removed_meanwhile_is_told_so(globex, grace, page, monkeypatch):
    globex.memberships.create(user=grace.user, permissions=["viewer"])

    def remove_first(**asked):
        Membership.objects.filter(pk=grace.pk).update(deleted_at=grace.created_at)
        return create(**asked)

    create = services.create_key
    monkeypatch.setattr(services, "create_key", remove_first)

    assert f"There is no member {grace.user_id}" in make(page, grace).text
    assert not ApiKey.objects.exists()


def test_an_own_key_is_deleted_and_stops_at_once(acme, grace, page):
    material = secret_in(make(page, grace))
    key = ApiKey.objects.get()

    answer = page.post(reverse("login_delete_key", args=[key.pk]), follow=True)

    assert f"The key {key} is deleted." in answer.text
    assert reverse("login_delete_key", args=[key.pk]) not in answer.text
    assert ApiClient(acme, material).get("/v1/self").status_code == 401
    assert page.post(reverse("login_delete_key", args=[key.pk])).status_code == 404


def test_nobody_deletes_the_key_of_somebody_else(acme, globex, grace, page):
    for org in (acme, globex):
        factories.make_key(org)

    for key_id in (*ApiKey.objects.values_list("pk", flat=True), 10**15):
        assert page.post(reverse("login_delete_key", args=[key_id])).status_code == 404
    assert ApiKey.objects.live().count() == 2
    assert "test key" not in page.get(HERE).text


def test_without_a_login_there_is_nothing(grace, browser):
    factories.make_key(grace.org, member=grace)
    delete = reverse("login_delete_key", args=[ApiKey.objects.get().pk])

    for answer in (browser.get(HERE), make(browser, grace), browser.post(delete)):
        assert answer.url.startswith(reverse("account_login"))
    assert ApiKey.objects.live().count() == 1


def test_another_site_makes_and_deletes_none_for_me(grace, strict):
    factories.make_key(grace.org, member=grace)
    strict.force_login(grace.user)
    delete = reverse("login_delete_key", args=[ApiKey.objects.get().pk])

    assert make(strict, grace).status_code == strict.post(delete).status_code == 403
    assert strict.get(delete).status_code == 405
    assert ApiKey.objects.live().count() == 1
    assert strict.get(HERE)["X-Frame-Options"] == "DENY"


def test_what_others_have_written_is_shown_as_text(globex, grace, page):
    grace.org.name = "<script>alert(1)</script>"
    grace.org.save()
    answer = make(page, grace, "<img src=x>")

    assert "<script>alert" not in answer.text
    assert "<img src=x>" not in answer.text


def test_who_is_a_member_of_nothing_is_told_so(db, browser):
    User.objects.create_user("lone@example.com", PASSWORD)
    browser.log_in("lone@example.com")

    assert "member of no organization" in browser.get(HERE).text


def test_keys_are_made_so_many_a_minute(grace, page, settings):
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"keys": "2/m/user"}

    answers = [make(page, grace).status_code for _ in range(3)]

    assert answers == [200, 200, 429]
    assert ApiKey.objects.count() == 2
    assert Browser().get(HERE).status_code == 302
