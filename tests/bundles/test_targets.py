"""Many destinations are written at once, and that is as if it had been one by one."""

from __future__ import annotations

from django.db import connection
from django.test.utils import CaptureQueriesContext

from actions import services as actions
from actions.models import ActionDefinition
from bundles import exports, plans, services
from destinations import services as destinations
from destinations.models import Credential, Destination
from dispatch import services as dispatch
from orgs.models import AuditEntry, SigningKey
from tests import factories
from tests.bundles.bundle import HOOK, action, bundle, carry_out


def aimed(number, *, at):
    """So many destinations, with and without all that they may have."""
    hooks = [
        HOOK | {"label": f"h{one}", "config": {"url": f"https://hooks.example.com/{at}/{one}"}}
        for one in range(number)
    ]
    keys = {"credential": "key", "signing_key": "signer", "tags": {"at": at}}
    return [hook | (keys if index % 2 else {"tags": None}) for index, hook in enumerate(hooks)]


def change_one_by_one(org, targets):
    """What the services make of the same."""
    for entry in targets:
        changes = {"config": entry["config"], "tags": entry["tags"]}
        for name, model in (("credential", Credential), ("signing_key", SigningKey)):
            if name in entry:
                changes[f"{name}_id"] = model.objects.get(org=org, label=entry[name]).pk
        row = Destination.objects.get(org=org, label=entry["label"])
        destinations.update_destination(destination=row, changes=changes)


def find_told(org):
    """What the audit has of an organization's destinations, but for ids and times."""
    kinds = ("destination", "link")
    rows = AuditEntry.objects.filter(org=org, kind__in=kinds).order_by("kind", "id")
    return [(row.kind, row.event, without_ids(row.before), without_ids(row.after)) for row in rows]


def without_ids(columns):
    hidden = {"deleted_at", "created_at"}
    return columns and {
        name: "…" if name in hidden or name.endswith("id") else value
        for name, value in columns.items()
    }


def test_many_destinations_are_changed_and_deleted_as_one_by_one(acme, globex):
    for org in (acme, globex):
        factories.make_credential(org, label="key")
        factories.make_signing_key(org, label="signer")
        linked = action(destinations=["h0", "h1"])
        carry_out(org, bundle(linked, destinations=aimed(4, at="a")))

    carry_out(acme, bundle(destinations=aimed(4, at="b")))
    change_one_by_one(globex, aimed(4, at="b"))
    assert exports.export(acme) == exports.export(globex)
    carry_out(acme, bundle({"variant": "count", "destinations": []}), prune=True)
    one = ActionDefinition.objects.get(org=globex)
    for row in Destination.objects.live().filter(org=globex).order_by("id"):
        if row.label in {"h0", "h1"}:
            actions.unlink_destination(definition=one, destination_id=row.pk)
        dispatch.delete_destination(destination=row, force=False, actor="tests")

    assert find_told(acme) == find_told(globex)
    assert not Destination.objects.live().exists()


def test_many_destinations_take_few_statements(acme):
    def count(document, **options):
        plan = plans.plan(org=acme, document=document, **options)
        with CaptureQueriesContext(connection) as queries:
            services.apply(plan=plan)
        return len(queries)

    factories.make_credential(acme, label="key")
    factories.make_signing_key(acme, label="signer")
    carry_out(acme, bundle(destinations=aimed(60, at="a")))
    assert count(bundle(destinations=aimed(60, at="b"))) < 30
    assert count(bundle(), prune=True) < 30
