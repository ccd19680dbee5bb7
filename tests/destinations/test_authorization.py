"""What a credential gives to a delivery: headers of four types, and tokens fetched for it."""

from __future__ import annotations

import asyncio
import contextlib

import orjson
import pytest
from aiohttp import web
from django.conf import settings

from destinations import kinds
from destinations.authorizing import tokens
from destinations.keys import NO_KEYS, READ_BYTES, Keys, Secret
from destinations.outcomes import Verdict
from destinations.outward import outbound
from destinations.outward.clients import Clients
from dispatch import throttle
from tests.destinations.kinds.suite import make_attempt, make_keys
from tests.destinations.receiver import receive, refusing
from tests.destinations.token_endpoint import CLIENT, give_tokens

ACK = {"signaling": {"enabled": True, "default": "ack"}}
OAUTH = "oauth2_client_credentials"

pytestmark = pytest.mark.usefixtures("private_networks")


@contextlib.asynccontextmanager
async def opened_clients():
    async with (
        outbound.open_session(
            allow_private=settings.ALLOW_PRIVATE_NETWORKS, connections=50
        ) as session,
        Clients(session) as clients,
    ):
        yield clients


def deliver_with(keys, *, answer=None, **config):
    """The outcome of an attempt with these keys, and the headers that came."""

    async def run():
        async with receive(answer or web.Response()) as receiver, opened_clients() as clients:
            attempt = make_attempt("webhook", {"url": receiver.url} | ACK | config, keys=keys)
            outcome = await kinds.deliver(attempt, clients)
            return outcome, [request.headers for request, _ in receiver.seen]

    return asyncio.run(run())


def headers_with(keys, **config):
    outcome, (headers,) = deliver_with(keys, **config)
    assert outcome.verdict is Verdict.ACK
    return headers


# --- headers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type", "secret", "headers"),
    [
        ("http_auth_headers", {"X-Api-Key": "k3y", "X-Team": "a"}, {"X-Api-Key": "k3y"}),
        # A header that is called as the certificate of the other shape.
        ("http_auth_headers", {"tls": "none", "headers": "two"}, {"tls": "none", "headers": "two"}),
        # The examples of RFC 7617, sections 2 and 2.1.
        (
            "http_basic",
            {"username": "Aladdin", "password": "open sesame"},
            {"Authorization": "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
        ),
        (
            "http_basic",
            {"username": "test", "password": "123£"},
            {"Authorization": "Basic dGVzdDoxMjPCow=="},
        ),
        # That of RFC 6750, section 2.1.
        ("http_bearer", {"token": "mF_9.B5f-4.1JqM"}, {"Authorization": "Bearer mF_9.B5f-4.1JqM"}),
    ],
)
def test_the_headers_that_a_credential_gives(type, secret, headers):
    sent = headers_with(make_keys(type, **secret))
    assert {name: sent[name] for name in headers} == headers


def test_ours_win_over_the_credentials_and_those_over_the_destinations():
    keys = make_keys("http_auth_headers", **{"X-ONE": "credential", "x-arklow-ATTEMPT": "9"})
    sent = headers_with(keys, headers={"x-One": "destination", "X-Two": "destination"})

    assert sent.getall("x-one") == ["credential"]
    assert sent["x-two"] == "destination"
    assert sent.getall("x-arklow-attempt") == ["3"]


def test_without_a_credential_nothing_is_shown():
    assert "Authorization" not in headers_with(NO_KEYS)


def test_a_credential_of_another_world_is_our_fault():
    outcome, seen = deliver_with(make_keys("aws_access_key", access_key_id="A"))

    assert (outcome.verdict, seen) == (Verdict.OURS, [])
    assert outcome.message == "Credential 1 (aws_access_key) is not for HTTP."


# --- secrets that are echoed ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("type", "secret", "word"),
    [
        ("http_auth_headers", {"Authorization": "Token pl4nted-secret"}, "pl4nted-secret"),
        ("http_basic", {"username": "u", "password": "pl4nted-secret"}, "pl4nted-secret"),
        ("http_basic", {"username": "u", "password": "pl4nted"}, "dTpwbDRudGVk"),
        ("http_bearer", {"token": "pl4nted-secret"}, "pl4nted-secret"),
    ],
)
@pytest.mark.parametrize("status", [200, 401, 503])
def test_what_an_answer_repeats_of_a_secret_is_masked(type, secret, word, status):
    async def echo(request):
        return web.Response(status=status, text=f"no: {word}, {dict(request.headers)}")

    async def run():
        async with receive(echo) as receiver, opened_clients() as clients:
            config = {"url": receiver.url} | ACK
            keys = make_keys(type, **secret)
            attempt = make_attempt("webhook", config, keys=keys, is_test=True)
            return await kinds.deliver(attempt, clients)

    outcome = asyncio.run(run())
    body = outcome.answer.decode()

    assert "no: [secret]," in body
    assert word not in body
    assert word not in outcome.message


@pytest.mark.parametrize("signal", ["nack", "ack", "mod_ack"])
def test_a_signal_is_read_before_anything_is_masked(signal):
    # Masked as a number, it would leave no JSON.
    body = b'{"__arklow__":{"signal":"%s"},"tenant":10000042}' % signal.encode()
    keys = make_keys("http_auth_headers", **{"x-tenant": "10000042"})

    outcome, _ = deliver_with(keys, answer=web.Response(body=body))

    assert outcome.verdict == signal


def test_a_secret_is_masked_before_what_quotes_it_is_cut():
    keys = make_keys("http_bearer", token="pl4nted-secret")
    answer = web.Response(status=503, text="x" * 192 + "pl4nted-secret")

    outcome, _ = deliver_with(keys, answer=answer)

    assert "pl4nted" not in outcome.message


@pytest.mark.parametrize("kept", range(1, len("pl4nted-secret")))
def test_a_secret_that_is_cut_where_reading_ends_is_not_quoted(kept):
    held = make_keys("http_bearer", token="pl4nted-secret")
    # Blanks are not quoted: what comes after them is.
    said = " " * (READ_BYTES - kept) + "pl4nted-secret"

    outcome, _ = deliver_with(held, answer=web.Response(status=503, text=said))

    assert outcome.message == "HTTP 503"


# --- tokens ---------------------------------------------------------------------------------------


def make_secret(endpoint, *, version=1, **fields):
    return Keys(Secret(5, version, OAUTH, endpoint.secret(**fields)))


def run_with_tokens(work, *, instead=None, accepts=None):
    """What the work gives, with an endpoint, a receiver that wants one of its tokens, clients."""

    async def answer(request):
        if accepts is None or request.headers["Authorization"] in accepts:
            return web.Response()
        return web.Response(status=401)

    async def run():
        async with (
            give_tokens(instead) as endpoint,
            receive(answer) as receiver,
            opened_clients() as clients,
        ):
            return await work(endpoint, receiver, clients)

    return asyncio.run(run())


async def deliver(receiver, clients, keys, **fields):
    attempt = make_attempt("webhook", {"url": receiver.url} | ACK, keys=keys, **fields)
    return await kinds.deliver(attempt, clients)


def shown(receiver):
    return [request.headers["Authorization"] for request, _ in receiver.seen]


@pytest.mark.parametrize("where", ["header", "body"])
def test_a_token_is_asked_for_as_the_rfc_says(where):
    async def work(endpoint, receiver, clients):
        keys = make_secret(endpoint, scope="a b", audience="https://x/", client_auth=where)
        outcome = await deliver(receiver, clients, keys)
        return outcome, endpoint, shown(receiver)

    outcome, endpoint, headers = run_with_tokens(work)

    assert (outcome.verdict, headers) == (Verdict.ACK, ["Bearer token-1"])
    ((asked,), (client,)) = (endpoint.asked, endpoint.clients)
    expected = {"grant_type": "client_credentials", "scope": "a b", "audience": "https://x/"}
    if where == "body":
        expected |= {"client_id": CLIENT[0], "client_secret": CLIENT[1]}
    assert (asked, client) == (expected, CLIENT)


def test_many_attempts_share_one_fetch_and_its_token():
    async def work(endpoint, receiver, clients):
        keys = make_secret(endpoint)
        outcomes = await asyncio.gather(*(deliver(receiver, clients, keys) for _ in range(30)))
        outcomes.append(await deliver(receiver, clients, keys))
        return outcomes, len(endpoint.asked), set(shown(receiver))

    outcomes, asked, headers = run_with_tokens(work)

    assert {one.verdict for one in outcomes} == {Verdict.ACK}
    assert (asked, headers) == (1, {"Bearer token-1"})


def test_a_new_secret_gets_a_new_token():
    async def work(endpoint, receiver, clients):
        for version in (1, 2, 2):
            await deliver(receiver, clients, make_secret(endpoint, version=version))
        return shown(receiver)

    assert run_with_tokens(work) == ["Bearer token-1", "Bearer token-2", "Bearer token-2"]


@pytest.mark.parametrize(
    ("expires_in", "used"),
    [
        (3600, 3540),
        ("3600", 3540),  # a text, as some give it
        (90, 45),
        (2, 1),
        (0, 0),
        (-5, 0),
        (None, 240),
        ("soon", 240),
        ([], 240),
        ("nan", 0),
        ("inf", 86_340),
        (float("1e300"), 86_340),
    ],
)
def test_how_long_a_token_is_used(expires_in, used):
    said = orjson.dumps({"access_token": "t", "expires_in": expires_in})
    answer = outbound.Answer(200, {}, said)
    grant = tokens.read_grant(Secret(5, 1, OAUTH, {}), answer, began=1_000.0)
    assert (grant.token, grant.until) == ("t", 1_000 + used)


def test_a_token_is_fetched_anew_before_it_expires(monkeypatch):
    async def work(endpoint, receiver, clients):
        endpoint.gives = {"expires_in": 0}
        for _ in range(2):
            await deliver(receiver, clients, make_secret(endpoint))
        return shown(receiver)

    assert run_with_tokens(work) == ["Bearer token-1", "Bearer token-2"]


def test_a_token_that_is_refused_is_fetched_anew_once():
    async def work(endpoint, receiver, clients):
        outcome = await deliver(receiver, clients, make_secret(endpoint))
        return outcome, shown(receiver)

    outcome, headers = run_with_tokens(work, accepts={"Bearer token-2"})

    assert outcome.verdict is Verdict.ACK
    assert headers == ["Bearer token-1", "Bearer token-2"]


def test_a_destination_that_refuses_every_token_is_refused_and_asks_for_no_more_of_them():
    async def work(endpoint, receiver, clients):
        keys = make_secret(endpoint)
        outcomes = [await deliver(receiver, clients, keys) for _ in range(5)]
        return outcomes, len(endpoint.asked), len(receiver.seen)

    outcomes, asked, seen = run_with_tokens(work, accepts=set())

    assert {(one.verdict, one.status, one.said) for one in outcomes} == {
        (Verdict.REFUSED, 401, True)
    }
    assert (asked, seen) == (2, 6)


def test_many_that_are_refused_at_once_share_the_next_token():
    async def work(endpoint, receiver, clients):
        keys = make_secret(endpoint)
        outcomes = await asyncio.gather(*(deliver(receiver, clients, keys) for _ in range(10)))
        return outcomes, len(endpoint.asked)

    outcomes, asked = run_with_tokens(work, accepts={"Bearer token-2"})

    assert ({one.verdict for one in outcomes}, asked) == ({Verdict.ACK}, 2)


def test_a_401_to_what_cannot_be_fetched_is_not_sent_again():
    outcome, seen = deliver_with(
        make_keys("http_bearer", token="s3cret-token"), answer=web.Response(status=401)
    )
    assert (outcome.verdict, len(seen)) == (Verdict.REFUSED, 1)


@pytest.mark.parametrize("status", [200, 503])
def test_a_token_that_is_echoed_is_masked(status):
    async def run():
        async def echo(request):
            return web.Response(status=status, text=request.headers["Authorization"])

        async with give_tokens() as endpoint, receive(echo) as receiver, opened_clients() as one:
            endpoint.gives = {"access_token": "pl4nted-secret"}
            return await deliver(receiver, one, make_secret(endpoint), is_test=True)

    outcome = asyncio.run(run())
    assert outcome.answer == b"Bearer [secret]"
    assert "pl4nted" not in outcome.message
    assert ("Bearer [secret]" in outcome.message) == (status == 503)


def test_a_signal_beside_a_token_that_is_a_number_is_read():
    async def run():
        async def nack(request):
            number = int(request.headers["Authorization"].removeprefix("Bearer "))
            return web.json_response({"__arklow__": {"signal": "nack"}, "token": number})

        async with give_tokens() as endpoint, receive(nack) as receiver, opened_clients() as one:
            endpoint.gives = {"access_token": "10000042"}
            return await deliver(receiver, one, make_secret(endpoint))

    assert asyncio.run(run()).verdict is Verdict.NACK


# --- faults of the token endpoint -----------------------------------------------------------------


def answering(status=200, *, headers=None, **said):
    async def answer(request):
        return web.json_response(said, status=status, headers=headers)

    return answer


@pytest.mark.parametrize(
    ("instead", "words"),
    [
        (answering(401, error="invalid_client"), "HTTP 401 (invalid_client): update its client_id"),
        (answering(400, error="invalid_scope"), "HTTP 400 (invalid_scope): update its scope"),
        (answering(400, error="s3cret & more/+"), "HTTP 400: see whether it is up"),
        (answering(503), "HTTP 503: see whether it is up"),
        (answering(302, headers={"Location": "/"}), "HTTP 302: see whether it is up"),
        (answering(200), "HTTP 200 without an access token: check its token_url"),
        (answering(200, access_token=7), "without an access token"),
        (answering(200, access_token="a\r\nx: y"), "without an access token"),
        (answering(200, access_token="t", token_type="mac"), "another type of token than bearer"),
        (answering(200, access_token="t", token_type=None), "another type of token than bearer"),
    ],
)
def test_a_fault_of_the_endpoint_is_ours_and_says_what_to_do(instead, words):
    async def work(endpoint, receiver, clients):
        outcome = await deliver(receiver, clients, make_secret(endpoint))
        return outcome, receiver.seen

    outcome, seen = run_with_tokens(work, instead=instead)

    assert (outcome.verdict, outcome.sent, outcome.said, seen) == (Verdict.OURS, False, False, [])
    assert outcome.message.startswith("Credential 5: its token endpoint 127.0.0.1 ")
    assert words in outcome.message
    assert "s3cret" not in outcome.message
    # Nothing of it is held against the destination.
    assert throttle.judge_answer(outcome, milliseconds=10, sla=None) is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"\xff", b"x" * 100_000])
def test_an_endpoint_that_answers_with_anything_else_is_a_fault(body):
    async def instead(request):
        return web.Response(body=body)

    async def work(endpoint, receiver, clients):
        return await deliver(receiver, clients, make_secret(endpoint))

    outcome = run_with_tokens(work, instead=instead)
    assert (outcome.verdict, "without an access token" in outcome.message) == (Verdict.OURS, True)


def test_an_endpoint_that_cannot_be_reached_is_our_fault():
    async def run():
        with refusing() as url:
            async with receive(web.Response()) as receiver, opened_clients() as clients:
                secret = {"token_url": url, "client_id": "a", "client_secret": "b"}
                return await deliver(receiver, clients, Keys(Secret(5, 1, OAUTH, secret)))

    outcome = asyncio.run(run())
    assert (outcome.verdict, outcome.sent) == (Verdict.OURS, False)
    assert "its token endpoint 127.0.0.1 cannot be reached (" in outcome.message


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (
            "http://10.0.0.1/token",
            "10.0.0.1 may not be called (10.0.0.1 is not a public address): update its token_url.",
        ),
        # From before it was judged.
        ("http://[]@", "may not be called (The URL cannot be read: string index out of range)"),
    ],
)
def test_an_endpoint_that_may_not_be_called_is_our_fault(settings, url, words):
    settings.ALLOW_PRIVATE_NETWORKS = False
    secret = {"token_url": url, "client_id": "a", "client_secret": "b"}

    async def run():
        async with opened_clients() as clients:
            attempt = make_attempt(
                "webhook", {"url": "https://8.8.8.8/"}, keys=Keys(Secret(5, 1, OAUTH, secret))
            )
            return await kinds.deliver(attempt, clients)

    outcome = asyncio.run(run())
    assert outcome.verdict is Verdict.OURS
    assert words in outcome.message


async def never(request):
    await asyncio.sleep(60)


def test_an_endpoint_that_is_silent_costs_an_attempt_no_more_than_its_time():
    async def work(endpoint, receiver, clients):
        return await deliver(receiver, clients, make_secret(endpoint), seconds=0.3)

    outcome = run_with_tokens(work, instead=never)
    assert (outcome.verdict, outcome.sent) == (Verdict.OURS, False)
    assert outcome.message == "Credential 5: its token endpoint does not answer in time."


def test_a_fetch_has_a_limit_of_its_own(monkeypatch):
    monkeypatch.setattr(tokens, "FETCH_SECONDS", 0.2)

    async def work(endpoint, receiver, clients):
        return await deliver(receiver, clients, make_secret(endpoint))

    outcome = run_with_tokens(work, instead=never)
    assert "cannot be reached (no answer in time): see whether it is up" in outcome.message


@pytest.mark.parametrize(("says", "waits"), [("120", 120), ("99999", 300)])
def test_a_fault_is_remembered_for_as_long_as_the_endpoint_says(says, waits):
    async def work(endpoint, receiver, clients):
        keys = make_secret(endpoint)
        outcomes = [await deliver(receiver, clients, keys) for _ in range(3)]
        kept = clients.of(tokens.Tokens)._grants[5, 1]
        return outcomes, len(endpoint.asked), kept.until - asyncio.get_running_loop().time()

    busy = answering(429, headers={"Retry-After": says})
    outcomes, asked, left = run_with_tokens(work, instead=busy)

    assert {(one.verdict, one.seconds) for one in outcomes} == {(Verdict.OURS, waits)}
    assert (asked, waits - 10 < left <= waits) == (1, True)


def test_an_attempt_that_is_given_up_leaves_the_others_their_token():
    may_answer = asyncio.Event()

    async def work(endpoint, receiver, clients):
        keys = make_secret(endpoint)
        given_up = asyncio.create_task(deliver(receiver, clients, keys))
        other = asyncio.create_task(deliver(receiver, clients, keys))
        while not endpoint.asked:
            await asyncio.sleep(0.01)
        given_up.cancel()
        may_answer.set()
        return await other, len(endpoint.asked)

    async def later(request):
        await may_answer.wait()
        return web.json_response({"access_token": "token-9", "token_type": "bearer"})

    outcome, asked = run_with_tokens(work, instead=later)
    assert (outcome.verdict, asked) == (Verdict.ACK, 1)


def test_what_is_being_fetched_is_given_up_at_the_end():
    async def work(endpoint, receiver, clients):
        waiting = asyncio.create_task(deliver(receiver, clients, make_secret(endpoint)))
        while not endpoint.asked:
            await asyncio.sleep(0.01)
        await clients.of(tokens.Tokens).close()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    run_with_tokens(work, instead=never)


def test_what_is_remembered_is_bounded(monkeypatch):
    monkeypatch.setattr(tokens, "MOST", 3)

    async def work(endpoint, receiver, clients):
        for version in range(1, 6):
            await deliver(receiver, clients, make_secret(endpoint, version=version))
        return list(clients.of(tokens.Tokens)._grants)

    assert run_with_tokens(work) == [(5, 3), (5, 4), (5, 5)]
