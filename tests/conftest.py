"""Two tenants for every test: acme, the test's own, and globex, which must see nothing."""

from __future__ import annotations

import hypothesis
import pytest
from django.conf import settings

from tests import factories
from tests.client import ApiClient

# The same examples in every run, however slow the machine is.
hypothesis.settings.register_profile("waybill", deadline=None, derandomize=True)
hypothesis.settings.load_profile("waybill")


def pytest_configure():
    """What is slow and not looked at: hashing passwords, and listing all static files."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture
def acme(db):
    return factories.make_org("Acme")


@pytest.fixture
def globex(db):
    return factories.make_org("Globex")


@pytest.fixture
def api(acme):
    """A client with a key of acme's owner; paths are below acme where they start with `~`."""
    return ApiClient(acme, factories.make_key(acme))


@pytest.fixture
def globex_api(globex):
    return ApiClient(globex, factories.make_key(globex))


@pytest.fixture
def private_networks(settings):
    """Destinations may point to loopback."""
    settings.ALLOW_PRIVATE_NETWORKS = True
