"""`aws_sqs` against ministack, whose IAM checks every call, and moto."""

from __future__ import annotations

import asyncio
import json

import pytest
import uvloop

from destinations import kinds, services
from destinations.kinds import aws_sqs
from destinations.outcomes import Verdict
from destinations.outward import outbound
from destinations.outward.clients import Clients
from dispatch.models import ActionRecord
from tests import factories
from tests.destinations.kinds import aws
from tests.destinations.kinds.aws import SEND, attributes_of, make, outcome_of
from tests.destinations.kinds.suite import (
    NUMBER,
    PAYLOAD,
    RECORD_ID,
    VARIANT,
    KindSuite,
    Received,
    deliver,
    make_keys,
)
from tests.destinations.receiver import refusing
from tests.dispatch.background import dispatching, wait_until

WAITING = {"signaling": {"enabled": True, "default": "mod_ack"}}


class TestAwsSqs(KindSuite):
    kind = "aws_sqs"

    @pytest.fixture
    def counterpart(self, account, ministack, settings):
        account.make_queue()
        account.keys = aws.make_user(ministack, may=SEND)
        with refusing() as nobody:
            account.nobody = nobody
            account.settings = settings
            yield account

    def behave(self, counterpart, behaviour):
        modes = {"slow": "slow", "rate_limited": "throttled", "huge_answer": "huge"}
        counterpart.proxy.mode = modes.get(behaviour, "")
        keys, config = counterpart.keys, {"queue_url": counterpart.queue_url, "region": aws.REGION}
        if behaviour == "refused":
            config["queue_url"] += "-that-is-gone"
        elif behaviour == "signal":
            config |= WAITING
        elif behaviour == "unreachable":
            counterpart.settings.AWS_ENDPOINT = counterpart.nobody
        elif behaviour == "wrong_credential":
            secret = keys.credential.value | {"secret_access_key": "not the one"}
            keys = make_keys("aws_access_key", **secret)
        return {"config": config, "keys": keys}

    def received(self, counterpart):
        return [
            Received(
                attributes_of(message)["actionid"],
                attributes_of(message)["attempt"],
                message["Body"].encode(),
            )
            for message in counterpart.read()
        ]


# --- what is sent ---------------------------------------------------------------------------------


def test_a_message_bears_its_attributes_and_nothing_else(account, keys):
    account.make_queue()
    assert outcome_of(account, keys).verdict is Verdict.ACK

    (message,) = account.read()
    assert attributes_of(message) == {
        "actionid": str(RECORD_ID),
        "attempt": str(NUMBER),
        "variant": VARIANT,
    }
    assert message["Body"].encode() == PAYLOAD


@pytest.mark.parametrize("suffix", ["", ".fifo"])
def test_what_is_shown_of_a_message_is_what_is_sent(account, keys, suffix):
    account.make_queue(suffix)
    shown = kinds.show_request(make(account, keys))
    assert outcome_of(account, keys).verdict is Verdict.ACK

    (message,) = account.read()
    ordered = {"MessageGroupId", "MessageDeduplicationId"} if suffix else set()
    sent = attributes_of(message) | {name: message["Attributes"][name] for name in ordered}
    assert (shown.method, shown.url) == ("SendMessage", account.queue_url)
    assert (shown.headers, shown.body) == (sent, message["Body"].encode())


def test_a_test_delivery_says_so(account, keys):
    account.make_queue()
    outcome = outcome_of(account, keys, is_test=True)

    (message,) = account.read()
    assert attributes_of(message)["test"] == "true"
    assert json.loads(outcome.answer)["MessageId"] == message["MessageId"]


@pytest.mark.parametrize(
    "payload",
    [
        b"null",
        b'{"z":1.0,"a":1e2, "big":18446744073709551615}',
        '{"text":"\u2028 \u2713 \U0001f4e6 \\u0001"}'.encode(),
        b"[" + b"1," * 300_000 + b"1]",
    ],
)
def test_the_body_is_the_payloads_own_text(account, keys, payload):
    account.make_queue()
    assert outcome_of(account, keys, payload=payload).verdict is Verdict.ACK

    assert account.read()[0]["Body"].encode() == payload


def test_a_fifo_queue_is_ordered_by_lane_and_told_repeated_attempts(account, keys):
    account.make_queue(".fifo")
    attempts = [make(account, keys, record_id=n, lane_id=7 + n % 2) for n in range(12)]
    outcomes = asyncio.run(deliver(*attempts, attempts[0]))

    assert {one.verdict for one in outcomes} == {Verdict.ACK}
    sent = {
        message["Attributes"]["MessageDeduplicationId"]: message["Attributes"]["MessageGroupId"]
        for message in account.read()
    }
    assert sent == {f"{n}-{NUMBER}": str(7 + n % 2) for n in range(12)}


def test_a_group_is_in_order_through_many_calls(account, keys):
    account.make_queue(".fifo")
    attempts = [make(account, keys, record_id=n, lane_id=7 + n % 2) for n in range(120)]
    outcomes = asyncio.run(deliver(*attempts))

    assert {one.verdict for one in outcomes} == {Verdict.ACK}
    # One of each group, and six of it one after the other.
    assert account.proxy.most <= 2
    assert len(account.proxy.calls) == 12
    messages = account.read()
    for lane in ("7", "8"):
        group = [one for one in messages if one["Attributes"]["MessageGroupId"] == lane]
        ids = [int(attributes_of(one)["actionid"]) for one in group]
        assert ids == list(range(int(lane) - 7, 120, 2))


# --- batches --------------------------------------------------------------------------------------


def test_a_hundred_attempts_are_about_ten_calls(account, keys):
    account.make_queue()
    outcomes = asyncio.run(deliver(*(make(account, keys, record_id=n) for n in range(100))))

    assert {one.verdict for one in outcomes} == {Verdict.ACK}
    assert 10 <= len(account.proxy.calls) <= 12
    assert {attributes_of(one)["actionid"] for one in account.read()} == {
        str(n) for n in range(100)
    }


def test_a_call_holds_no_more_bytes_than_a_queue_takes(account, keys):
    account.make_queue()
    payload = b'"' + b"x" * 100_000 + b'"'
    attempts = [make(account, keys, record_id=n, payload=payload) for n in range(6)]
    outcomes = asyncio.run(deliver(*attempts))

    assert {one.verdict for one in outcomes} == {Verdict.ACK}
    assert [len(call["Entries"]) for call in account.proxy.calls] == [2, 2, 2]


def test_queues_are_sent_to_apart(account, keys):
    urls = [account.make_queue() for _ in range(2)]
    attempts = [make(account, keys, config={"queue_url": urls[n % 2]}) for n in range(8)]
    asyncio.run(deliver(*attempts))

    calls = [(call["QueueUrl"], len(call["Entries"])) for call in account.proxy.calls]
    assert sorted(calls) == sorted((url, 4) for url in urls)


def test_one_that_a_queue_does_not_take_fails_alone(account, keys):
    account.make_queue(MaximumMessageSize="1024")
    attempts = [make(account, keys, record_id=n) for n in range(5)]
    attempts.append(make(account, keys, payload=b'"' + b"x" * 1_024 + b'"'))
    *well, unfit = asyncio.run(deliver(*attempts))

    assert {one.verdict for one in well} == {Verdict.ACK}
    assert unfit.verdict is Verdict.PERMANENT
    assert "shorter than 1024" in unfit.message
    assert len(account.proxy.calls) == 1


def test_one_for_which_the_whole_call_is_refused_fails_alone(moto_account):
    """moto judges all of a call before it takes any of it."""
    keys = make_keys("aws_access_key", access_key_id="test", secret_access_key="test")
    moto_account.make_queue(MaximumMessageSize="1024")
    attempts = [make(moto_account, keys, record_id=n) for n in range(5)]
    attempts.insert(2, make(moto_account, keys, payload=b'"' + b"x" * 1_024 + b'"'))
    outcomes = asyncio.run(deliver(*attempts))

    verdicts = [one.verdict for one in outcomes]
    assert verdicts.pop(2) is Verdict.PERMANENT
    assert set(verdicts) == {Verdict.ACK}
    assert len(moto_account.read()) == 5


@pytest.mark.parametrize(
    ("failed", "verdict"),
    [
        ({"SenderFault": True, "Code": "InvalidMessageContents"}, Verdict.PERMANENT),
        ({"SenderFault": True, "Code": "SomethingNew"}, Verdict.PERMANENT),
        ({"SenderFault": True, "Code": "AccessDenied"}, Verdict.REFUSED),
        ({"SenderFault": True, "Code": "KMS.AccessDeniedException"}, Verdict.REFUSED),
        ({"SenderFault": True, "Code": "RequestThrottled"}, Verdict.RATE_LIMITED),
        ({"SenderFault": False, "Code": "ThrottlingException"}, Verdict.RATE_LIMITED),
        ({"SenderFault": False, "Code": "InternalError"}, Verdict.UNAVAILABLE),
        (None, Verdict.AMBIGUOUS),  # the answer does not mention it
    ],
)
def test_each_of_a_call_ends_by_itself(account, keys, failed, verdict):
    account.make_queue()
    taken = [{"Id": "0", "MessageId": "m", "MD5OfMessageBody": "d"}]
    said = {
        "Successful": taken,
        "Failed": [{"Id": "1", "Message": "No."} | failed] if failed else [],
    }
    account.proxy.mode = json.dumps([200, json.dumps(said)])
    first, second = asyncio.run(deliver(*(make(account, keys, record_id=n) for n in range(2))))

    assert first.verdict is Verdict.ACK
    assert second.verdict is verdict
    assert second.message


def test_what_nobody_waits_for_is_not_sent(account, keys):
    account.make_queue()

    async def give_up():
        async with (
            outbound.open_session(allow_private=True, connections=10) as session,
            Clients(session) as clients,
        ):
            tasks = [
                asyncio.create_task(kinds.deliver(make(account, keys, record_id=n), clients))
                for n in range(3)
            ]
            await asyncio.sleep(0)
            tasks[1].cancel()
            return await asyncio.gather(*tasks, return_exceptions=True)

    ended = asyncio.run(give_up())

    assert isinstance(ended[1], asyncio.CancelledError)
    assert {attributes_of(one)["actionid"] for one in account.read()} == {"0", "2"}


def test_it_works_in_the_dispatchers_own_loop(account, keys):
    account.make_queue()
    attempts = [make(account, keys, record_id=n) for n in range(30)]
    assert {one.verdict for one in uvloop.run(deliver(*attempts))} == {Verdict.ACK}


# --- what it settles ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("signaling", "verdict"),
    [
        (None, Verdict.ACK),
        ({"enabled": True, "default": "ack"}, Verdict.ACK),
        ({"enabled": True, "default": "mod_ack"}, Verdict.WAIT),
        ({"enabled": False}, Verdict.WAIT),
    ],
)
def test_what_the_queue_has_taken_is_done_unless_the_destination_says_more(
    account, keys, signaling, verdict
):
    account.make_queue()
    config = {} if signaling is None else {"signaling": signaling}
    assert outcome_of(account, keys, config=config).verdict is verdict


# --- what goes wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "verdict", "sent"),
    [
        ("broken", Verdict.AMBIGUOUS, True),
        ("failing", Verdict.UNAVAILABLE, None),
        ("throttled", Verdict.RATE_LIMITED, None),
        (json.dumps([400, '{"__type": "RequestTimeTooSkewed"}']), Verdict.OURS, None),
        (json.dumps([403, '{"__type": "SomethingNew"}']), Verdict.REFUSED, None),
        (json.dumps([429, "{}"]), Verdict.RATE_LIMITED, None),
    ],
)
def test_what_goes_wrong_with_a_call(account, keys, mode, verdict, sent):
    account.make_queue()
    account.proxy.mode = mode
    outcome = outcome_of(account, keys)

    assert (outcome.verdict, outcome.sent) == (verdict, sent), outcome


def test_a_message_that_sqs_never_takes_is_not_sent(account, keys):
    account.make_queue()
    outcome = outcome_of(account, keys, payload=b'"' + b"x" * aws_sqs.MOST_BYTES + b'"')

    assert (outcome.verdict, outcome.sent) == (Verdict.PERMANENT, False)
    assert account.proxy.calls == []


# --- all together ---------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_from_the_door_to_the_queue(acme, account, keys):
    account.make_queue()
    credential = services.create_credential(
        org_id=acme.pk, label="AWS", type="aws_access_key", secret=keys.credential.value
    )
    queue = factories.make_destination(
        acme,
        "aws_sqs",
        config={"queue_url": account.queue_url, "region": aws.REGION},
        credential_id=credential.pk,
    )
    factories.make_definition(acme, to=queue)
    records = [factories.make_record(acme, input={"n": n}) for n in range(40)]
    with dispatching():
        wait_until(lambda: ActionRecord.objects.filter(status="succeeded").count() == 40)

    got = {attributes_of(one)["actionid"]: one["Body"] for one in account.read()}
    assert got == {str(one.pk): f'{{"n":{n}}}' for n, one in enumerate(records)}
    assert len(account.proxy.calls) < 40
