"""Members of an organization come in by the same door as staff, and by the same rules."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone

from orgs.models import Membership, User
from tests import factories
from tests.login.browsing import PASSWORD, Browser, code_of

ADMIN = reverse("admin:index")
EMAIL = "grace@acme.example"
DESTINATIONS = reverse("admin:destinations_destination_changelist")


@pytest.fixture
def grace(acme):
    """A viewer of acme with a password."""
    return factories.make_member(acme, "viewer", email=EMAIL, password=PASSWORD)


def test_a_member_logs_in_and_is_inside(grace, browser, webhook):
    assert browser.log_in(EMAIL).url == ADMIN
    assert browser.is_inside
    assert webhook.label in browser.get(DESTINATIONS).text


def test_a_login_leads_a_member_to_where_they_were_going(grace, browser):
    asked = browser.get(DESTINATIONS)
    assert asked.url.startswith(reverse("admin:login"))
    data = {"login": EMAIL, "password": PASSWORD, "next": DESTINATIONS}

    assert browser.send("account_login", data).url == DESTINATIONS


def test_what_is_for_staff_alone_sends_a_member_round_in_no_circles(grace, browser):
    browser.log_in(EMAIL)

    assert browser.get(reverse("admin:orgs_user_changelist")).status_code == 403


@pytest.mark.parametrize("gone", ["member", "organization", "user"])
def test_who_is_no_member_any_more_is_outside_at_once(grace, browser, acme, gone):
    browser.log_in(EMAIL)
    now = timezone.now()
    if gone == "member":
        Membership.objects.filter(pk=grace.pk).update(deleted_at=now)
    elif gone == "organization":
        type(acme).objects.filter(pk=acme.pk).update(deleted_at=now)
    else:
        User.objects.filter(pk=grace.user_id).update(is_active=False)

    assert not browser.is_inside
    assert browser.get(DESTINATIONS).status_code == 302


def test_a_second_factor_is_required_of_members_too(grace, browser, settings):
    settings.REQUIRE_MFA = True
    browser.log_in(EMAIL)
    asked = browser.get(DESTINATIONS)
    assert asked.url.startswith(reverse("mfa_activate_totp"))
    assert browser.post(DESTINATIONS, {}).url.startswith(reverse("mfa_activate_totp"))

    secret = browser.enrol(step=-1)

    assert browser.is_inside
    # Nobody takes it off again.
    browser.send("mfa_deactivate_totp")
    other = Browser()
    assert other.log_in(EMAIL).url == reverse("mfa_authenticate")
    assert not other.is_inside
    other.send("mfa_authenticate", {"code": code_of(secret)})
    assert other.is_inside


def test_who_is_outside_all_the_same_is_asked_for_none(browser, settings):
    settings.REQUIRE_MFA = True
    factories.make_user("nobody@people.example", password=PASSWORD)
    browser.log_in("nobody@people.example")

    answer = browser.get(ADMIN, follow=True)

    assert answer.status_code == 403
    assert "a member of no organization" in answer.text
