"""Approval: what needs one is held until somebody else decides, once, and in time."""

from __future__ import annotations

import hashlib
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from actions import services as actions
from config.errors import ConflictError
from dispatch import approvals, services
from dispatch.models import ActionEvent, ActionPayload, ActionRecord
from operations import reconciliation
from operations.services import advance
from orgs import services as orgs
from orgs.models import ApiKey, Membership, User
from tests import factories
from tests.client import ApiClient, codes
from tests.dispatch.claiming import claim, connected, promote
from tests.dispatch.concurrency import at_once

REASON = {"reason": "It was agreed on."}


@pytest.fixture
def guarded(acme, webhook):
    """The definition `count`, whose actions need approval."""
    return factories.make_definition(acme, to=webhook, requires_approval=True)


@pytest.fixture
def held(acme, guarded, api):
    """An action that acme's owner has handed in with a key."""
    return hand_in(api)


@pytest.fixture
def second(acme):
    """A client with a key of another member."""
    user = User.objects.create_user("second@acme.example")
    member = Membership.objects.create(org=acme, user=user, permissions=["owner"])
    _, material = orgs.create_key(member=member, description="second key")
    return ApiClient(acme, material)


def hand_in(api, variant="count", **fields):
    data = api.data(api.post(f"/v1/ingress/{variant}", {"input": {"n": 1}} | fields))
    assert data["status"] == "held"
    return ActionRecord.objects.get(pk=data["id"])


def decide(api, record, verb="approve", body=REASON):
    return api.post(f"~/actions/records/{record.pk}/{verb}", body)


def kinds_of(record):
    return [event.kind for event in record.events.order_by("id")]


def ago():
    return timezone.now() - timedelta(hours=1)


def test_an_action_that_needs_approval_is_held_and_bound_to_who_and_what(api, acme, held):
    key = ApiKey.objects.get()
    seconds = (held.timeout_at - held.created_at).total_seconds()
    assert (held.status, seconds, held.completed_at) == ("held", 86_400, None)
    accepted, event = held.events.order_by("id")
    assert (accepted.kind, accepted.status, accepted.detail) == ("accepted", "held", None)
    assert (event.kind, event.status, event.attempt) == ("held", "held", 0)
    expires_at = event.detail.pop("expires_at")
    assert expires_at.startswith(f"{held.timeout_at:%Y-%m-%dT%H:%M:%S}")
    assert event.detail == {
        "by": f"key {key.pk}",
        "definition": str(held.definition_id),
        "sha256": hashlib.sha256(b'{"n":1}').hexdigest(),
    }
    data = api.data(api.get(f"~/actions/records/{held.pk}"))
    assert data["state"]["status"] == "held"
    assert data["definition"]["requires_approval"] is True


def test_nothing_held_is_claimed_or_promoted(held):
    assert claim() == []
    assert promote() == (0, 0)
    held.refresh_from_db()
    assert held.status == "held"


def test_every_action_of_a_batch_is_held_that_needs_it(api, acme, webhook, guarded):
    factories.make_definition(acme, "free", to=webhook)
    items = [{"variant": name, "input": {"n": 1}} for name in ("count", "free", "count")]

    data = api.data(api.post("/v1/batch", {"actions": items}))

    assert [item["status"] for item in data["items"]] == ["held", "queued", "held"]


def test_lists_filters_and_lanes_show_what_is_held(api, acme, webhook, held):
    assert api.data(api.get("~/actions/records?status=held"))["count"] == 1
    assert api.data(api.get("~/actions/records?status=queued"))["count"] == 0
    (lane,) = api.data(api.get(f"~/destinations/{webhook.pk}/lanes"))["items"]
    assert (lane["held"], lane["held_exact"], lane["queued"]) == (1, True, 0)
    preview = {"kind": "cancel", "filter": {"status": "held"}}
    assert api.data(api.post("~/actions/bulk/preview", preview))["count"] == 1


def test_what_is_approved_is_due_now_and_delivered(second, held):
    since = factories.move(held, available_at=ago()).available_at

    data = second.data(decide(second, held))

    assert data["state"]["status"] == "queued"
    assert data["state"]["timeout_at"] is None
    approved = data["events"][-1]
    assert (approved["kind"], approved["status"]) == ("approved", "queued")
    key = ApiKey.objects.get(description="second key")
    sha256 = hashlib.sha256(b'{"n":1}').hexdigest()
    assert approved["detail"] == {
        "by": f"key {key.pk}",
        "reason": REASON["reason"],
        "sha256": sha256,
    }
    held.refresh_from_db()
    assert held.available_at > since
    assert [row[0] for row in claim()] == [held.pk]


def test_what_is_approved_before_its_time_waits_for_it(api, second, guarded):
    later = timezone.now() + timedelta(hours=2)
    record = hand_in(api, available_at=later.isoformat())

    second.data(decide(second, record))

    record.refresh_from_db()
    assert (record.status, record.available_at) == ("scheduled", later)
    assert claim() == []


def test_what_is_pulled_can_be_pulled_once_it_is_approved(api, second, acme):
    sdk = factories.make_destination(acme, "sdk")
    factories.make_definition(acme, to=sdk, requires_approval=True)
    record = hand_in(api)
    assert api.data(api.post("/v1/sdk/billing-workers/pull", {}))["items"] == []

    second.data(decide(second, record))

    (item,) = api.data(api.post("/v1/sdk/billing-workers/pull", {}))["items"]
    assert item["action_record_id"] == str(record.pk)


@pytest.mark.parametrize("pushed", [True, False])
def test_an_approval_wakes_those_who_deliver(transactional_db, api, second, acme, pushed):
    to = factories.make_destination(acme, "webhook" if pushed else "sdk")
    factories.make_definition(acme, to=to, requires_approval=True)
    record = hand_in(api)
    with connected() as own:
        own.execute("LISTEN waybill_due")
        own.execute("LISTEN waybill_pull")

        second.data(decide(second, record))

        (told,) = own.notifies(timeout=5, stop_after=1)
    wanted = ("waybill_due", "") if pushed else ("waybill_pull", str(to.pk))
    assert (told.channel, told.payload) == wanted


def test_what_leads_to_a_sink_succeeds_when_it_is_approved(api, second, acme):
    factories.make_definition(acme, requires_approval=True)
    record = hand_in(api)

    data = second.data(decide(second, record))

    assert data["state"]["status"] == "succeeded"
    assert data["state"]["completed_at"] is not None
    assert kinds_of(record) == ["accepted", "held", "approved", "sunk"]


def test_what_is_denied_ends_as_canceled_with_the_reason(second, held):
    data = second.data(decide(second, held, "deny"))

    key = ApiKey.objects.get(description="second key")
    assert data["state"]["status"] == "canceled"
    assert data["state"]["error_message"] == f"Denied by key {key.pk}: It was agreed on."
    event = data["events"][-1]
    assert (event["kind"], event["status"]) == ("denied", "canceled")
    assert event["detail"] == {"by": f"key {key.pk}", "reason": REASON["reason"]}


def test_nobody_approves_what_they_handed_in_themselves(api, acme, held):
    own_other_key = ApiClient(acme, factories.make_key(acme))

    for client in (api, own_other_key):
        response = decide(client, held)

        assert response.status_code == 409
        assert codes(response) == [("SELF_APPROVAL", None)]
    with pytest.raises(ConflictError, match="Somebody else"):
        approvals.approve_record(record=held, actor="owner@acme.example", reason="in the admin")
    held.refresh_from_db()
    assert held.status == "held"


def test_a_deleted_key_is_still_its_persons(api, acme, held):
    ApiKey.objects.update(deleted_at=timezone.now())
    own_other_key = ApiClient(acme, factories.make_key(acme))

    assert codes(decide(own_other_key, held)) == [("SELF_APPROVAL", None)]


def test_whoever_handed_it_in_may_take_it_back(api, held):
    assert api.data(decide(api, held, "deny"))["state"]["status"] == "canceled"


def test_somebody_unknown_is_not_the_same_as_another_unknown(acme, guarded):
    record = factories.make_record(acme)

    approvals.approve_record(record=record, actor="somebody", reason="a test")

    record.refresh_from_db()
    assert record.status == "queued"


@pytest.mark.parametrize("verb", ["approve", "deny"])
def test_a_decision_is_made_once(second, held, verb):
    second.data(decide(second, held, verb))
    before = kinds_of(held)

    for again in ("approve", "deny"):
        response = decide(second, held, again)

        assert response.status_code == 409
        assert codes(response) == [("NOT_HELD", None)]
    assert kinds_of(held) == before


def test_what_was_never_held_is_409(second, record):
    for verb in ("approve", "deny"):
        assert codes(decide(second, record, verb)) == [("NOT_HELD", None)]


@pytest.mark.parametrize(
    "body",
    [
        None,
        {},
        {"reason": ""},
        # Nothing but white space.
        {"reason": " \t\n"},
        {"reason": 7},
        {"reason": "x" * 1_001},
        {"reason": "x", "record": "7"},
        [],
    ],
)
def test_a_decision_needs_a_reason(second, held, body):
    assert decide(second, held, body=body).status_code in (400, 411, 415)
    held.refresh_from_db()
    assert held.status == "held"


def test_a_reason_with_a_nul_character_is_400(second, held):
    assert decide(second, held, body=b'{"reason": "a\\u0000b"}').status_code == 400


def test_another_organizations_action_is_404(globex_api, held):
    for verb in ("approve", "deny"):
        assert codes(decide(globex_api, held, verb)) == [("NOT_FOUND", None)]
    held.refresh_from_db()
    assert held.status == "held"


def test_nobody_approves_when_the_time_is_over(second, held):
    factories.move(held, timeout_at=ago())

    response = decide(second, held)

    assert response.status_code == 409
    assert codes(response) == [("APPROVAL_EXPIRED", None)]


def test_what_nobody_approves_ends_as_canceled(second, held):
    factories.move(held, timeout_at=ago())

    assert promote() == (0, 1)

    held.refresh_from_db()
    assert (held.status, held.error_message) == ("canceled", "Nobody approved it in time.")
    assert held.timeout_at is None
    event = held.events.order_by("id").last()
    assert (event.kind, event.status, event.detail) == ("approval_expired", "canceled", None)
    assert codes(decide(second, held)) == [("NOT_HELD", None)]


def test_its_own_deadline_may_be_over_before(api, second, guarded):
    record = hand_in(api, timeout=60)
    factories.move(record, deadline_at=ago())
    assert codes(decide(second, record)) == [("APPROVAL_EXPIRED", None)]

    promote()

    record.refresh_from_db()
    assert record.status == "failed"
    assert record.error_message.startswith("DEADLINE_EXCEEDED")
    detail = record.events.order_by("id").last().detail
    assert detail == {"while": "held", "sent": False}


def test_an_open_deadline_stays_what_it_was(api, second, guarded):
    record = hand_in(api, timeout=600)

    second.data(decide(second, record))

    deadline_at = record.deadline_at
    record.refresh_from_db()
    assert record.deadline_at == deadline_at


@pytest.mark.django_db(transaction=True)
def test_of_two_who_decide_at_once_one_wins(held):
    def decide_so(number):
        decide = approvals.approve_record if number % 2 else approvals.deny_record
        try:
            decide(record=ActionRecord.objects.get(), actor=f"person {number}", reason="a race")
        except ConflictError as error:
            return error.faults[0].code
        finally:
            connections.close_all()
        return "decided"

    told = at_once(decide_so, range(6))

    assert sorted(told) == ["NOT_HELD"] * 5 + ["decided"]
    assert len(kinds_of(held)) == 3


def test_what_is_canceled_is_approved_no_more(second, held):
    services.cancel_record(record=held, actor="a test")

    assert codes(decide(second, held)) == [("NOT_HELD", None)]
    assert kinds_of(held) == ["accepted", "held", "canceled"]


def test_a_replay_needs_an_approval_of_its_own(api, second, held):
    second.data(decide(second, held))
    services.cancel_record(record=held, actor="a test")

    data = second.data(second.post(f"~/actions/records/{held.pk}/replay"))

    assert data["state"]["status"] == "held"
    again = ActionRecord.objects.get(pk=data["id"])
    # It is the one who replays that hands it in.
    assert codes(decide(second, again)) == [("SELF_APPROVAL", None)]
    assert api.data(decide(api, again))["state"]["status"] == "queued"


def test_a_replay_in_bulk_needs_an_approval_for_each(acme, second, held):
    second.data(decide(second, held, "deny"))
    operation = factories.start_bulk(acme, filter={"status": "canceled"}, actor="key 7")
    while advance(operation.pk):
        pass

    again = ActionRecord.objects.get(replay_of=held.pk)
    assert again.status == "held"
    assert again.events.get(kind="held").detail["by"] == "key 7"


def test_a_held_action_is_not_replayed(api, held):
    assert codes(api.post(f"~/actions/records/{held.pk}/replay")) == [("NOT_OVER", None)]


def test_what_a_definition_becomes_does_not_change_what_is_held(api, second, guarded, held):
    actions.update_definition(definition=guarded, requires_approval=False, held=("admin",))
    factories.make_definition(held.org, schema={"type": "object"})
    assert api.data(api.post("/v1/ingress/count", {"input": {"n": 1}}))["status"] == "queued"
    actions.delete_definition(definition=guarded)
    held.refresh_from_db()
    assert held.status == "held"

    data = second.data(decide(second, held))

    assert (data["state"]["status"], data["definition"]["version"]) == ("queued", 1)


def test_a_destination_that_is_deleted_by_force_takes_what_is_held_with_it(api, second, held):
    path = f"~/destinations/{held.destination_id}"
    assert codes(api.delete(path)) == [("DESTINATION_IN_USE", None)]

    api.data(api.delete(f"{path}?force=true"))

    held.refresh_from_db()
    assert (held.status, held.timeout_at) == ("failed", None)
    assert codes(decide(second, held)) == [("NOT_HELD", None)]


@pytest.mark.parametrize("tampered", ["input", "payload", "definition"])
def test_what_is_not_what_was_held_is_not_approved(second, acme, held, tampered):
    payload = ActionPayload.objects.filter(record=held)
    match tampered:
        case "input":
            payload.update(input=b'{"n":2}')
        case "payload":
            payload.delete()
        case "definition":
            other = factories.make_definition(acme, "other")
            factories.move(held, definition=other)

    assert codes(decide(second, held)) == [("CHANGED_SINCE_HELD", None)]
    held.refresh_from_db()
    assert held.status == "held"


def test_a_call_with_an_idempotency_key_holds_one_action(api, guarded):
    body = {"input": {"n": 1}}
    first, again = (
        api.call("POST", "/v1/ingress/count", body, **{"Idempotency-Key": "one"}) for _ in range(2)
    )

    assert api.data(first) == api.data(again)
    assert ActionRecord.objects.get().status == "held"


def test_held_approved_denied_and_expired_are_all_accounted_for(api, second, guarded):
    waiting, approved, denied, expired = (hand_in(api) for _ in range(4))
    decide(second, approved)
    decide(second, denied, "deny")
    factories.move(expired, timeout_at=ago())
    promote()

    (hour,) = reconciliation.reconcile().in_order

    assert hour.is_sound, str(hour)
    assert (hour.accepted, hour.in_flight, hour.canceled) == (4, 2, 2)
    assert not ActionEvent.objects.filter(record=waiting, kind="approved").exists()
