"""What a person does with a browser, without the browser."""

from __future__ import annotations

import html
import re
import time
from urllib.parse import urlsplit

import requests
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value
from django.conf import settings
from django.test import Client
from django.urls import reverse

PASSWORD = "correct horse battery staple"
WRONG = "incorrect horse battery staple"
START = reverse("openid_connect_login", args=["corp"])


class Browser(Client):
    """A client that knows the pages of logging in."""

    def send(self, name, data=None, **options):
        """Post to a page by its name."""
        return self.post(reverse(name), data or {}, **options)

    def log_in(self, email="boss@example.com", password=PASSWORD, **options):
        return self.send("account_login", {"login": email, "password": password}, **options)

    @property
    def is_inside(self):
        """Whether the admin opens."""
        return self.get(reverse("admin:index")).status_code == 200

    @property
    def session_cookie(self):
        return self.cookies[settings.SESSION_COOKIE_NAME]

    def confirm(self, password=PASSWORD):
        """Say once more who one is."""
        return self.send("account_reauthenticate", {"password": password})

    def enrol(self, step=0):
        """Get a second factor, with the code of this step from now; its key."""
        self.confirm()
        page = self.get(reverse("mfa_activate_totp")).content.decode()
        secret = re.search(r'value="([A-Z2-7]{32})"', page).group(1)
        answer = self.send("mfa_activate_totp", {"code": code_of(secret, step)})
        assert answer.status_code == 302, answer.content.decode()
        return secret


def secret_in(answer):
    """The API key that a page shows."""
    return re.search(r"api_[0-9a-f]{40}", answer.text).group()


def code_of(secret, step=0):
    """The one-time code of so many steps from now."""
    return format_hotp_value(hotp_value(secret, int(time.time()) // 30 + step))


def factor_of(user, kind=Authenticator.Type.TOTP):
    return Authenticator.objects.get(user=user, type=kind)


def leave(browser, **query):
    """The provider's address that the page leads to."""
    page = browser.post(START, query_params=query).content.decode()
    return html.unescape(re.search(r'content="0;url=([^"]+)"', page).group(1))


def come_back(address):
    """The path that the provider sends the browser to."""
    there = requests.get(address, allow_redirects=False, timeout=5)
    back = urlsplit(there.headers["Location"])
    return f"{back.path}?{back.query}"


def log_in(browser, **query):
    """What the provider's login leads to."""
    return browser.get(come_back(leave(browser, **query)))
