"""Deleting a destination: what uses it stops that, unless it is forced."""

import random

import pytest
from django.db import connection

from actions import services as actions
from config.errors import NotFoundError
from destinations.models import Destination
from destinations.outcomes import Outcome, Verdict
from dispatch import intake, retries, services, settlement
from dispatch.models import OPEN, ActionRecord
from tests import factories
from tests.client import codes
from tests.dispatch.concurrency import at_once


def delete(api, destination, query=""):
    return api.delete(f"~/destinations/{destination.pk}{query}")


def test_a_destination_that_nobody_uses_is_deleted(api, webhook):
    data = api.data(delete(api, webhook))

    assert data["id"] == str(webhook.pk)
    assert data["deleted_at"] is not None
    assert delete(api, webhook).status_code == 404


def test_a_destination_that_is_linked_but_no_default_is_deleted_with_its_links(api, acme, webhook):
    definition = factories.make_definition(acme)
    actions.link_destination(definition=definition, destination_id=webhook.pk, is_default=False)

    api.data(delete(api, webhook))

    assert not definition.links.exists()


def test_a_destination_with_finished_actions_is_deleted(api, definition, webhook, record):
    actions.unlink_destination(definition=definition, destination_id=webhook.pk)
    factories.move(record, status="succeeded", completed_at=record.created_at)

    api.data(delete(api, webhook))

    record.refresh_from_db()
    assert record.status == "succeeded"


def test_the_default_of_a_definition_is_kept_and_its_users_named(api, acme, webhook):
    for number in range(3):
        factories.make_definition(acme, f"variant {number}", to=webhook)

    response = delete(api, webhook)

    assert response.status_code == 409
    assert codes(response) == [("DESTINATION_IN_USE", None)]
    message = response.json()["errors"][0]["message"]
    assert "the default of variant 0 v1, variant 1 v1, variant 2 v1." in message
    assert "actions that are not over" not in message
    assert Destination.objects.live().filter(pk=webhook.pk).exists()


def test_at_most_five_users_are_named(api, acme, webhook):
    for number in range(7):
        factories.make_definition(acme, f"variant {number}", to=webhook)

    message = delete(api, webhook).json()["errors"][0]["message"]

    assert message.count("variant") == 5
    assert "variant 4 v1, …" in message


@pytest.mark.parametrize("status", OPEN)
def test_a_destination_with_open_actions_is_kept(api, definition, webhook, record, status):
    actions.unlink_destination(definition=definition, destination_id=webhook.pk)
    factories.move(record, status=status)

    response = delete(api, webhook)

    assert response.status_code == 409
    message = response.json()["errors"][0]["message"]
    assert f"is the destination of actions that are not over ({record.pk})." in message


def test_both_uses_are_named(api, webhook, record):
    message = delete(api, webhook).json()["errors"][0]["message"]

    assert "is the default of count v1 and the destination of actions" in message


@pytest.mark.parametrize("status", OPEN)
def test_force_ends_open_actions_as_failed(api, webhook, record, status):
    factories.move(record, status=status, attempt=2, failures=1, timeout_at=record.created_at)

    api.data(delete(api, webhook, "?force=true"))

    record.refresh_from_db()
    assert (record.status, record.attempt, record.failures) == ("failed", 2, 1)
    assert (record.timeout_at, record.completed_at) == (None, record.updated_at)
    assert record.error_message == services.DESTINATION_DELETED
    event = record.events.order_by("id").last()
    assert (event.kind, event.status, event.attempt) == ("failed", "failed", 2)
    assert event.detail["message"] == services.DESTINATION_DELETED
    assert event.detail["by"].startswith("key ")


def test_force_touches_nothing_else(api, acme, definition, webhook, record):
    over = factories.make_record(acme)
    factories.move(over, status="succeeded", completed_at=over.created_at)
    factories.make_definition(acme, "other", to=factories.make_destination(acme))
    elsewhere = factories.make_record(acme, "other")

    api.data(delete(api, webhook, "?force=1"))

    statuses = dict(ActionRecord.objects.values_list("id", "status"))
    assert statuses == {record.pk: "failed", over.pk: "succeeded", elsewhere.pk: "queued"}
    assert not definition.links.exists()


def test_what_was_ended_can_be_replayed_after_relinking(api, acme, definition, webhook, record):
    api.data(delete(api, webhook, "?force=true"))
    other = factories.make_destination(acme)
    actions.link_destination(definition=definition, destination_id=other.pk, is_default=True)

    data = api.data(api.post(f"~/actions/records/{record.pk}/replay"))

    assert (data["state"]["status"], data["destination_id"]) == ("queued", str(other.pk))


def test_a_late_outcome_of_what_was_ended_changes_nothing(api, webhook, record):
    factories.move(record, status="running")
    api.data(delete(api, webhook, "?force=true"))

    assert not settlement.finish(retries.end_attempt(record.pk, 0, 0, Outcome(Verdict.ACK)))


def test_actions_after_the_deletion_go_to_the_sink(api, acme, webhook, definition):
    factories.make_record(acme)
    api.data(delete(api, webhook, "?force=true"))

    assert factories.make_record(acme).status == "succeeded"


def test_a_wrong_force_is_400(api, webhook):
    assert codes(delete(api, webhook, "?force=yes")) == [("INVALID_PARAMETER", "/force")]


def test_another_organizations_destination_is_not_there(globex_api, webhook):
    assert delete(globex_api, webhook).status_code == 404
    assert delete(globex_api, webhook, "?force=true").status_code == 404


def test_a_destination_that_was_deleted_meanwhile_is_not_there(webhook):
    services.delete_destination(destination=webhook, force=False, actor="a test")

    with pytest.raises(NotFoundError):
        services.delete_destination(destination=webhook, force=False, actor="a test")


@pytest.fixture
def deleted_after_routing(webhook, monkeypatch):
    """The webhook is deleted just after the next submission was routed to it."""
    resolve = intake.resolve

    def resolve_and_delete(*arguments):
        routes = resolve(*arguments)
        monkeypatch.setattr(intake, "resolve", resolve)
        services.delete_destination(destination=webhook, force=True, actor="a test")
        return routes

    monkeypatch.setattr(intake, "resolve", resolve_and_delete)


@pytest.mark.usefixtures("definition", "deleted_after_routing")
def test_what_was_routed_just_before_the_deletion_is_routed_anew(api, acme):
    data = api.data(api.post("/v1/ingress/count", {"input": {"n": 1}}))

    record = ActionRecord.objects.get()
    assert (data["id"], record.destination.type) == (str(record.pk), "default_sink")


def test_a_replay_routed_just_before_the_deletion_is_409(
    api, definition, record, deleted_after_routing
):
    factories.move(record, status="failed", completed_at=record.created_at)

    response = api.post(f"~/actions/records/{record.pk}/replay")

    assert response.status_code == 409
    assert codes(response) == [("DESTINATION_DELETED", None)]
    assert ActionRecord.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_no_action_is_left_open_by_a_concurrent_deletion(acme, definition, webhook):
    def act(number):
        if number == 0:
            services.delete_destination(destination=webhook, force=True, actor="a test")
            return []
        submissions = [intake.Submission("count", {"n": n}) for n in range(20)]
        return [one.id for one in intake.accept(acme.pk, submissions, atomic=False)]

    ids = [record_id for found in at_once(act, range(6)) for record_id in found]

    assert len(ids) == 100
    assert ActionRecord.objects.filter(status__in=["failed", "succeeded"]).count() == 100


@pytest.mark.django_db(transaction=True)
def test_a_forced_deletion_and_the_writing_of_outcomes_never_deadlock(webhook, definition):
    lane = factories.make_lane(webhook)
    for _ in range(10):
        ids = factories.make_records(lane, definition, 300, status="running")
        random.shuffle(ids)
        endings = [retries.end_attempt(pk, 0, 0, Outcome(Verdict.ACK)) for pk in ids]
        statements = [
            (services.END_OPEN, {"destinations": [webhook.pk], "error": "gone", "actor": "a test"}),
            (
                settlement.FINISH,
                settlement.finish_parameters(endings, statuses=["running"]),
            ),
        ]

        def execute(statement):
            with connection.cursor() as cursor:
                cursor.execute(*statement)

        at_once(execute, statements)

        assert not ActionRecord.objects.filter(completed_at=None).exists()
