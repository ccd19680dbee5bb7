"""What a login changes is changed by whoever logs in, also where that is only a page's GET."""

from __future__ import annotations

import pytest
from allauth.mfa.models import Authenticator
from django.core.management import call_command
from django.test import Client
from django.urls import URLResolver, reverse

from login.urls import urlpatterns
from orgs.audit import acting
from orgs.models import AuditEntry, CaptiveDomain, Membership, User
from tests import factories
from tests.login.browsing import PASSWORD, Browser, log_in


def made_since(newest):
    return AuditEntry.objects.filter(pk__gt=newest).order_by("pk")


@pytest.fixture
def captured(acme):
    return CaptiveDomain.objects.create(
        org=acme, domain="example.com", default_permissions=["viewer"], enabled=True
    )


@pytest.mark.django_db
def test_coming_back_from_a_provider_is_told_in_the_name_of_who_logs_in(provider, captured):
    ada = User.objects.create_user("ada@example.com", PASSWORD)
    Authenticator.objects.create(user=ada, type=Authenticator.Type.TOTP, data={"secret": "x"})
    provider.person["email"] = ada.email
    newest = AuditEntry.objects.latest("pk").pk

    log_in(Browser())

    made = made_since(newest)
    assert [(one.kind, one.event) for one in made] == [
        ("user", "updated"),
        ("second factor", "deleted"),
        ("user", "updated"),
        ("linked login", "created"),
        ("membership", "created"),
    ]
    assert {(one.actor, one.via, one.user_id, one.address, one.path) for one in made} == {
        (ada.email, "admin", ada.pk, "127.0.0.1", "GET /accounts/oidc/corp/login/callback/")
    }


@pytest.mark.django_db
def test_who_is_linked_already_joins_in_their_own_name(provider, boss, acme, captured):
    log_in(Browser())
    Membership.objects.filter(user=boss).delete()
    newest = AuditEntry.objects.latest("pk").pk

    log_in(Browser())

    (entry,) = made_since(newest)
    assert (entry.kind, entry.org_id, entry.actor) == ("membership", acme.pk, boss.email)


@pytest.mark.django_db
def test_after_coming_back_nobody_is_at_work(provider, boss):
    log_in(Browser())
    factories.make_org("Next")

    assert AuditEntry.objects.filter(kind="organization").latest("pk").via == "database"


def pages(patterns=urlpatterns):
    """The addresses of all pages of logging in that need no more than a provider's name."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from pages(pattern.url_patterns)
        elif pattern.name not in ("account_reset_password_from_key", "login_delete_key"):
            yield reverse(pattern.name, kwargs=dict.fromkeys(pattern.pattern.converters, "corp"))


def test_what_a_page_changes_that_is_only_looked_at_is_told_in_its_readers_name(
    provider, inside, boss, acme
):
    inside.enrol()
    token = factories.make_invite(acme, "new@example.com").token
    reset = reverse("account_reset_password_from_key", args=[boss.pk, "set-password"])
    found = [*pages(), reverse("open_invite", args=[token]), reset, reverse("admin:index")]
    newest = AuditEntry.objects.latest("pk").pk

    for browser in (inside, Client()):
        for page in found:
            answer = browser.get(page)
            assert answer.status_code < 500, page
            assert acting._current.get() is None

    assert len(found) > 20
    # That the recovery codes were seen.
    (entry,) = made_since(newest)
    assert (entry.kind, entry.actor) == ("second factor", boss.email)
    assert entry.path == "GET /accounts/2fa/recovery-codes/"


@pytest.mark.django_db
def test_a_command_that_takes_a_second_factor_away_is_its_users(boss, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "grace")
    Authenticator.objects.create(user=boss, type=Authenticator.Type.TOTP, data={"secret": "x"})
    with acting.at_the_command_line(["manage.py", "reset_mfa", boss.email]):
        call_command("reset_mfa", boss.email, verbosity=0)

    entry = AuditEntry.objects.filter(kind="second factor").latest("pk")
    assert (entry.actor, entry.via) == ("grace at the command line", "command")
    assert (entry.path, entry.event) == ("manage.py reset_mfa", "deleted")
