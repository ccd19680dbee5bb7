"""Plans are carried out whole, or not at all; test_batches.py has those that take several."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext

from actions import services as actions
from actions.models import ActionDefinition
from bundles import exports, plans, services, writing
from bundles.planning import states
from bundles.services import Applied
from bundles.writing import StaleError
from config.errors import ConflictError, ForbiddenError
from destinations import services as destinations
from destinations.models import Destination
from dispatch import services as dispatch
from orgs.models import AuditEntry
from tests import factories
from tests.bundles.bundle import HOOK, SINK, action, bundle, carry_out

# What happens between planning and applying.
MEANWHILE = {
    "another version": lambda org: factories.make_definition(org, schema={"type": "array"}),
    "an alias": lambda org: factories.make_definition(org, alias=["c.nine"]),
    "a description": lambda org: factories.make_definition(org, description="Another."),
    "a link": lambda org: actions.link_destination(
        definition=ActionDefinition.objects.get(variant="count"),
        destination_id=Destination.objects.get(label="sink").pk,
    ),
    "a deleted definition": lambda org: actions.delete_definition(
        definition=ActionDefinition.objects.get(variant="count")
    ),
    "a destination's config": lambda org: destinations.update_destination(
        destination=Destination.objects.get(label="hook"),
        changes={"config": {"url": "https://hooks.example.com/z"}},
    ),
    "a deleted destination": lambda org: dispatch.delete_destination(
        destination=Destination.objects.get(label="sink"), force=True, actor="tests"
    ),
    "a name that is taken": lambda org: factories.make_definition(org, "other", alias=["c.new"]),
    "a label that is taken": lambda org: factories.make_destination(org, label="new"),
    "a credential's label": lambda org: destinations.update_credential(
        credential=org.credentials.get(), changes={"label": "renamed"}
    ),
}


@pytest.mark.parametrize("meanwhile", MEANWHILE)
def test_what_was_planned_for_something_else_is_refused(acme, meanwhile):
    factories.make_credential(acme, label="key")
    carry_out(acme, bundle(action(aliases=["c.one"], destinations=["hook"]), destinations=[HOOK]))
    carry_out(acme, bundle(destinations=[SINK]))
    plan = plans.plan(
        org=acme,
        document=bundle(
            action(schema={"type": "object"}, aliases=["c.new"], destinations=["hook", "sink"]),
            destinations=[HOOK, HOOK | {"label": "new", "credential": "key"}],
        ),
    )
    MEANWHILE[meanwhile](acme)
    before = exports.export(acme)

    with pytest.raises(StaleError) as caught:
        services.apply(plan=plan)
    assert [fault.code for fault in caught.value.faults] == ["PLAN_STALE"]
    assert " (" in str(caught.value)
    assert exports.export(acme) == before


def test_what_the_plan_does_not_speak_of_may_change(acme):
    plan = plans.plan(org=acme, document=bundle(action()))
    factories.make_definition(acme, "other")
    factories.make_destination(acme)

    assert services.apply(plan=plan) == Applied(created=1)
    with pytest.raises(StaleError):
        services.apply(plan=plan)


def test_what_is_there_in_spite_of_all_is_a_stale_plan(acme, monkeypatch):
    plan = plans.plan(org=acme, document=bundle(destinations=[HOOK]))
    factories.make_destination(acme, label="hook")
    # As if it had been made after the look.
    looks = iter([plan.state])
    read = states.read
    monkeypatch.setattr(states, "read", lambda *args: next(looks, None) or read(*args))

    with pytest.raises(StaleError, match=r"\(destination 'hook'\)"):
        services.apply(plan=plan)


def test_only_what_is_there_already_is_a_stale_plan(acme, monkeypatch):
    def fail(writer, steps):
        ActionDefinition.objects.create(org=acme, variant="x", version=0, schema=b"{}")

    plan = plans.plan(org=acme, document=bundle(action()))
    monkeypatch.setattr(writing.Writer, "write", fail)
    with pytest.raises(IntegrityError, match="definition_version_from_one"):
        services.apply(plan=plan)


def test_lifting_approval_takes_an_admin(acme):
    factories.make_definition(acme, requires_approval=True)
    plan = plans.plan(org=acme, document=bundle(action(requires_approval=False)))

    with pytest.raises(ForbiddenError) as caught:
        services.apply(plan=plan, held=["editor"])
    assert [fault.pointer for fault in caught.value.faults] == ["/actions/0/requires_approval"]
    services.apply(plan=plan, held=["admin"])
    assert not ActionDefinition.objects.get().requires_approval


def test_open_work_that_came_meanwhile_stops_a_prune(acme, definition):
    plan = plans.plan(org=acme, document=bundle({"variant": "count"}), prune=True)
    assert not plan.changes
    plan = plans.plan(org=acme, document=bundle(), prune=True)
    factories.make_record(acme)
    before = exports.export(acme)

    with pytest.raises(ConflictError) as caught:
        services.apply(plan=plan)
    assert [fault.code for fault in caught.value.faults] == ["DESTINATION_IN_USE"]
    assert exports.export(acme) == before


def test_the_audit_tells_of_each_row(acme):
    last = AuditEntry.objects.latest("id").pk
    carry_out(acme, bundle(action(aliases=["c.one"], destinations=["hook"]), destinations=[HOOK]))
    kinds = AuditEntry.objects.filter(id__gt=last).order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["destination", "action definition", "name", "name", "link"]


def test_it_takes_few_statements_for_many_steps(acme):
    given = [action(f"v{one}", aliases=[f"a{one}"], destinations=["hook"]) for one in range(200)]
    plan = plans.plan(org=acme, document=bundle(*given, destinations=[HOOK]))

    with CaptureQueriesContext(connection) as queries:
        services.apply(plan=plan)
    assert len(queries) < 40
