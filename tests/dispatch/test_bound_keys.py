"""Keys that are bound to variants: they hand in actions of these, and do nothing else."""

from __future__ import annotations

import pytest

from dispatch.models import ActionRecord
from orgs import permissions
from tests import factories
from tests.client import ApiClient, codes
from tests.routes import ROUTES, make_rows

BODY = {"input": {"n": 1}}


@pytest.fixture
def device(api, acme, definition):
    """A client with a key for the variant `count`, which has the alias `tally`."""
    factories.make_definition(acme, alias=["tally"])
    factories.make_definition(acme, "other", alias=["else"])
    body = {"description": "device", "permissions": ["operator"], "variants": ["count", "later"]}
    made = api.data(api.put("~/keys", body))
    assert (made["permissions"], made["variants"]) == (["operator"], ["count", "later"])
    return ApiClient(acme, made["material"])


@pytest.mark.parametrize("name", ["count", "tally"])
def test_it_hands_in_actions_of_its_variant_by_any_name(device, name):
    assert device.post(f"/v1/ingress/{name}", BODY).status_code == 200
    assert device.post("/v1/ingress", BODY | {"variant": name}).status_code == 200
    batch = device.data(device.post("/v1/batch", {"actions": [BODY | {"variant": name}]}))
    assert batch["accepted"] == 1


@pytest.mark.parametrize("name", ["other", "else", "nothing"])
def test_whether_other_variants_are_there_it_is_not_told(device, name):
    for answer in (
        device.post(f"/v1/ingress/{name}", BODY),
        device.post("/v1/ingress", BODY | {"variant": name}),
        # Nor whether the payload would fit.
        device.post(f"/v1/ingress/{name}", {"input": "nonsense"}),
    ):
        assert (answer.status_code, codes(answer)) == (403, [("VARIANT_NOT_ALLOWED", "/variant")])
        message = answer.json()["errors"][0]["message"]
        assert message == f"This key does not hand in '{name}'."
    assert not ActionRecord.objects.exists()


def test_a_variant_of_its_own_that_is_not_there_is_unknown(device):
    answer = device.post("/v1/ingress/later", BODY)

    assert (answer.status_code, codes(answer)) == (400, [("UNKNOWN_VARIANT", "/variant")])


def test_in_a_batch_each_action_is_judged_by_itself(device):
    actions = [BODY | {"variant": name} for name in ("count", "other")] + [{"no": "action"}]

    batch = device.data(device.post("/v1/batch", {"actions": actions}))

    assert batch["accepted"] == 1
    assert batch["items"][1]["errors"][0]["code"] == "VARIANT_NOT_ALLOWED"
    whole = device.post("/v1/batch?atomic=true", {"actions": actions[:2]})
    assert whole.status_code == 403
    assert codes(whole) == [("VARIANT_NOT_ALLOWED", "/actions/1/variant")]
    assert ActionRecord.objects.count() == 1


def test_it_does_not_read_what_others_were_answered_under_an_idempotency_key(api, device):
    for name in ("other", "count"):
        header = {"Idempotency-Key": name}
        assert api.call("POST", f"/v1/ingress/{name}", BODY, **header).status_code == 200

        answer = device.call("POST", f"/v1/ingress/{name}", BODY, **header)

        assert (answer.status_code, codes(answer)) == (409, [("IDEMPOTENCY_KEY_REUSED", None)])


def test_it_repeats_its_own_calls(device):
    first, second = (
        device.call("POST", "/v1/ingress/count", BODY, **{"Idempotency-Key": "mine"})
        for _ in range(2)
    )

    assert second["Idempotency-Replayed"] == "true"
    assert first.json() == second.json()


def test_it_does_nothing_else(acme, device):
    rows = make_rows(acme)

    for route in ROUTES:
        if str(route) not in permissions.HANDING_IN:
            answer = device.call(route.method, route.fill(rows), route.example)

            assert (answer.status_code, codes(answer)) == (403, [("FORBIDDEN", None)]), route


def test_all_that_hands_in_is_in_the_table():
    assert set(permissions.NEEDED) > permissions.HANDING_IN


def test_it_stops_when_its_member_may_not_operate(acme, device):
    acme.memberships.update(permissions=["viewer"])

    answer = device.post("/v1/ingress/count", BODY)

    assert (answer.status_code, codes(answer)) == (403, [("FORBIDDEN", None)])
