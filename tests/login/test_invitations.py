"""The pages of an invitation: by whom it is accepted, and that its token stays out of sight."""

from __future__ import annotations

import logging
import re

import pytest
from django.db.models.functions import Now
from django.urls import reverse

from orgs import invites
from orgs.models import CaptiveDomain, Invite, Membership, User
from tests import factories
from tests.client import ApiClient
from tests.dispatch.concurrency import at_once
from tests.login.browsing import PASSWORD, Browser, log_in

NEW = {"name": "Grace", "password1": "a whole new battery", "password2": "a whole new battery"}
HERE = reverse("login_invite")


@pytest.fixture
def token(acme):
    return invite(acme)


def invite(org, email="grace@example.com"):
    made = invites.invite(
        org_id=org.pk,
        invitee=invites.read_invitee(email),
        given=["operator"],
        by=None,
        held=["owner"],
    )
    return made.token


def follow(browser, token):
    return browser.get(f"/invites/{token}", follow=True)


def text_of(answer):
    return answer.content.decode()


def test_a_newcomer_chooses_a_password_and_has_joined(acme, token, browser):
    assert "Invitation to Acme" in text_of(follow(browser, token))

    answer = browser.post(HERE, NEW)

    assert "You are a member of Acme now" in text_of(answer)
    user = User.objects.get(email="grace@example.com")
    assert (user.name, user.is_staff, user.check_password(NEW["password1"])) == (
        "Grace",
        False,
        True,
    )
    assert Membership.objects.get(user=user).permissions == ["operator"]
    # Who invited had the link as well: it shows nothing about the address.
    assert user.email_verified_at is None
    assert reverse("login_keys") in text_of(answer)
    # And is logged in, in a session of their own.
    assert browser.get(reverse("mfa_index")).status_code == 200


def test_a_user_logs_in_and_joins(acme, token, browser):
    user = User.objects.create_user("grace@example.com", PASSWORD)
    assert "Do you log in with this address already?" in text_of(follow(browser, token))
    # Nobody sets a password for somebody who has one.
    assert "Log in, and then join." in text_of(browser.post(HERE, NEW))
    assert not Membership.objects.filter(user=user).exists()

    answer = browser.post(
        reverse("account_login"), {"login": user.email, "password": PASSWORD, "next": HERE}
    )
    assert answer.url == HERE
    assert "Join Acme" in text_of(browser.get(HERE))
    assert "You are a member of Acme now" in text_of(browser.post(HERE))
    assert user.memberships.get().org == acme
    assert User.objects.get(pk=user.pk).check_password(PASSWORD)


@pytest.mark.parametrize("form", [None, {}, NEW | {"password2": "another"}, NEW | {"name": ""}])
def test_the_page_does_not_tell_who_has_a_login(acme, token, browser, form):
    def see():
        answer = follow(browser, token) if form is None else browser.post(HERE, form)
        return re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", text_of(answer))

    follow(browser, token)
    unknown = see()
    User.objects.create_user("grace@example.com", PASSWORD)

    assert see() == unknown


def test_who_has_made_a_login_with_an_address_of_others_gets_none_of_their_invites(
    acme, globex, token, browser
):
    follow(browser, token)
    browser.post(HERE, NEW)
    member = Membership.objects.get(user__email="grace@example.com")
    squatter = ApiClient(acme, factories.make_key(acme, member=member))
    theirs = factories.make_invite(globex, "grace@example.com").invite

    assert squatter.data(squatter.get("/v1/self/invites"))["count"] == 0
    assert squatter.post(f"/v1/self/invites/{theirs.pk}/accept").status_code == 404
    browser.post(HERE)
    assert not globex.memberships.filter(user=member.user).exists()


@pytest.mark.parametrize("spoil", ["member", "maker"])
def test_an_invitation_that_would_change_a_membership_or_nobody_stands_for_is_void(
    acme, browser, spoil
):
    user = User.objects.create_user("grace@example.com", PASSWORD)
    browser.log_in(user.email)
    follow(browser, factories.make_invite(acme, user.email, "admin").token)
    if spoil == "member":
        acme.memberships.create(user=user, permissions=["viewer"])
    else:
        acme.memberships.update(permissions=["editor"])

    assert browser.post(HERE).status_code == 404
    assert not acme.memberships.filter(user=user, permissions=["admin"]).exists()


def test_somebody_else_does_not_join(acme, token, inside, boss):
    assert "you are logged in as boss@example.com" in text_of(follow(inside, token))

    inside.post(HERE, NEW)

    assert not boss.memberships.exists()
    assert not User.objects.filter(email="grace@example.com").exists()


def test_an_invitation_is_accepted_once(acme, token, browser):
    follow(browser, token)
    other = Browser()
    follow(other, token)
    browser.post(HERE, NEW)

    for late in (other.post(HERE, NEW), follow(Browser(), token), browser.post(HERE, NEW)):
        assert late.status_code == 404
        assert "This invitation is no more" in text_of(late)
    assert User.objects.filter(email="grace@example.com").count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_many_windows_one_accepts(acme, token):
    windows = [Browser() for _ in range(4)]
    for window in windows:
        follow(window, token)

    answers = at_once(lambda window: window.post(HERE, NEW).status_code, windows)

    assert sorted(answers)[0] == 200
    assert set(answers) <= {200, 404}
    assert Membership.objects.filter(user__email="grace@example.com").count() == 1


@pytest.mark.parametrize("column", ["deleted_at", "expires_at"])
def test_an_invitation_that_ends_while_one_looks_at_it_is_void(acme, token, browser, column):
    follow(browser, token)
    Invite.objects.update(**{column: Now()})

    for answer in (browser.get(HERE), browser.post(HERE, NEW), follow(Browser(), token)):
        assert answer.status_code == 404
    assert not User.objects.filter(email="grace@example.com").exists()


@pytest.mark.parametrize("wrong", ["x", "inv_", "\0", "inv_" + "x" * 5_000, "ü", "%00"])
def test_a_made_up_token_opens_nothing(acme, token, browser, wrong):
    answer = browser.get(f"/invites/{wrong}")

    assert answer.status_code == 404
    assert "Acme" not in text_of(answer)
    assert browser.get(HERE).status_code == 404


def test_the_token_is_in_no_page_referrer_session_or_log(acme, token, browser, caplog):
    caplog.set_level(logging.DEBUG)
    entrance = browser.get(f"/invites/{token}")

    assert entrance["Referrer-Policy"] == "no-referrer"
    assert entrance.url == HERE
    assert "no-store" in entrance["Cache-Control"]
    assert token not in str(dict(browser.session))
    assert token not in text_of(browser.get(HERE)) + text_of(browser.post(HERE, {}))
    assert token not in caplog.text


def test_looking_at_a_link_uses_nothing_up(acme, token, browser):
    """Programs that read mail follow links."""
    for method in (browser.head, browser.get, browser.get):
        assert method(f"/invites/{token}").status_code == 302
    assert browser.post(f"/invites/{token}").status_code == 405


def test_a_new_invitation_voids_the_one_before(acme, token, browser):
    follow(browser, token)
    invite(acme)

    assert browser.post(HERE, NEW).status_code == 404


@pytest.mark.parametrize(
    "change",
    [
        {"password2": "another"},
        {"password1": "12345678", "password2": "12345678"},
        {"password1": "grace@example.com", "password2": "grace@example.com"},
        {"name": ""},
        {"name": "x" * 300},
        {"name": "\0"},
    ],
    ids=str,
)
def test_what_a_newcomer_tells_has_to_make_sense(acme, token, browser, change):
    follow(browser, token)

    answer = browser.post(HERE, NEW | change)

    assert answer.status_code == 200
    assert "wrong-text" in text_of(answer)
    assert not User.objects.filter(email="grace@example.com").exists()


def test_nobody_gives_themselves_more(acme, token, browser):
    follow(browser, token)
    more = {"is_staff": "on", "is_superuser": "on", "email": "boss@example.com", "org": "1"}
    browser.post(HERE, NEW | more)

    user = User.objects.get(email="grace@example.com")
    assert not user.is_staff
    assert not user.is_superuser


def test_another_site_cannot_join_for_me(acme, token, strict):
    strict.get(f"/invites/{token}")

    assert strict.post(HERE, NEW).status_code == 403
    assert strict.get(HERE)["X-Frame-Options"] == "DENY"


# --- captured domains ----------------------------------------------------------------------------


@pytest.fixture
def captured(globex):
    return CaptiveDomain.objects.create(
        org=globex, domain="example.com", default_permissions=["viewer"], enabled=True
    )


@pytest.mark.parametrize("times", [1, 2])
def test_a_provider_that_verified_the_address_brings_into_the_domains_organization(
    provider, boss, captured, times
):
    for _ in range(times):
        log_in(Browser())

    assert [member.permissions for member in boss.memberships.all()] == [["viewer"]]


def test_who_is_linked_already_joins_once_the_domain_is_captured(provider, boss, globex):
    log_in(Browser())
    assert not boss.memberships.exists()

    CaptiveDomain.objects.create(
        org=globex, domain="example.com", default_permissions=["viewer"], enabled=True
    )
    log_in(Browser())
    assert boss.memberships.get().org == globex


def test_an_address_that_is_not_verified_brings_in_nobody(provider, boss, captured, browser):
    provider.person["email_verified"] = False
    log_in(browser)
    browser.log_in()

    assert not boss.memberships.exists()
