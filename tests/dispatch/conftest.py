"""What most tests of actions start from, and what the dispatcher's tests run beside themselves."""

from __future__ import annotations

import pytest

from tests import factories
from tests.dispatch.background import Background, Receiver


@pytest.fixture(autouse=True)
def _no_static_files(settings):
    """Every new client would look for them anew, which takes longer than most of these tests."""
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "WhiteNoise" not in name]


@pytest.fixture
def webhook(acme):
    return factories.make_destination(acme)


@pytest.fixture
def definition(acme, webhook):
    """The variant `count`, which wants `{"n": integer}` and goes to a webhook."""
    return factories.make_definition(acme, to=webhook)


@pytest.fixture
def record(acme, definition):
    """An accepted action that nobody has claimed."""
    return factories.make_record(acme)


@pytest.fixture
def background():
    with Background() as running:
        yield running


@pytest.fixture
def receiver(background):
    """A real HTTP server; its `url` is where destinations point to."""
    server = Receiver()
    background.run(server.start())
    yield server
    background.run(server.stop())


@pytest.fixture
def start_dispatcher(background, transactional_db, private_networks):
    """Start a dispatcher against the test's database; it is stopped with the test."""
    yield background.start_dispatcher
    background.stop_dispatchers()


@pytest.fixture
def delivered(acme, receiver, transactional_db, private_networks):
    """The definition `count`, whose destination is the receiver and succeeds by default."""
    return factories.make_definition(acme, to=factories.make_receiving(acme, receiver.url))
