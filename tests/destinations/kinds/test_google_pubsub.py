"""`google_pubsub` against the official emulator, where it is installed, and a server of ours."""

from __future__ import annotations

import asyncio
import contextlib

import orjson
import pytest
import uvloop

from destinations import kinds, services
from destinations.brokers import pubsub
from destinations.keys import NO_KEYS
from destinations.outcomes import Verdict
from destinations.outward import outbound
from destinations.outward.clients import Clients
from dispatch.models import ActionRecord
from tests import factories
from tests.destinations.kinds import pubsub_proxy
from tests.destinations.kinds.pubsub import PROJECT, make_account, make_key
from tests.destinations.kinds.suite import (
    NUMBER,
    PAYLOAD,
    RECORD_ID,
    VARIANT,
    KindSuite,
    Received,
    deliver,
    make_attempt,
)
from tests.destinations.receiver import refusing
from tests.dispatch.background import dispatching, wait_until

# RFC 9113 section 6.5: with it a server begins.
EMPTY_SETTINGS = b"\0\0\0\x04\0\0\0\0\0"


class TestGooglePubsub(KindSuite):
    kind = "google_pubsub"

    @pytest.fixture
    def counterpart(self, topic, settings):
        topic.settings = settings
        with refusing() as nobody:
            topic.nobody = nobody.removeprefix("http://").strip("/")
            yield topic

    def behave(self, counterpart, behaviour):
        modes = {"slow": "slow", "rate_limited": "RESOURCE_EXHAUSTED", "huge_answer": "huge"}
        counterpart.proxy.mode = modes.get(behaviour, "")
        config = {"project_id": PROJECT, "topic_id": counterpart.id}
        keys = counterpart.keys
        if behaviour == "refused":
            config["topic_id"] += "-that-is-gone"
        elif behaviour == "signal":
            config["signaling"] = {"enabled": True, "default": "mod_ack"}
        elif behaviour == "unreachable":
            counterpart.settings.PUBSUB_ENDPOINT = counterpart.nobody
        elif behaviour == "wrong_credential":
            keys = make_account(make_key()[0])
        return {"config": config, "keys": keys}

    def received(self, counterpart):
        return [
            Received(one.attributes["actionid"], one.attributes["attempt"], one.data)
            for one in counterpart.read(1)
        ]


# --- what is sent ---------------------------------------------------------------------------------


def test_a_message_bears_its_attributes_and_nothing_else(topic):
    assert topic.outcome().verdict is Verdict.ACK

    (message,) = topic.read(1)
    assert dict(message.attributes) == {
        "actionid": str(RECORD_ID),
        "attempt": str(NUMBER),
        "variant": VARIANT,
    }
    assert (message.data, message.ordering_key) == (PAYLOAD, "")


@pytest.mark.parametrize("ordering", [False, True])
def test_what_is_shown_of_a_message_is_what_is_sent(topic, ordering):
    config = {"project_id": PROJECT, "topic_id": topic.id, "ordering": ordering}
    attempt = make_attempt("google_pubsub", config, keys=topic.keys)
    shown = kinds.show_request(attempt)
    asyncio.run(deliver(attempt))

    (message,) = topic.read(1)
    key = {"orderingKey": message.ordering_key} if ordering else {}
    assert (shown.method, shown.url.rpartition("/")[2]) == ("Publish", topic.id)
    assert (shown.headers, shown.body) == (dict(message.attributes) | key, message.data)


def test_a_test_delivery_says_so(topic):
    outcome = topic.outcome(is_test=True)

    (message,) = topic.read(1)
    assert message.attributes["test"] == "true"
    assert orjson.loads(outcome.answer) == {"messageId": message.message_id}


@pytest.mark.parametrize(
    "payload",
    [
        b"null",
        b'{"z":1.0,"a":1e2, "big":18446744073709551615}',
        '{"text":"\u2028 \u2713 \U0001f4e6 \\u0001"}'.encode(),
        b"[" + b"1," * 500_000 + b"1]",
    ],
)
def test_the_data_are_the_payloads_own_bytes(topic, payload):
    assert topic.outcome(payload=payload).verdict is Verdict.ACK
    assert topic.read(1)[0].data == payload


def test_each_call_is_for_one_topic_and_says_so(topic):
    topic.outcome()
    (metadata,) = topic.proxy.metadata
    assert metadata["x-goog-request-params"].endswith(topic.id)


# --- batches --------------------------------------------------------------------------------------


def test_a_hundred_attempts_are_a_call_or_two(topic):
    outcomes = asyncio.run(deliver(*(topic.make(record_id=n) for n in range(100))))

    assert {one.verdict for one in outcomes} == {Verdict.ACK}
    assert len(topic.proxy.requests) <= 2
    assert {one.attributes["actionid"] for one in topic.read(100)} == {str(n) for n in range(100)}


def test_a_call_holds_no_more_than_a_megabyte(topic):
    payload = b'"' + b"x" * 400_000 + b'"'
    outcomes = asyncio.run(deliver(*(topic.make(record_id=n, payload=payload) for n in range(6))))

    assert {one.verdict for one in outcomes} == {Verdict.ACK}
    assert [len(one.messages) for one in topic.proxy.requests] == [2, 2, 2]


def test_what_has_an_order_keeps_it_within_its_lane(topic):
    attempts = [
        topic.make(record_id=n, lane_id=7 + n % 2, config={"ordering": True}) for n in range(250)
    ]
    outcomes = asyncio.run(deliver(*attempts))

    assert {one.verdict for one in outcomes} == {Verdict.ACK}
    messages = topic.read(250)
    for lane in (7, 8):
        ids = [int(one.attributes["actionid"]) for one in messages if one.ordering_key == str(lane)]
        assert ids == list(range(lane - 7, 250, 2))


def test_a_lane_goes_on_after_a_publish_that_failed(topic):
    topic.proxy.mode = "ABORTED"

    async def fail_and_go_on():
        async with (
            outbound.open_session(allow_private=True, connections=10) as session,
            Clients(session) as clients,
        ):
            failed = await kinds.deliver(topic.make(config={"ordering": True}), clients)
            topic.proxy.mode = ""
            return failed, await kinds.deliver(topic.make(config={"ordering": True}), clients)

    failed, well = asyncio.run(fail_and_go_on())
    assert (failed.verdict, well.verdict) == (Verdict.UNAVAILABLE, Verdict.ACK)


def test_one_for_which_the_whole_call_is_refused_fails_alone(topic):
    attempts = [topic.make(record_id=n) for n in range(20)]
    attempts.insert(13, topic.make(payload=pubsub_proxy.POISON))
    outcomes = asyncio.run(deliver(*attempts))

    verdicts = [one.verdict for one in outcomes]
    assert verdicts.pop(13) is Verdict.PERMANENT
    assert set(verdicts) == {Verdict.ACK}
    assert len(topic.read(20)) == 20


def test_it_works_in_the_dispatchers_own_loop(topic):
    attempts = [topic.make(record_id=n) for n in range(30)]
    assert {one.verdict for one in uvloop.run(deliver(*attempts))} == {Verdict.ACK}


def test_the_loop_goes_on_while_a_topic_is_slow(topic):
    topic.proxy.mode = "slow"

    async def count():
        delivering = asyncio.ensure_future(deliver(topic.make(seconds=1.0)))
        beats = 0
        while not delivering.done():
            await asyncio.sleep(0.01)
            beats += 1
        return beats

    assert asyncio.run(count()) > 20


# --- what it settles ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signaling", "verdict"),
    [
        ({"enabled": True, "default": "ack"}, Verdict.ACK),
        ({"enabled": True, "default": "mod_ack"}, Verdict.WAIT),
        ({"enabled": False}, Verdict.WAIT),
    ],
)
def test_what_the_topic_has_taken_is_done_unless_the_destination_says_more(
    topic, signaling, verdict
):
    assert topic.outcome(config={"signaling": signaling}).verdict is verdict


# --- who it is ------------------------------------------------------------------------------------


def test_without_a_credential_nothing_is_sent(topic):
    outcome = topic.outcome(keys=NO_KEYS)

    assert (outcome.verdict, outcome.sent) == (Verdict.REFUSED, False)
    assert "gcp_service_account" in outcome.message
    assert topic.proxy.requests == []


def test_the_environment_of_the_machine_is_not_the_destinations(topic, monkeypatch):
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "/nowhere")
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:9")
    assert topic.outcome().verdict is Verdict.ACK


def test_a_key_that_cannot_be_read_is_refused_without_being_quoted(topic):
    outcome = topic.outcome(keys=make_account("-----BEGIN PRIVATE KEY-----\nplanted"))

    assert (outcome.verdict, outcome.sent) == (Verdict.REFUSED, False)
    assert "private_key" in outcome.message
    assert "planted" not in outcome.message


def test_a_new_version_of_a_credential_signs_with_the_new_key(topic):
    good = topic.keys.credential
    wrong = make_account(make_key()[0])
    newer = type(topic.keys)(type(good)(good.id, 2, good.type, good.value))

    async def one_after_the_other():
        async with (
            outbound.open_session(allow_private=True, connections=10) as session,
            Clients(session) as clients,
        ):
            return [await kinds.deliver(topic.make(keys=one), clients) for one in (wrong, newer)]

    before, after = asyncio.run(one_after_the_other())
    assert (before.verdict, after.verdict) == (Verdict.REFUSED, Verdict.ACK)


def test_without_the_setting_for_tests_it_is_google_over_tls(pair, settings):
    settings.PUBSUB_ENDPOINT = ""
    secret = make_account(pair[0]).credential.value
    publisher, until = pubsub._sign_in(secret)
    publisher.transport.close()

    assert publisher.transport.host == "pubsub.googleapis.com:443"
    assert (publisher.metadata, until) == ((), float("inf"))


# --- what goes wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "verdict"),
    [
        ("PERMISSION_DENIED", Verdict.REFUSED),
        ("UNAUTHENTICATED", Verdict.REFUSED),
        ("NOT_FOUND", Verdict.REFUSED),
        ("FAILED_PRECONDITION", Verdict.REFUSED),
        ("UNIMPLEMENTED", Verdict.REFUSED),
        ("INVALID_ARGUMENT", Verdict.PERMANENT),
        ("OUT_OF_RANGE", Verdict.PERMANENT),
        ("RESOURCE_EXHAUSTED", Verdict.RATE_LIMITED),
        ("UNAVAILABLE", Verdict.UNAVAILABLE),
        ("INTERNAL", Verdict.UNAVAILABLE),
        ("ABORTED", Verdict.UNAVAILABLE),
        ("UNKNOWN", Verdict.UNAVAILABLE),
        ("DEADLINE_EXCEEDED", Verdict.AMBIGUOUS),
        ("huge", Verdict.AMBIGUOUS),
    ],
)
def test_what_each_status_means(topic, mode, verdict):
    topic.proxy.mode = mode
    outcome = topic.outcome()

    assert outcome.verdict is verdict, outcome
    assert outcome.message


def test_an_answer_that_does_not_mention_all_is_ambiguous(topic):
    topic.proxy.mode = "short"
    outcomes = asyncio.run(deliver(*(topic.make(record_id=n) for n in range(2))))
    assert {one.verdict for one in outcomes} == {Verdict.AMBIGUOUS}


def test_a_connection_that_breaks_off_leaves_it_ambiguous(pair, settings):
    async def break_off(reader, writer):
        writer.write(EMPTY_SETTINGS)
        with contextlib.suppress(ConnectionError):
            await reader.readuntil(PAYLOAD)
        writer.close()

    async def meet():
        server = await asyncio.start_server(break_off, "127.0.0.1", 0)
        async with server:
            _, port = server.sockets[0].getsockname()
            settings.PUBSUB_ENDPOINT = f"127.0.0.1:{port}"
            config = {"project_id": PROJECT, "topic_id": "orders"}
            return await deliver(make_attempt("google_pubsub", config, keys=make_account(pair[0])))

    (outcome,) = asyncio.run(meet())
    assert (outcome.verdict, outcome.sent) == (Verdict.AMBIGUOUS, True), outcome


def test_a_message_that_pubsub_never_takes_is_not_sent(topic):
    outcome = topic.outcome(payload=b'"' + b"x" * 10_000_000 + b'"')

    assert (outcome.verdict, outcome.sent) == (Verdict.PERMANENT, False)
    assert topic.proxy.requests == []


# --- all together ---------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_from_the_door_to_the_topic(acme, topic):
    credential = services.create_credential(
        org_id=acme.pk,
        label="Google",
        type="gcp_service_account",
        secret=topic.keys.credential.value,
    )
    destination = factories.make_destination(
        acme,
        "google_pubsub",
        config={"project_id": PROJECT, "topic_id": topic.id},
        credential_id=credential.pk,
    )
    factories.make_definition(acme, to=destination)
    records = [factories.make_record(acme, input={"n": n}) for n in range(40)]
    with dispatching():
        wait_until(lambda: ActionRecord.objects.filter(status="succeeded").count() == 40)

    got = {one.attributes["actionid"]: one.data for one in topic.read(40)}
    assert got == {str(one.pk): b'{"n":%d}' % n for n, one in enumerate(records)}
    assert len(topic.proxy.requests) < 40
