"""`/v1/orgs/{org_id}/billing`: under which names an organization is known to those who bill it."""

from __future__ import annotations


def test_it_has_what_an_operator_has_put_in(api, acme):
    shown = {"id": str(acme.pk), "org_id": str(acme.pk)}
    assert api.data(api.get("~/billing/")) == shown | {
        "stripe_id": None,
        "usage_provider_id": None,
    }

    acme.stripe_id = "cus_1"
    acme.usage_provider_id = "meter_2"
    acme.save()

    assert api.data(api.get("~/billing/")) == shown | {
        "stripe_id": "cus_1",
        "usage_provider_id": "meter_2",
    }
