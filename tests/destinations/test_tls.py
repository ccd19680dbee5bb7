"""TLS of outgoing calls, against real servers with certificates of a test's own authority."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl

import aiohttp
import pytest
import uvloop
from aiohttp import web
from aiohttp.abc import AbstractResolver

from destinations import kinds
from destinations.authorizing import certificates
from destinations.keys import Keys, Secret
from destinations.outcomes import Verdict
from destinations.outward import outbound
from destinations.outward.clients import Clients
from tests.destinations.authority import Authority
from tests.destinations.kinds.suite import make_attempt
from tests.destinations.receiver import receive

# The dispatcher runs under uvloop, the web process and the tests under asyncio's own.
LOOPS = [
    pytest.param(asyncio.new_event_loop, id="asyncio"),
    pytest.param(uvloop.new_event_loop, id="uvloop"),
]
HOST = "hooks.example.com"
IDN = "bücher.example"
PUNYCODE = "xn--bcher-kva.example"

pytestmark = pytest.mark.usefixtures("private_networks")


class ToLoopback(AbstractResolver):
    """A name server that has one address for all names."""

    async def resolve(self, host, port=0, family=socket.AF_INET):
        return [
            {
                "hostname": host,
                "host": "127.0.0.1",
                "port": port,
                "family": socket.AF_INET,
                "proto": 0,
                "flags": socket.AI_NUMERICHOST,
            }
        ]

    async def close(self):
        pass


@pytest.fixture
def authority(tmp_path, monkeypatch):
    """An authority that this machine trusts."""
    made = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.file))
    monkeypatch.setattr(outbound, "ThreadedResolver", ToLoopback)
    return made


@pytest.fixture(params=LOOPS)
def run(request):
    """Runs a coroutine, under each of the loops."""

    def run(work):
        with asyncio.Runner(loop_factory=request.param) as runner:
            return runner.run(work)

    return run


def at(receiver, host):
    return receiver.url.replace("127.0.0.1", host)


async def post(url, **options):
    async with outbound.open_session(allow_private=True, connections=10) as session:
        return await outbound.post(session, url, headers={}, body=b"{}", seconds=5, **options)


@pytest.mark.parametrize(
    ("host", "named"),
    [(HOST, HOST), ("HOOKS.example.com.", HOST), (IDN, PUNYCODE), (PUNYCODE, PUNYCODE)],
)
def test_the_pinned_address_is_called_under_its_own_name(run, authority, host, named):
    asked = []
    tls = authority.serve_as(named)
    tls.sni_callback = lambda _, name, __: asked.append(name)

    async def call():
        async with receive(web.Response(), tls=tls) as receiver:
            answer = await post(at(receiver, host))
            return answer.status, receiver.seen[0][0].host

    status, seen_host = run(call())

    assert (status, asked) == (200, [named])
    assert seen_host.rpartition(":")[0].rstrip(".") == named


def test_an_address_is_called_with_a_certificate_of_its_own(run, authority):
    async def call():
        async with receive(web.Response(), tls=authority.serve_as("127.0.0.1")) as receiver:
            return (await post(receiver.url)).status

    assert run(call()) == 200


@pytest.mark.parametrize("fault", ["another name", "another authority", "over", "no name"])
def test_a_certificate_that_does_not_hold_is_refused(run, authority, tmp_path, fault):
    tls = {
        "another name": lambda: authority.serve_as("other.example.com"),
        "another authority": lambda: Authority(tmp_path, "Stranger").serve_as(HOST),
        "over": lambda: authority.serve_as(HOST, days=-1),
        "no name": authority.serve_as,
    }[fault]()

    async def call():
        async with receive(web.Response(), tls=tls) as receiver:
            with pytest.raises(aiohttp.ClientConnectorCertificateError):
                await post(at(receiver, HOST))
            outcome = await deliver(at(receiver, HOST))
            return outcome, receiver.seen

    outcome, seen = run(call())

    assert seen == []
    assert (outcome.verdict, outcome.sent) == (Verdict.UNAVAILABLE, False)
    assert "certificate" in outcome.message.lower()


def test_an_old_protocol_is_refused(run, authority):
    tls = authority.serve_as(HOST)
    with pytest.warns(DeprecationWarning, match="deprecated"):
        tls.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.warns(DeprecationWarning, match="deprecated"):
        tls.minimum_version = ssl.TLSVersion.TLSv1

    async def call():
        async with receive(web.Response(), tls=tls) as receiver:
            with pytest.raises(aiohttp.ClientConnectorError):
                await post(at(receiver, HOST))

    run(call())


# --- certificates of ours -------------------------------------------------------------------------


def make_keys(authority, name, *, id=1, version=1):
    made = authority.certify(name=name)
    tls = {"certificate": made.certificate, "private_key": made.private_key}
    return Keys(Secret(id, version, "http_bearer", {"token": "s3cret-token", "tls": tls}))


@contextlib.asynccontextmanager
async def opened_clients():
    async with (
        outbound.open_session(allow_private=True, connections=10) as session,
        Clients(session) as clients,
    ):
        yield clients


async def deliver(url, *keys):
    """The outcome of the last of the attempts, made one after the other by one dispatcher."""
    async with opened_clients() as clients:
        for one in keys or [Keys()]:
            config = {"url": url, "signaling": {"enabled": True, "default": "ack"}}
            outcome = await kinds.deliver(make_attempt("webhook", config, keys=one), clients)
        return outcome


async def note_client(request):
    """Answers with the client's name and its port."""
    certificate = request.transport.get_extra_info("peercert")
    name = dict(pair for (pair,) in certificate["subject"])["commonName"]
    port = request.transport.get_extra_info("peername")[1]
    CALLS.append((name, port))
    return web.Response()


CALLS: list[tuple[str, int]] = []


@pytest.fixture
def calls():
    """(name in the client's certificate, its port) of each call."""
    CALLS.clear()
    return CALLS


def test_no_connection_is_shared_by_two_certificates(run, authority, calls):
    acme = make_keys(authority, "acme", id=1)
    globex = make_keys(authority, "globex", id=2)
    newer = make_keys(authority, "acme anew", id=1, version=2)

    async def call():
        tls = authority.demand(authority.serve_as("127.0.0.1"))
        async with receive(note_client, tls=tls) as receiver:
            return await deliver(receiver.url, acme, globex, acme, newer, globex)

    outcome = run(call())

    assert outcome.verdict is Verdict.ACK
    assert [name for name, _ in calls] == ["acme", "globex", "acme", "acme anew", "globex"]
    ports = [port for _, port in calls]
    # The same certificate uses its own connection again.
    assert (ports[0], ports[1]) == (ports[2], ports[4])
    assert len(set(ports)) == 3


@pytest.mark.parametrize("shown", ["none", "a stranger's"])
@pytest.mark.parametrize(
    ("version", "verdict"),
    [
        (ssl.TLSVersion.TLSv1_2, Verdict.UNAVAILABLE),
        # The client is done, and sends, before the server has looked at its certificate.
        (ssl.TLSVersion.TLSv1_3, Verdict.AMBIGUOUS),
    ],
)
def test_a_server_may_refuse_our_certificate(
    run, authority, tmp_path, calls, shown, version, verdict
):
    stranger = make_keys(Authority(tmp_path, "Stranger"), "stranger")
    tls = authority.demand(authority.serve_as("127.0.0.1"))
    tls.maximum_version = version

    async def call():
        async with receive(note_client, tls=tls) as receiver:
            return await deliver(receiver.url, Keys() if shown == "none" else stranger)

    outcome = run(call())

    assert calls == []
    assert outcome.verdict is verdict, outcome


def test_a_certificate_that_cannot_be_read_is_our_fault(run, authority):
    tls = {"certificate": "no PEM", "private_key": "neither"}
    keys = Keys(Secret(7, 1, "http_bearer", {"token": "s3cret-token", "tls": tls}))

    outcome = run(deliver("https://127.0.0.1/", keys))

    assert (outcome.verdict, outcome.sent) == (Verdict.OURS, False)
    assert outcome.message == "Credential 7: its certificate cannot be used: update it."


@pytest.mark.parametrize("url", ["https://127.0.0.1/", "https://login.example.com/"])
def test_nor_does_such_a_certificate_get_a_token(run, authority, url):
    tls = {"certificate": "no PEM", "private_key": "neither"}
    secret = {"token_url": url, "client_id": "a", "client_secret": "b", "tls": tls}
    keys = Keys(Secret(7, 1, "oauth2_client_credentials", secret))

    outcome = run(deliver("https://127.0.0.1/", keys))

    assert (outcome.verdict, outcome.sent) == (Verdict.OURS, False)
    assert outcome.message == "Credential 7: its certificate cannot be used: update it."


def test_the_certificate_is_shown_to_the_token_endpoint_as_well(run, authority, calls):
    async def give(request):
        await note_client(request)
        return web.json_response({"access_token": "token-1", "token_type": "Bearer"})

    made = authority.certify(name="acme")
    tls = {"certificate": made.certificate, "private_key": made.private_key}

    async def call():
        demanding = [authority.demand(authority.serve_as("127.0.0.1")) for _ in range(2)]
        async with (
            receive(give, tls=demanding[0]) as endpoint,
            receive(note_client, tls=demanding[1]) as receiver,
        ):
            secret = {"token_url": endpoint.url, "client_id": "a", "client_secret": "b", "tls": tls}
            keys = Keys(Secret(7, 1, "oauth2_client_credentials", secret))
            return await deliver(receiver.url, keys)

    outcome = run(call())

    assert (outcome.verdict, [name for name, _ in calls]) == (Verdict.ACK, ["acme", "acme"])


def test_the_certificates_that_are_kept_ready_are_bounded(run, authority, monkeypatch):
    monkeypatch.setattr(certificates, "MOST", 2)

    async def find_all():
        async with opened_clients() as clients:
            kept = clients.of(certificates.Certificates)
            secrets = [make_keys(authority, "a", version=n).credential for n in (1, 2, 3)]
            first = await asyncio.gather(*(kept.find(secrets[0]) for _ in range(5)))
            await kept.find(secrets[1])
            assert await kept.find(secrets[0]) is first[0]
            await kept.find(secrets[2])
            return len(set(first)), list(kept._made)

    assert run(find_all()) == (1, [(1, 1), (1, 3)])
