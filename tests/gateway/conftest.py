"""A tenant with a signing key and a receiver, and a client with a token."""

from __future__ import annotations

import pytest

from tests import factories
from tests.destinations.hook import Hook
from tests.gateway.client import Gateway

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def hook():
    with Hook() as hook:
        yield hook


@pytest.fixture
def signing_key(acme):
    return factories.make_signing_key(acme, KEY)


@pytest.fixture
def gateway(acme, signing_key, private_networks):
    """A client with a token of acme's owner."""
    return Gateway(factories.make_key(acme))


@pytest.fixture
def action(gateway, hook):
    """The registered action `send_note`, as the gateway shows it."""
    return gateway.made(hook.url)
