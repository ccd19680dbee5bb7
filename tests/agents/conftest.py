"""Acme's tools, and a client of the endpoint."""

from __future__ import annotations

import threading

import pytest
from django.db import connections

from agents import calls, streams
from agents import services as tools
from dispatch import pulls, settlement
from dispatch.pulls import Order
from tests import factories
from tests.agents.agent import Agent
from tests.agents.front import KeyFront
from tests.dispatch.background import Background, wait_until
from tests.end_to_end.conftest import is_healthy
from tests.end_to_end.processes import find_free_port


@pytest.fixture
def key(acme):
    return factories.make_key(acme)


@pytest.fixture
def agent(acme, key):
    """A client of acme's tools, of the generation without a handshake."""
    return Agent("acme", key)


@pytest.fixture
def tool(acme):
    """The tool `count`, whose actions are settled when they are accepted."""
    factories.make_definition(acme)
    return factories.make_tool(acme)


@pytest.fixture
def sdk(acme):
    """The tool `count`, whose actions are pulled: they are over when a test says so."""
    made = factories.make_destination(acme, "sdk")
    factories.make_definition(acme, to=made)
    factories.make_tool(acme)
    return made


@pytest.fixture
def _no_lookouts_left():
    """The threads that look end before the database does."""
    yield
    for lookout in (calls.ends, streams.changes):
        wait_until(lambda lookout=lookout: lookout.count() == 0)
        lookout.close()


@pytest.fixture
def work(acme):
    """Work on acme's pulled actions as `do` says, in a thread, until the test is over."""
    stop, threads = threading.Event(), []

    def start(do):
        order = Order(acme.pk, "billing-workers", 10, 60, "tests")

        def run():
            while not stop.is_set():
                for pulled in pulls.pull(order, wait_seconds=0):
                    do(pulled)
                    settlement.ack(
                        org_id=acme.pk, record_id=pulled.record_id, attempt=pulled.attempt
                    )
                stop.wait(0.05)
            connections.close_all()

        threads.append(threading.Thread(target=run))
        threads[-1].start()

    yield start
    stop.set()
    for thread in threads:
        thread.join()


@pytest.fixture
def web(transactional_db, start_command):
    """The port of a web process."""
    port = find_free_port()
    start_command("web", f"--port={port}", "--workers=1")
    wait_until(lambda: is_healthy(port), seconds=30)
    return port


@pytest.fixture
def front(web, key):
    """The port of what adds acme's key to every request, for clients that cannot."""
    with Background() as background:
        made = KeyFront(web, key)
        background.run(made.start())
        yield made.port
        background.run(made.stop())


@pytest.fixture
def toggle(acme):
    """Change the list of acme's tools."""

    def change(*_):
        tool = acme.tools.get(variant="count")
        texts = {"title": f"{tool.title}again"}
        tools.put_tool(org_id=acme.pk, variant="count", actor="tests", texts=texts)

    return change
