"""Labels of destinations: held once among live ones, and the default sink's own."""

from __future__ import annotations

from destinations import services
from destinations.models import Destination
from dispatch.services import delete_destination
from tests import factories
from tests.client import codes

NEW = {
    "label": "orders",
    "type": "webhook",
    "config": {"url": "https://hooks.example.com/orders"},
}


def test_a_label_is_held_once_among_live_destinations(api):
    api.data(api.put("~/destinations", NEW))

    refused = api.put("~/destinations", NEW | {"type": "sdk", "config": {"namespace": "n"}})

    assert refused.status_code == 409
    assert codes(refused) == [("LABEL_TAKEN", "/label")]
    assert Destination.objects.count() == 1


def test_a_label_is_freed_when_its_destination_is_deleted(api):
    first = api.data(api.put("~/destinations", NEW))
    deleted = api.data(api.delete(f"~/destinations/{first['id']}"))

    second = api.data(api.put("~/destinations", NEW))

    assert deleted["deleted_at"] is not None
    assert second["id"] != first["id"]


def test_another_organization_may_use_the_label(api, globex_api):
    api.data(api.put("~/destinations", NEW))
    assert globex_api.data(globex_api.put("~/destinations", NEW))


def test_a_label_that_another_one_holds_is_refused_on_update(api, acme):
    factories.make_destination(acme, label="held")
    other = factories.make_destination(acme, label="other")

    refused = api.post(f"~/destinations/{other.pk}", {"label": "held"})

    assert refused.status_code == 409
    assert codes(refused) == [("LABEL_TAKEN", "/label")]
    other.refresh_from_db()
    assert other.label == "other"


# --- the default sink -----------------------------------------------------------------------------


def test_the_oldest_live_sink_is_the_default_one(acme):
    first = factories.make_destination(acme, "default_sink")
    second = factories.make_destination(acme, "default_sink")

    assert services.ensure_sink(org_id=acme.pk) == first
    delete_destination(destination=first, force=False, actor="a test")
    assert services.ensure_sink(org_id=acme.pk) == second


def test_a_sink_is_made_once_when_there_is_none(acme, globex):
    made = services.ensure_sink(org_id=acme.pk)

    assert (made.label, made.type, made.config) == ("default_sink", "default_sink", {})
    assert services.ensure_sink(org_id=acme.pk) == made
    assert services.ensure_sink(org_id=globex.pk) != made


def test_a_sink_finds_a_label_whatever_labels_are_taken(acme):
    for label in ("default_sink", "default_sink 2", "default_sink (automatic)"):
        factories.make_destination(acme, label=label)

    assert services.ensure_sink(org_id=acme.pk).label == "default_sink 3"
