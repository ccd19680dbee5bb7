"""What attempts have sent, by what their destination was then: `sendings.show_sent`."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from config.errors import ConflictError
from destinations import past, services
from dispatch import sendings, timelines
from dispatch.models import ActionEvent, ActionRecord
from tests import factories
from tests.destinations.test_past import URL, change, look_at_the_clock

pytestmark = pytest.mark.django_db
PAYLOAD = b'{"n":1}'


@pytest.fixture
def signed(acme):
    """A webhook with a bearer token and a signing key."""
    return factories.make_destination(
        acme,
        config={"url": URL.format("old"), "headers": {"x-team": "a"}},
        credential_id=factories.make_credential(acme, "http_bearer").pk,
        signing_key_id=factories.make_signing_key(acme).pk,
    )


def hand_in(org, to):
    factories.make_definition(org, to=to)
    record = factories.make_record(org)
    return ActionRecord.objects.select_related("destination", "definition").get(pk=record.pk)


def end(record, kind="retried", *, attempt=0, **fields):
    fields = {"status": "scheduled", "created_at": look_at_the_clock()} | fields
    return ActionEvent.objects.create(record=record, kind=kind, attempt=attempt, **fields)


def test_an_attempt_shows_what_its_destination_was_then(acme, signed):
    record = hand_in(acme, signed)
    at = look_at_the_clock()
    change(signed, config={"url": URL.format("new")}, credential_id=None)
    record.refresh_from_db()

    shown = sendings.show_sent(record, PAYLOAD, number=2, at=at)

    assert (shown.method, shown.url, shown.body) == ("POST", URL.format("old"), PAYLOAD)
    assert shown.headers["authorization"] == "[secret]"
    assert shown.headers["x-arklow-attempt"] == "2"
    assert shown.headers["webhook-timestamp"] == str(int(at.timestamp()))
    assert shown.headers["webhook-signature"] == "[secret]"
    now = sendings.show_request(record, PAYLOAD)
    assert (now.url, "authorization" in now.headers) == (URL.format("new"), False)


def test_what_was_sent_by_a_credential_that_is_gone_is_shown_without_it(acme, signed):
    record = hand_in(acme, signed)
    at, credential = look_at_the_clock(), signed.credential
    change(signed, credential_id=None)
    services.delete_credential(credential=credential)

    shown = sendings.show_sent(record, PAYLOAD, number=0, at=at)

    assert shown.url == URL.format("old")
    assert "authorization" not in shown.headers


def test_what_cannot_be_composed_without_a_key_that_is_gone_says_so(acme):
    credential = factories.make_credential(acme, "gcp_service_account")
    topic = factories.make_destination(acme, "google_pubsub", credential_id=credential.pk)
    record = hand_in(acme, topic)
    at = look_at_the_clock()
    change(topic, credential_id=None)
    services.delete_credential(credential=credential)

    with pytest.raises(ConflictError, match="is deleted") as refused:
        sendings.show_sent(record, PAYLOAD, number=0, at=at)
    assert refused.value.faults[0].code == "KEYS_UNUSABLE"


def test_what_nothing_can_be_composed_of_says_why(acme):
    factories.make_signing_key(acme)
    record = hand_in(acme, factories.make_destination(acme, protocol="gateway"))

    with pytest.raises(ConflictError, match="not an object"):
        sendings.show_sent(record, b"[]", number=0, at=look_at_the_clock())


def test_of_a_destination_that_changes_all_the_time_it_is_not_known(acme, signed, monkeypatch):
    monkeypatch.setattr(past, "MOST_CHANGES", 1)
    record = hand_in(acme, signed)
    at = look_at_the_clock()
    change(signed, label="renamed")

    with pytest.raises(ConflictError, match="changed too often"):
        sendings.show_sent(record, PAYLOAD, number=0, at=at)


def test_a_sealed_body_bears_its_time_and_no_seal(acme):
    factories.make_signing_key(acme)
    record = hand_in(acme, factories.make_destination(acme, protocol="gateway"))
    at = look_at_the_clock() - timedelta(days=1)

    shown = sendings.show_sent(record, PAYLOAD, number=0, at=at + timedelta(days=1))

    assert re.search(rb'"signature":"\[secret\]"', shown.body)
    assert b'"timestamp":%d' % int((at + timedelta(days=1)).timestamp()) in shown.body


# --- when it was sent -----------------------------------------------------------------------------


def test_an_attempt_was_sent_when_its_delivery_began(acme, webhook):
    record = hand_in(acme, webhook)
    ended = end(record, milliseconds=1_500)

    assert timelines.find_sent(record, 0) == ended.created_at - timedelta(seconds=1.5)
    assert timelines.find_sent(record, 1) is None


def test_what_a_worker_says_later_does_not_move_it(acme, webhook):
    record = hand_in(acme, webhook)
    delivered = end(record, "delivered", status="ack_wait", milliseconds=10)
    end(record, "succeeded", status="succeeded")

    assert timelines.find_sent(record, 0) == delivered.created_at - timedelta(milliseconds=10)
    moments = timelines.read(record).moments
    assert [bool(one.sent_at) for one in moments] == [False, True, False]


def test_what_was_lost_with_its_dispatcher_may_have_been_sent_before(acme, webhook):
    record = hand_in(acme, webhook)
    lost = end(record, "lease_expired", status="queued")

    assert timelines.find_sent(record, 0) == lost.created_at - timedelta(seconds=40)


@pytest.mark.parametrize(
    ("kind", "event", "detail"),
    [
        ("webhook", "retried", {"verdict": "unavailable", "sent": False}),
        ("webhook", "canceled", None),
        ("sdk", "nacked", {"verdict": "nack"}),
    ],
)
def test_of_what_was_not_sent_there_is_nothing_to_show(acme, kind, event, detail):
    record = hand_in(acme, factories.make_destination(acme, kind))
    end(record, event, detail=detail)

    assert timelines.find_sent(record, 0) is None
    assert not any(one.sent_at for one in timelines.read(record).moments)
