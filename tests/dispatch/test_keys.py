"""Credentials and signing keys where they are used: at attempts of a real dispatcher."""

from __future__ import annotations

import time
from datetime import timedelta

import pytest
from cryptography.fernet import Fernet
from django.db import connection, transaction
from django.utils import timezone
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from destinations import keys, services, signing_keys
from destinations.models import Credential
from destinations.outcomes import Outcome, Verdict
from dispatch.engine import dispatcher as dispatcher_module
from dispatch.models import ActionRecord
from orgs import encryption
from orgs.models import SigningKey
from orgs.services import make_signing_secret
from tests import factories
from tests.dispatch.background import Answer, wait_until
from tests.dispatch.claiming import claim
from tests.dispatch.plans import explain, prepared

pytestmark = pytest.mark.django_db(transaction=True)
KEYS = 10
OLD, NEW = make_signing_secret(), make_signing_secret()
SECRET = "pl4nted-and-never-shown"


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """Ticks ten times as often, so that tests need not wait for them."""
    monkeypatch.setattr(dispatcher_module, "TICK_SECONDS", 0.05)


@pytest.fixture
def destination(delivered):
    return delivered.links.get().destination


@pytest.fixture
def lane(destination):
    return factories.make_lane(destination)


def claim_all():
    with transaction.atomic():
        return claim()


def give(destination, **changes):
    services.update_destination(destination=destination, changes=changes)


@pytest.fixture
def credential(acme, destination):
    """A credential that the destination has."""
    made = factories.make_credential(acme, "http_bearer", label="bearer", secret={"token": SECRET})
    give(destination, credential_id=made.pk)
    return made


@pytest.fixture
def signing_key(acme, destination):
    """A signing key that the destination has."""
    made = factories.make_signing_key(acme, OLD, label="signs")
    give(destination, signing_key_id=made.pk)
    return made


def delete_past_every_rule(row):
    type(row).objects.filter(pk=row.pk).update(deleted_at=timezone.now())


def expire(row):
    type(row).objects.filter(pk=row.pk).update(expires_at=timezone.now())


def lose(row):
    """As if it had been stored under a key that this installation has no more."""
    token = Fernet(Fernet.generate_key()).encrypt(b"{}").decode()
    type(row).objects.filter(pk=row.pk).update(secret=token)


def garble(row):
    type(row).objects.filter(pk=row.pk).update(secret="nonsense")


@pytest.mark.parametrize(
    ("which", "spoil", "says"),
    [
        ("credential", delete_past_every_rule, "({}) is deleted: give the destination another"),
        ("credential", expire, "({}) has expired: update its secret, or its expires_at."),
        ("credential", lose, "({}) cannot be decrypted. None of WAYBILL_ENCRYPTION_KEYS opens it"),
        ("credential", garble, "({}) cannot be decrypted. None of WAYBILL_ENCRYPTION_KEYS"),
        ("signing_key", delete_past_every_rule, "({}) is deleted: give the destination another"),
        ("signing_key", lose, "({}) cannot be decrypted. None of WAYBILL_ENCRYPTION_KEYS opens it"),
    ],
)
def test_keys_that_cannot_be_used_are_our_fault_and_the_event_says_what_to_do(
    acme, lane, receiver, start_dispatcher, request, which, spoil, says
):
    row = request.getfixturevalue(which)
    spoil(row)
    records = [factories.make_record(acme) for _ in range(12)]
    start_dispatcher()
    wait_until(lambda: ActionRecord.objects.filter(status="scheduled").count() == 12)
    time.sleep(0.1)

    # Ours: nothing was sent, nothing is counted, and it is retried by the schedule.
    assert receiver.received == []
    for record in records:
        record.refresh_from_db()
        assert (record.status, record.attempt, record.failures) == ("scheduled", 1, 0)
        assert record.available_at > timezone.now()
        event = record.events.get(kind="retried")
        assert says.format(row.label) in event.detail["message"] == record.error_message
        assert (event.detail["verdict"], event.detail["sent"]) == ("ours", False)
    # Twelve in a row would have opened a lane that failed by itself.
    lane.refresh_from_db()
    assert (lane.running_limit, lane.opened, lane.reason) == (16, 0, "")


def test_it_goes_on_by_itself_when_the_credential_is_mended(
    acme, lane, credential, receiver, start_dispatcher
):
    expire(credential)
    record = factories.make_record(acme)
    start_dispatcher()
    wait_until(lambda: ActionRecord.objects.filter(status="scheduled").exists())

    services.update_credential(credential=credential, changes={"expires_at": None})
    ActionRecord.objects.update(available_at=timezone.now())
    wait_until(lambda: ActionRecord.objects.filter(status="succeeded").exists())

    assert receiver.seen() == [(record.pk, 1)]


def test_a_secret_that_changes_is_used_from_the_next_attempt_on(acme, destination, credential):
    factories.make_record(acme)
    (row,) = claim_all()
    assert keys.read_keys(row[KEYS]).credential.version == 1

    services.update_credential(credential=credential, changes={"secret": {"token": "another"}})
    found = keys.of_destination(destination.pk).credential

    assert (found.version, found.value) == (2, {"token": "another"})


# --- signatures -----------------------------------------------------------------------------------


def verifies(secret, received):
    try:
        Webhook(secret).verify(received.body, dict(received.headers), json_parse=False)
    except WebhookVerificationError:
        return False
    return True


def deliver_one(acme, receiver):
    """What the receiver got of one more action."""
    receiver.received.clear()
    factories.make_record(acme, input={"n": 1})
    wait_until(lambda: receiver.received)
    return receiver.received[0]


def test_signatures_before_during_and_after_the_overlap(
    acme, lane, signing_key, receiver, start_dispatcher
):
    start_dispatcher()
    before = deliver_one(acme, receiver)
    signing_keys.rotate_signing_key(key=signing_key, secret=NEW)
    during = deliver_one(acme, receiver)
    SigningKey.objects.update(previous_until=timezone.now())
    after = deliver_one(acme, receiver)

    verified = [[verifies(secret, one) for secret in (OLD, NEW)] for one in (before, during, after)]
    assert verified == [[True, False], [True, True], [False, True]]
    assert during.headers["webhook-signature"].count(" ") == 1


def test_every_attempt_is_signed_anew_under_the_same_id(
    acme, lane, signing_key, receiver, start_dispatcher
):
    receiver.answers = [Answer(503, {"retry-after": "1"})]
    record = factories.make_record(acme)
    start_dispatcher()
    wait_until(lambda: len(receiver.received) == 2)

    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == str(record.pk)
    assert int(second.headers["webhook-timestamp"]) > int(first.headers["webhook-timestamp"])
    assert verifies(OLD, first)
    assert verifies(OLD, second)


def test_the_timestamp_is_the_databases(
    acme, lane, signing_key, receiver, start_dispatcher, monkeypatch
):
    now = time.time()
    monkeypatch.setattr("destinations.attempts.time.time", lambda: now - 7_200)
    start_dispatcher()
    received = deliver_one(acme, receiver)

    assert abs(int(received.headers["webhook-timestamp"]) - now) < 30


# --- what a receiver sends back -------------------------------------------------------------------


async def quote(attempt, clients):
    """A destination that answers with what it was sent."""
    return Outcome(
        Verdict.REFUSED,
        f"HTTP 401: who is Bearer {SECRET}?",
        status=401,
        result=f'{{"seen":"{SECRET}"}}',
        answer=f"\xff{SECRET[:20]}".encode("latin-1"),
    )


async def break_down(attempt, clients):
    raise ValueError(f"cannot send {SECRET}")


@pytest.mark.parametrize("misbehave", [quote, break_down])
def test_a_secret_that_comes_back_is_kept_out_of_events_and_logs(
    acme, lane, credential, start_dispatcher, monkeypatch, caplog, misbehave
):
    monkeypatch.setattr("destinations.kinds.webhook.deliver", misbehave)
    caplog.set_level("DEBUG")
    record = factories.make_record(acme)
    start_dispatcher()
    wait_until(lambda: ActionRecord.objects.filter(status="scheduled").exists())

    record.refresh_from_db()
    assert "[secret]" in record.error_message
    assert "[secret]" in record.events.get(kind="retried").detail["message"]
    assert SECRET not in f"{list(record.events.values())} {record.error_message} {caplog.text}"


# --- what it costs a claim ------------------------------------------------------------------------


def test_a_claim_of_many_lanes_looks_up_each_destinations_keys_once(acme, definition):
    """By their primary keys, once a lane, and not at all where a destination has none."""
    for number in range(20):
        credential = factories.make_credential(acme, label=f"credential {number}")
        key = factories.make_signing_key(acme, label=f"key {number}")
        has = {"credential_id": credential.pk, "signing_key_id": key.pk} if number % 2 else {}
        lane = factories.make_lane(factories.make_destination(acme, **has))
        factories.make_records(lane, definition, 5)
    with transaction.atomic(), connection.cursor() as cursor:
        # So few rows would be read whole.
        cursor.execute("SET LOCAL enable_seqscan = off")
        with prepared():
            explain("lanes(0)")
            plan = explain("claim(100, '{}')")

    assert plan.rows("destinations_credential") <= 10
    assert plan.rows("orgs_signingkey") <= 10


def test_what_is_claimed_again_is_not_decrypted_again(acme, credential, signing_key, monkeypatch):
    for _ in range(3):
        factories.make_record(acme)
    opened = []
    decrypt = encryption.decrypt
    monkeypatch.setattr(encryption, "decrypt", lambda token: opened.append(token) or decrypt(token))

    for row in claim_all():
        keys.read_keys(row[KEYS])

    assert len(opened) == 2


def test_a_credential_expires_while_it_is_remembered(acme, destination, credential):
    assert keys.of_destination(destination.pk).credential
    Credential.objects.update(expires_at=timezone.now() - timedelta(seconds=1))

    assert keys.of_destination(destination.pk).fault
