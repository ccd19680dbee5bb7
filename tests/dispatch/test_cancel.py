"""Cancel: ends an action that is not over; what is under way changes nothing any more."""

import pytest

from destinations.outcomes import Outcome, Verdict
from dispatch import retries, services, settlement
from dispatch.models import OPEN, ActionRecord, Status
from tests import factories
from tests.client import codes


def cancel(api, record):
    return api.post(f"~/actions/records/{record.pk}/cancel")


@pytest.mark.parametrize("status", OPEN)
def test_an_open_action_is_canceled(api, record, status):
    timeout_at = record.created_at if status in {"running", "ack_wait"} else None
    factories.move(record, status=status, attempt=1, failures=1, timeout_at=timeout_at)

    data = api.data(cancel(api, record))

    assert data["state"]["status"] == "canceled"
    assert data["state"]["error_message"].startswith("Canceled by key ")
    assert data["state"]["timeout_at"] is None
    assert data["state"]["completed_at"] is not None
    event = data["events"][-1]
    assert (event["kind"], event["status"], event["attempt"]) == ("canceled", "canceled", 1)
    assert event["detail"]["by"].startswith("key ")
    record.refresh_from_db()
    assert (record.attempt, record.failures) == (1, 1)


def test_what_is_not_pushed_can_be_canceled(api, acme):
    factories.make_definition(acme, to=factories.make_destination(acme, "sdk"))

    assert api.data(cancel(api, factories.make_record(acme)))["state"]["status"] == "canceled"


@pytest.mark.parametrize("status", ["succeeded", "failed", "canceled"])
def test_an_action_that_is_over_is_not_canceled(api, record, status):
    factories.move(record, status=status, completed_at=record.created_at)

    response = cancel(api, record)

    assert response.status_code == 409
    assert codes(response) == [("NOT_CANCELABLE", None)]
    record.refresh_from_db()
    assert (record.status, record.events.count()) == (status, 1)


def test_an_action_that_has_moved_on_meanwhile_is_canceled_in_its_new_attempt(record):
    factories.move(ActionRecord.objects.get(), status="running", attempt=1)

    services.cancel_record(record=record, actor="a test")

    canceled = ActionRecord.objects.get()
    assert (canceled.status, canceled.attempt) == ("canceled", 1)
    assert canceled.events.order_by("id").last().attempt == 1


def test_the_late_outcome_of_a_canceled_action_is_only_logged(api, record):
    factories.move(record, status="running")
    api.data(cancel(api, record))

    late = retries.end_attempt(record.pk, 0, 0, Outcome(Verdict.ACK, status=200))
    parameters = settlement.finish_parameters([late], statuses=[Status.RUNNING])
    with settlement.connection.cursor() as cursor:
        cursor.execute(settlement.FLUSH, parameters)

    record.refresh_from_db()
    assert record.status == "canceled"
    event = record.events.order_by("id").last()
    assert (event.kind, event.status, event.attempt) == ("late", "canceled", 0)
    assert event.detail == {"verdict": "ack", "http_status": 200}
