"""A token endpoint that is down is nothing the destination can help: its lane stays as it is."""

from __future__ import annotations

import pytest

from destinations import services
from dispatch.models import ActionEvent, ActionRecord, Lane
from tests import factories
from tests.destinations.receiver import refusing
from tests.dispatch.background import Answer, Receiver, wait_until

COUNT = 15


@pytest.fixture
def token_server(background):
    server = Receiver()
    background.run(server.start())
    yield server
    background.run(server.stop())


@pytest.fixture
def make_authorized(acme, receiver, transactional_db, private_networks):
    """The definition `count`, whose destination wants a token that comes from this URL."""

    def make(token_url):
        secret = {"token_url": token_url, "client_id": "waybill", "client_secret": "pl4nted-secret"}
        credential = services.create_credential(
            org_id=acme.pk, type="oauth2_client_credentials", label="tokens", secret=secret
        )
        destination = factories.make_receiving(acme, receiver.url)
        services.update_destination(
            destination=destination, changes={"credential_id": credential.pk}
        )
        return factories.make_definition(acme, to=destination)

    return make


def deliver(acme, start_dispatcher, status):
    """What became of some actions, and their lane."""
    for _ in range(COUNT):
        factories.make_record(acme)
    (lane,) = Lane.objects.all()
    Lane.objects.update(running_limit=8)
    start_dispatcher()
    wait_until(lambda: ActionRecord.objects.filter(status=status).count() == COUNT)
    lane.refresh_from_db()
    return lane


def test_a_token_goes_with_every_delivery(
    acme, make_authorized, receiver, token_server, start_dispatcher
):
    token_server.otherwise = Answer(body=b'{"access_token": "t0ken", "token_type": "Bearer"}')
    make_authorized(token_server.url)

    deliver(acme, start_dispatcher, "succeeded")

    assert {one.headers["Authorization"] for one in receiver.received} == {"Bearer t0ken"}
    assert len(token_server.received) == 1


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (None, "cannot be reached"),
        (Answer(503), "answers HTTP 503: see whether it is up"),
        (
            Answer(401, body=b'{"error": "invalid_client"}'),
            "answers HTTP 401 (invalid_client): update its client_id or client_secret.",
        ),
    ],
)
def test_without_a_token_everything_is_retried_uncounted_and_the_lane_stays_open(
    acme, make_authorized, receiver, token_server, start_dispatcher, answer, says
):
    with refusing() as nowhere:
        if answer:
            token_server.otherwise = answer
        make_authorized(token_server.url if answer else nowhere)
        lane = deliver(acme, start_dispatcher, "scheduled")

    assert receiver.received == []
    assert set(ActionRecord.objects.values_list("failures", flat=True)) == {0}
    assert (lane.running_limit, lane.opened, lane.paused_until) == (8, 0, None)
    details = [event.detail for event in ActionEvent.objects.filter(kind="retried")]
    assert {(one["verdict"], one["sent"]) for one in details} == {("ours", False)}
    assert all(says in one["message"] for one in details)
    assert "pl4nted" not in str(details)
