"""The nine behaviours that every kind has a test of, for work that is only kept.

There is no counterpart: each is what accepting an action does, and what nobody can do to it then.
"""

from __future__ import annotations

import pytest

from dispatch.models import ActionRecord
from tests import factories
from tests.client import codes

URL = "/v1/ingress/any"


@pytest.fixture
def sink(acme):
    made = factories.make_destination(acme, "default_sink")
    factories.make_definition(acme, "any", made, schema={"type": "object"})
    return made


@pytest.fixture
def kept(acme, sink):
    return factories.make_record(acme, "any", input={"n": 1})


def test_success(api, sink):
    data = api.data(api.post(URL, {"input": {"n": 1}}))

    record = ActionRecord.objects.get(pk=data["id"])
    assert (data["status"], record.destination) == ("succeeded", sink)
    assert list(record.events.values_list("kind", flat=True)) == ["accepted", "sunk"]


@pytest.mark.parametrize(
    ("signal", "more"), [("ack", {}), ("nack", {"terms": {}}), ("modack", {"seconds": 60})]
)
def test_signal(api, kept, signal, more):
    """Nobody has it: there is nothing to settle."""
    body = {"action_record_id": str(kept.pk), "attempt": 0, **more}

    assert codes(api.post(f"/v1/{signal}", body)) == [("ATTEMPT_OVER", None)]
    assert list(kept.events.values_list("kind", flat=True)) == ["accepted", "sunk"]


def test_slow(kept):
    """It is over the moment it is accepted: no lane, no lease, no deadline."""
    kept.refresh_from_db()

    assert kept.completed_at == kept.created_at
    assert (kept.lane, kept.timeout_at, kept.started_at) == (None, None, None)


def test_refused(api, sink):
    refused = api.post(URL, {"input": 7})

    assert refused.status_code == 400
    assert not ActionRecord.objects.exists()


def test_rate_limited(api, sink):
    """Nothing limits it, also not a pause."""
    api.data(api.post(f"~/destinations/{sink.pk}/pause", {}))
    actions = [{"variant": "any", "input": {"n": n}} for n in range(200)]

    items = api.data(api.post("/v1/batch", {"actions": actions}))["items"]

    assert {item["status"] for item in items} == {"succeeded"}


def test_unreachable(api, kept):
    """It goes nowhere, so that nothing waits for anybody to come back."""
    answer = api.post(f"~/destinations/{kept.destination_id}/test", {"input": {}})

    assert codes(answer) == [("NOT_TESTABLE", None)]
    assert not ActionRecord.objects.exclude(status="succeeded").exists()


def test_huge(api, sink):
    text = "ä" * 400_000
    data = api.data(api.post(URL, {"input": {"text": text}}))

    assert api.data(api.get(f"~/actions/records/{data['id']}"))["input"] == {"text": text}


def test_cancelled(api, kept):
    response = api.post(f"~/actions/records/{kept.pk}/cancel")

    assert (response.status_code, codes(response)) == (409, [("NOT_CANCELABLE", None)])


@pytest.mark.parametrize("type", ["http_bearer", "aws_access_key"])
def test_wrong_credential(api, acme, sink, type):
    """It takes none: there is nobody to show it to."""
    credential = factories.make_credential(acme, type)

    body = {"label": "it", "type": "default_sink", "config": {}}
    answer = api.post(f"~/destinations/{sink.pk}", body | {"credential_id": str(credential.pk)})

    assert codes(answer) == [("CREDENTIAL_MISMATCH", "/credential_id")]
    sink.refresh_from_db()
    assert sink.credential is None
