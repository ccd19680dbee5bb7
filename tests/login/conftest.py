"""People who log in, and the browsers they do it with."""

from __future__ import annotations

import time

import pytest
from django.test import Client

from orgs.models import User
from tests.login.browsing import PASSWORD, Browser
from tests.login.oidc_server import CLIENT_ID, CLIENT_SECRET, OidcServer


@pytest.fixture
def boss(db):
    """An operator with a password."""
    return User.objects.create_superuser("boss@example.com", PASSWORD, name="Boss")


@pytest.fixture
def browser(db):
    return Browser()


@pytest.fixture
def inside(boss, browser):
    """A browser in which the boss is logged in by their password."""
    browser.log_in()
    return browser


@pytest.fixture
def strict(db):
    """A client that has to bring the token against cross-site requests."""
    return Client(enforce_csrf_checks=True)


@pytest.fixture
def mail(settings):
    """Mail is sent, to where `mailoutbox` keeps it."""
    settings.HAS_MAIL = True


@pytest.fixture
def provider(settings):
    """A provider of OpenID Connect, by whom one logs in."""
    server = OidcServer()
    app = {
        "provider_id": "corp",
        "name": "Corp",
        "client_id": CLIENT_ID,
        "secret": CLIENT_SECRET,
        "settings": {"server_url": server.issuer},
    }
    settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [app]}}
    yield server
    server.close()


class Clock:
    """A clock that can be put forward, as the pages of logging in see it."""

    def __init__(self):
        self.ahead = 0

    def forward(self, seconds):
        self.ahead += seconds


@pytest.fixture
def clock(monkeypatch):
    clock, now = Clock(), time.time
    monkeypatch.setattr(time, "time", lambda: now() + clock.ahead)
    return clock
