"""A name is judged when it is saved and whenever it is called; what it leads to may change."""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import threading
import time

import pytest
import uvloop
from aiohttp import web
from aiohttp.abc import AbstractResolver
from django.db import connection
from django.urls import reverse

from destinations import kinds
from destinations.credentials import SHAPES
from destinations.models import Credential, Destination
from destinations.outcomes import Verdict
from destinations.outward import outbound
from destinations.outward.clients import Clients
from runtime import slots
from tests import factories
from tests.destinations import test_key_admin
from tests.destinations.kinds.suite import make_attempt
from tests.destinations.receiver import receive
from tests.destinations.test_admin import ADD, change_url, form_data, marks

HOST = "rebind.example.com"
# As it was before the tests took it away, which ask no name server.
LOOK_UP = outbound.look_up


@pytest.fixture
def loopback_allowed(settings):
    """Loopback may be called, as a network that an operator allows; no other private one may."""
    settings.ALLOW_PRIVATE_NETWORKS = False
    settings.OUTBOUND_NETWORKS = (ipaddress.ip_network("127.0.0.0/8"),)


@pytest.fixture
def name_server(monkeypatch):
    """A name server whose answers are taken in turn; the last one stays."""

    class NameServer(AbstractResolver):
        answers: list[list[str]] = []
        asked: list[str] = []

        async def resolve(self, host, port=0, family=socket.AF_INET):
            self.asked.append(host)
            found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
            return [
                {
                    "hostname": host,
                    "host": address,
                    "port": port,
                    "family": socket.AF_INET6 if ":" in address else socket.AF_INET,
                    "proto": 0,
                    "flags": socket.AI_NUMERICHOST,
                }
                for address in found
            ]

        async def close(self):
            pass

    monkeypatch.setattr(outbound, "ThreadedResolver", NameServer)
    # What was found is not kept for the next connection.
    monkeypatch.setattr(outbound, "NAME_SECONDS", 0)
    return NameServer


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def run(request):
    """Runs a coroutine, under each of the loops."""

    def run(work):
        with asyncio.Runner(loop_factory=request.param) as runner:
            return runner.run(work)

    return run


async def deliver_in_turn(count, *, allow_private=False, headers=None):
    """The outcomes of so many attempts at the name, and how many requests came to loopback."""

    async def answer(request):
        return web.Response(headers=headers)

    async with (
        receive(answer) as receiver,
        outbound.open_session(allow_private=allow_private, connections=10) as session,
        Clients(session) as clients,
    ):
        url = receiver.url.replace("127.0.0.1", HOST)
        config = {"url": url, "signaling": {"enabled": True, "default": "ack"}}
        outcomes = [
            await kinds.deliver(make_attempt("webhook", config), clients) for _ in range(count)
        ]
        return outcomes, len(receiver.seen)


@pytest.mark.usefixtures("loopback_allowed")
@pytest.mark.parametrize(
    "rebound", [["10.0.0.1"], ["127.0.0.1", "10.0.0.1"], ["::1"], ["169.254.169.254"]]
)
def test_a_name_that_leads_elsewhere_since_is_refused(run, name_server, rebound):
    name_server.answers, name_server.asked = [["127.0.0.1"], rebound], []

    closing = {"Connection": "close"}
    (first, second), seen = run(deliver_in_turn(2, headers=closing))

    assert (first.verdict, second.verdict, seen) == (Verdict.ACK, Verdict.REFUSED, 1)
    assert second.message.startswith(f"{HOST} leads to {rebound[-1]}, which is")
    assert (second.sent, second.said) == (False, False)


@pytest.mark.usefixtures("loopback_allowed")
def test_the_address_that_was_judged_is_the_one_that_is_called(run, name_server):
    """A name server that is asked a second time would say something else: it is not asked."""
    name_server.answers, name_server.asked = [["127.0.0.1"], ["10.0.0.1"]], []

    outcomes, seen = run(deliver_in_turn(3))

    assert [one.verdict for one in outcomes] == [Verdict.ACK] * 3
    # One connection, kept for all of them.
    assert (name_server.asked, seen) == ([HOST], 3)


def test_a_name_on_the_list_may_lead_inside(run, name_server, settings):
    settings.ALLOW_PRIVATE_NETWORKS = False
    name_server.answers, name_server.asked = [["127.0.0.1"]], []

    assert run(deliver_in_turn(1))[0][0].verdict is Verdict.REFUSED
    settings.OUTBOUND_HOSTS = frozenset([HOST])
    assert run(deliver_in_turn(1))[0][0].verdict is Verdict.ACK


def test_the_machines_own_resolver_is_asked_under_each_loop(run, settings):
    """`localhost` for real: it is resolved, judged, and called where it may be."""
    settings.ALLOW_PRIVATE_NETWORKS = True

    async def call():
        async with (
            receive(web.Response()) as receiver,
            outbound.open_session(allow_private=True, connections=1) as session,
        ):
            url = receiver.url.replace("127.0.0.1", "localhost")
            answer = await outbound.post(session, url, headers={}, body=b"", seconds=5)
            return answer.status

    async def resolve():
        policy = outbound.addresses.read_policy(allow_private=False)
        with pytest.raises(outbound.AddressRefusedError, match="localhost leads to"):
            await outbound.CheckedResolver(policy).resolve("localhost", 80, socket.AF_UNSPEC)
        with pytest.raises(socket.gaierror) as unknown:
            await outbound.CheckedResolver(policy).resolve("127.0.0.1.invalid", 80, socket.AF_INET)
        return unknown.value.errno

    assert run(call()) == 200
    assert run(resolve()) in {socket.EAI_NONAME, socket.EAI_AGAIN}


# --- when it is saved -----------------------------------------------------------------------------


@pytest.fixture
def known(monkeypatch):
    """The addresses that a name server has for names; who is not there does not resolve."""
    names: dict[str, list[str]] = {}
    real = socket.getaddrinfo

    def ask(host, *args, **options):
        if options.get("flags", 0) & socket.AI_NUMERICHOST:
            return real(host, *args, **options)
        asked.append(host)
        if host not in names:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [(None, None, None, "", (address, 0)) for address in names[host]]

    asked: list[str] = []
    names["asked"] = asked
    monkeypatch.setattr(outbound, "look_up", LOOK_UP)
    monkeypatch.setattr(socket, "getaddrinfo", ask)
    return names


def put(api, url, **fields):
    new = {"label": "it", "type": "webhook", "config": {"url": url}}
    return api.put("~/destinations", new | fields)


def faults(answer):
    return [(error["code"], error.get("pointer")) for error in answer.json()["errors"]]


REFUSED = [("ADDRESS_REFUSED", "/config/url")]


@pytest.mark.parametrize(
    "found", [["10.0.0.1"], ["8.8.8.8", "127.0.0.1"], ["169.254.169.254"], ["::ffff:10.0.0.1"]]
)
def test_a_name_that_leads_inside_is_not_saved(api, known, found):
    known[HOST] = found
    refused = put(api, f"https://{HOST}/")

    assert (refused.status_code, faults(refused)) == (422, REFUSED)
    assert HOST in refused.json()["errors"][0]["message"]
    assert not Destination.objects.exists()


def test_a_name_that_leads_outside_is_saved(api, known):
    known[HOST] = ["8.8.8.8", "2606:4700::1111"]
    assert put(api, f"https://{HOST}/").status_code == 200


def test_a_name_that_does_not_resolve_is_saved(api, known):
    assert put(api, f"https://{HOST}/").status_code == 200
    assert known["asked"] == [HOST]


def test_a_name_server_that_is_slow_keeps_nobody_waiting(api, monkeypatch):
    silent = threading.Event()
    real = socket.getaddrinfo

    def ask(host, *args, **options):
        if options.get("flags", 0) & socket.AI_NUMERICHOST:
            return real(host, *args, **options)
        silent.wait(30)
        return []

    monkeypatch.setattr(outbound, "look_up", LOOK_UP)
    monkeypatch.setattr(outbound, "LOOK_UP_SECONDS", 0.2)
    monkeypatch.setattr(socket, "getaddrinfo", ask)

    began = time.monotonic()
    assert put(api, f"https://{HOST}/").status_code == 200
    assert 0.2 <= time.monotonic() - began < 5
    silent.set()


def test_a_change_is_judged_like_a_new_one(acme, api, known):
    known["inside.example.com"] = ["10.0.0.1"]
    made = factories.make_destination(acme)
    path = f"~/destinations/{made.pk}"
    known["asked"].clear()

    refused = api.post(path, {"config": {"url": "https://inside.example.com/"}})

    assert (refused.status_code, faults(refused)) == (422, REFUSED)
    made.refresh_from_db()
    assert made.config["url"] != "https://inside.example.com/"
    # Who changes a label only asks nobody.
    known["asked"].clear()
    assert api.post(path, {"label": "another"}).status_code == 200
    assert known["asked"] == []


def test_where_private_networks_are_allowed_nobody_is_asked(api, known, private_networks):
    assert put(api, f"https://{HOST}/").status_code == 200
    assert known["asked"] == []


def test_the_endpoint_of_tokens_is_judged_when_it_is_saved(api, known):
    known[HOST] = ["10.0.0.1"]
    secret = {"token_url": f"https://{HOST}/token", "client_id": "a", "client_secret": "b"}
    new = {"label": "it", "type": "oauth2_client_credentials", "secret": secret}
    expected = [("ADDRESS_REFUSED", "/secret/token_url")]

    refused = api.put("~/credentials", new)
    assert (refused.status_code, faults(refused)) == (422, expected)

    elsewhere = secret | {"token_url": "https://login.example.com/token"}
    made = api.data(api.put("~/credentials", new | {"secret": elsewhere}))
    changed = api.post(f"~/credentials/{made['id']}", {"secret": secret})
    assert (changed.status_code, faults(changed)) == (422, expected)


def test_the_admin_shows_it_under_its_input(admin_client, acme, known):
    known[HOST] = ["10.0.0.1"]

    page = admin_client.post(ADD, form_data(acme, config={"url": f"https://{HOST}/"}))

    assert page.status_code == 200
    assert marks(page).keys() == {"url"}
    assert not Destination.objects.exists()


def test_who_waits_for_a_name_server_has_left_its_slot(monkeypatch):
    done = []

    @contextlib.contextmanager
    def leave():
        done.append("out")
        yield
        done.append("in")

    monkeypatch.setattr(slots, "left", leave)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: done.append("asked") or [])

    LOOK_UP(HOST, 10)

    assert done == ["out", "asked", "in"]


def test_who_may_not_leave_its_slot_does_not_wait(known, monkeypatch):
    known[HOST] = ["8.8.8.8"]
    monkeypatch.setattr(slots, "may_leave", lambda: False)

    assert LOOK_UP(HOST, 10) == []
    assert known["asked"] == []


def test_only_so_many_names_are_asked_for_at_once(db, known, monkeypatch):
    known[HOST] = ["8.8.8.8"]
    asking = threading.BoundedSemaphore(1)
    monkeypatch.setattr(outbound, "_looking", asking)
    assert asking.acquire()

    assert LOOK_UP(HOST, 10) == []
    assert known["asked"] == []

    asking.release()
    assert LOOK_UP(HOST, 10) == ["8.8.8.8"]
    # It is given back.
    assert asking.acquire(blocking=False)


@pytest.mark.django_db(transaction=True)
def test_the_admin_asks_outside_of_a_transaction(admin_client, acme, monkeypatch):
    asked = []
    monkeypatch.setattr(
        outbound, "look_up", lambda *_: asked.append(connection.in_atomic_block) or []
    )

    admin_client.post(ADD, form_data(acme, label="one"))
    made = Destination.objects.get()
    admin_client.post(change_url(made), form_data(acme, label="other"))
    made.refresh_from_db()
    kind = "oauth2_client_credentials"
    posted = test_key_admin.form_data(acme, kind, SHAPES[kind].example)
    admin_client.post(reverse("admin:destinations_credential_add"), posted)

    assert made.label == "other"
    assert Credential.objects.exists()
    assert asked == [False, False, False]
