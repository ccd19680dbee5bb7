"""What the dispatcher's tests run beside themselves."""

from __future__ import annotations

from collections import Counter

import psycopg
import pytest

from tests import factories
from tests.dispatch.background import Background, Receiver


@pytest.fixture
def make_lanes(webhook):
    def make(count, **fields):
        return [
            factories.make_lane(webhook, tags={"tenant": f"{fields} {n}"}, **fields)
            for n in range(count)
        ]

    return make


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


@pytest.fixture
def statements(monkeypatch):
    """How often each statement was executed on an asynchronous connection."""
    counted = Counter()
    execute = psycopg.AsyncConnection.execute

    async def counting(self, query, *arguments, **options):
        counted[query] += 1
        return await execute(self, query, *arguments, **options)

    monkeypatch.setattr(psycopg.AsyncConnection, "execute", counting)
    return counted
