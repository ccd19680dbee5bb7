"""Who Waybill is to SQS: keys, roles, and nothing of the machine's own."""

from __future__ import annotations

import asyncio
import json
import os

import pytest

from destinations import kinds
from destinations.brokers import sqs
from destinations.brokers.batches import Account
from destinations.keys import NO_KEYS
from destinations.outcomes import Verdict
from destinations.outward import outbound
from destinations.outward.clients import Clients
from tests.destinations.kinds import aws
from tests.destinations.kinds.aws import SEND, make, outcome_of
from tests.destinations.kinds.suite import deliver, make_keys


def test_without_a_credential_nothing_is_sent(account, keys):
    account.make_queue()
    outcome = outcome_of(account, NO_KEYS)

    assert (outcome.verdict, outcome.sent) == (Verdict.REFUSED, False)
    assert "aws_access_key" in outcome.message
    assert account.read() == []


def test_the_environment_of_the_machine_is_not_the_destinations(account, keys, monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "operator")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    account.make_queue()
    assert outcome_of(account, keys).verdict is Verdict.ACK


@pytest.mark.parametrize(
    ("changed", "code", "hint"),
    [
        ({"access_key_id": "AKIAIOSFODNN7EXAMPLE"}, "", "update the destination's credential"),
        ({"secret_access_key": "wrong"}, "Signature", "update the destination's credential"),
        ({"session_token": "made up"}, "", "update the destination's credential"),
    ],
)
def test_a_wrong_credential_is_refused_and_says_what_to_change(account, keys, changed, code, hint):
    account.make_queue()
    wrong = make_keys("aws_access_key", **keys.credential.value | changed)
    outcome = outcome_of(account, wrong)

    assert outcome.verdict is Verdict.REFUSED
    assert code in outcome.message
    assert hint in outcome.message
    assert keys.credential.value["secret_access_key"] not in outcome.message


def test_what_was_signed_is_not_quoted(account, keys):
    account.make_queue()
    said = (
        "It does not match.\n\nThe Canonical String should have been\nx-amz-security-token:planted"
    )
    told = {"__type": "SignatureDoesNotMatch", "message": said}
    account.proxy.mode = json.dumps([403, json.dumps(told)])
    outcome = outcome_of(account, keys)

    assert outcome.verdict is Verdict.REFUSED
    assert outcome.message.startswith("SignatureDoesNotMatch: It does not match.")
    assert "planted" not in outcome.message


def test_a_user_who_may_not_send_is_refused(account, ministack):
    account.make_queue()
    outcome = outcome_of(account, aws.make_user(ministack))

    assert outcome.verdict is Verdict.REFUSED
    assert "sqs:SendMessage" in outcome.message


@pytest.fixture
def role(ministack):
    """The ARN of a role that may send, and whoever is told `x1` may take."""
    iam = aws.open_client("iam", ministack)
    trust = aws.allow(
        "sts:AssumeRole",
        Principal={"AWS": "*"},
        Condition={"StringEquals": {"sts:ExternalId": "x1"}},
    )
    name = "sender"
    iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust)
    iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=aws.allow(SEND))
    yield iam.get_role(RoleName=name)["Role"]["Arn"]
    iam.delete_role_policy(RoleName=name, PolicyName="own")
    iam.delete_role(RoleName=name)


def test_a_role_is_assumed_once_and_used(account, ministack, role):
    account.make_queue()
    user = aws.make_user(ministack, may="sts:AssumeRole")
    assert outcome_of(account, user).verdict is Verdict.REFUSED

    secret = user.credential.value | {"role_arn": role, "external_id": "x1"}
    keys = make_keys("aws_access_key", **secret)
    outcomes = asyncio.run(deliver(*(make(account, keys, record_id=n) for n in range(25))))

    assert {one.verdict for one in outcomes} == {Verdict.ACK}, outcomes[0]
    assert account.proxy.roles == 1


def test_a_role_that_is_not_given_is_named(account, ministack, role):
    account.make_queue()
    user = aws.make_user(ministack, may="sts:AssumeRole")
    secret = user.credential.value | {"role_arn": role, "external_id": "another"}
    outcome = outcome_of(account, make_keys("aws_access_key", **secret))

    assert outcome.verdict is Verdict.REFUSED
    assert role in outcome.message
    assert "sts:AssumeRole" in outcome.message


def test_a_new_version_of_a_credential_signs_with_the_new_secret(account, keys):
    account.make_queue()
    good = keys.credential
    wrong = make_keys("aws_access_key", **good.value | {"secret_access_key": "wrong"})
    newer = type(keys)(type(good)(good.id, 2, good.type, good.value))

    async def one_after_the_other():
        async with (
            outbound.open_session(allow_private=True, connections=10) as session,
            Clients(session) as clients,
        ):
            return [await kinds.deliver(make(account, one), clients) for one in (wrong, newer)]

    before, after = asyncio.run(one_after_the_other())
    assert (before.verdict, after.verdict) == (Verdict.REFUSED, Verdict.ACK)


@pytest.mark.parametrize(
    ("region", "host"),
    [
        ("eu-central-1", "sqs.eu-central-1.amazonaws.com"),
        ("cn-north-1", "sqs.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_without_the_setting_for_tests_it_is_aws_over_tls(settings, monkeypatch, region, host):
    settings.AWS_ENDPOINT = ""
    monkeypatch.setenv("AWS_ENDPOINT_URL_SQS", "http://127.0.0.1:9")
    secret = {"access_key_id": "one", "secret_access_key": "two"}

    async def open_and_close():
        client = await sqs.Broker()._connect(Account(1, 1, region, secret))
        await client.close()
        return client.itself.meta.endpoint_url

    assert asyncio.run(open_and_close()) == f"https://{host}"


def test_descriptions_that_could_not_be_read_are_read_again(settings, monkeypatch):
    settings.AWS_ENDPOINT = ""
    secret = {"access_key_id": "one", "secret_access_key": "two"}
    account = Account(1, 1, "eu-central-1", secret)

    async def fail_and_go_on():
        broker = sqs.Broker()
        with monkeypatch.context() as patched:
            patched.setattr(
                broker._session, "warm_up_loader_caches", (lambda _: os.stat("/missing"))
            )
            with pytest.raises(FileNotFoundError):
                await broker._connect(account)
        client = await broker._connect(account)
        await client.close()

    asyncio.run(fail_and_go_on())
