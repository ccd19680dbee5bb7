"""Connections go from one request to another: who is at work does not go with them."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import orjson
import pytest
from django.db import DEFAULT_DB_ALIAS, connection, connections

from orgs import audit_views
from orgs.audit import acting
from orgs.audit.acting import Actor
from orgs.models import AuditEntry
from runtime import slots
from runtime.slots import Slots
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def one_slot(monkeypatch):
    """A process with a single connection for all its requests."""
    ours = Slots(1)
    monkeypatch.setattr(slots, "_installed", [ours])
    yield ours
    ours._free.get().close()


def told():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid(), current_setting('waybill.actor', true)")
        pid, text = cursor.fetchone()
    return pid, orjson.loads(text)["actor"] if text else None


def test_who_waits_is_not_taken_for_who_works_meanwhile(one_slot):
    waits, go = threading.Event(), threading.Event()

    def wait(*_):
        with acting.acting(Actor("ada", "api")):
            before = told()
            with slots.left():
                waits.set()
                go.wait(10)
            return before, told()

    def work(*_):
        before = told()
        with acting.acting(Actor("bob", "api")):
            return before, told()

    with ThreadPoolExecutor(2) as pool:
        waiting = pool.submit(one_slot.serve(wait), {}, None)
        waits.wait(10)
        nobody, bob = pool.submit(one_slot.serve(work), {}, None).result(10)
        go.set()
        before, after = waiting.result(10)
        (pid, last) = pool.submit(one_slot.serve(lambda *_: told()), {}, None).result(10)

    assert (nobody, bob) == ((pid, None), (pid, "bob"))
    assert before == after == (pid, "ada")
    assert last is None


def test_an_export_takes_a_slot_for_each_page_and_holds_none_between(one_slot, acme, monkeypatch):
    monkeypatch.setattr(audit_views, "LINES_AT_ONCE", 2)
    factories.make_key(acme)
    count = AuditEntry.objects.filter(org=acme).count()

    def read():
        seen = []
        # It takes its seat in the slot of its request, and is read when that is given back.
        make = one_slot.serve(
            lambda *_: audit_views.Export(AuditEntry.objects.of_org(acme.pk), acme.pk)
        )
        with closing(make({}, None)) as export:
            for line in export:
                seen.append(orjson.loads(line)["id"])
                # Nobody is kept waiting by a client that reads slowly.
                assert one_slot._free.qsize() == 1
                assert DEFAULT_DB_ALIAS not in connections.__dict__
        return seen, connections.all(initialized_only=True)

    with ThreadPoolExecutor(1) as pool:
        seen, opened = pool.submit(read).result(20)

    assert len(seen) == count > 2
    assert opened == []
