"""Plans are carried out whole, or not at all, or in batches that go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from urllib.parse import urlsplit

import orjson
import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from actions import services as actions
from actions.models import ActionDefinition, DefinitionName
from bundles import exports, plans, services
from bundles.planning import states
from bundles.services import Applied
from bundles.writing import StaleError
from config.errors import ConflictError, ForbiddenError
from destinations import services as destinations
from destinations.models import Destination
from dispatch import services as dispatch
from orgs.models import AuditEntry
from tests import factories
from tests.bundles.bundle import HOOK, SINK, action, bundle, carry_out, told

# For each case a process, which kills itself when so many steps are written; what they end by.
KILLED = """
import os, signal, sys
import django
django.setup()
import orjson
from bundles import plans, services
from orgs.models import Organization
document, cases = map(orjson.loads, sys.argv[1:])

def apply(org_id, limit, at):
    services.MOST_AT_ONCE, services.WRITTEN_AT_ONCE = limit, 1
    written = []
    def progress(steps):
        written.append(steps)
        if sum(written) == at:
            os.kill(os.getpid(), signal.SIGKILL)
    org = Organization.objects.get(pk=org_id)
    services.apply(plan=plans.plan(org=org, document=document), progress=progress)

for case in cases:
    child = os.fork()
    if not child:
        apply(*case)
        os._exit(0)
    print(os.WTERMSIG(os.waitpid(child, 0)[1]))
"""


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


@pytest.fixture
def small_batches(monkeypatch):
    """Three steps a batch, two of them written at a time."""
    monkeypatch.setattr(services, "MOST_AT_ONCE", 3)
    monkeypatch.setattr(services, "WRITTEN_AT_ONCE", 2)


MANY = bundle(
    *(
        action(f"v{number}", aliases=[f"a{number}"], destinations=["hook", "sink"])
        for number in range(7)
    ),
    action(
        "exact",
        versions=[{"version": one, "schema": {"title": str(one)}} for one in (1, 2, 3, 4, 5)],
    ),
    action("last"),
    destinations=[HOOK, SINK],
)


def test_batches_do_what_one_transaction_does(acme, globex, small_batches, monkeypatch):
    told_of = []
    plan = plans.plan(org=acme, document=MANY)
    assert services.apply(plan=plan, progress=told_of.append) == Applied(created=15)
    assert sum(told_of) == 15
    assert max(told_of) == 2

    monkeypatch.setattr(services, "MOST_AT_ONCE", 1_000)
    carry_out(globex, MANY)
    assert exports.export(acme) == exports.export(globex)


class BrokenOffError(Exception):
    """Somebody has had enough."""


@pytest.mark.parametrize("at", range(1, 15, 3))
def test_what_is_broken_off_between_batches_goes_on(acme, globex, small_batches, at):
    def progress(steps):
        done.append(steps)
        if sum(done) >= at:
            raise BrokenOffError

    done = []
    with pytest.raises(BrokenOffError):
        services.apply(plan=plans.plan(org=acme, document=MANY), progress=progress)
    carry_out(acme, MANY)
    assert not plans.plan(org=acme, document=MANY, prune=True).changes
    assert ActionDefinition.objects.count() == 13


def test_names_change_hands_between_batches(acme, monkeypatch):
    monkeypatch.setattr(services, "MOST_AT_ONCE", 1)
    names = "abcd"
    carry_out(acme, bundle(*(action(f"v{one}", aliases=[one]) for one in names)))
    turned = bundle(*(action(f"v{one}", aliases=[names[names.index(one) - 1]]) for one in names))

    for _ in range(len(names)):
        plan = plans.plan(org=acme, document=turned)
        try:
            services.apply(plan=plan)
        except StaleError:
            continue
        break
    assert not plans.plan(org=acme, document=turned).changes
    assert DefinitionName.objects.filter(kind="alias").count() == 4


def test_a_batch_takes_no_name_that_has_changed_hands_since(acme, small_batches):
    plan = plans.plan(
        org=acme, document=bundle(*(action(f"v{one}", aliases=[f"a{one}"]) for one in range(4)))
    )
    factories.make_definition(acme, "other", alias=["a1"])

    with pytest.raises(StaleError):
        services.apply(plan=plan)
    assert told(plans.plan(org=acme, document=bundle({"variant": "other"}))) == ["keep other v1"]


def test_a_batch_links_to_no_destination_that_is_gone(acme, small_batches):
    carry_out(acme, bundle(destinations=[SINK]))
    plan = plans.plan(
        org=acme,
        document=bundle(*(action(f"v{one}", destinations=["sink"]) for one in range(4))),
    )
    sink = Destination.objects.get()
    dispatch.delete_destination(destination=sink, force=True, actor="tests")

    with pytest.raises(StaleError):
        services.apply(plan=plan)
    assert not ActionDefinition.objects.exists()


# The most steps of a transaction, at which step it is killed, and what is there then.
KILLS = (
    # All or nothing: killed at the first step, in the middle, at the last one.
    (1_000, 1, 0),
    (1_000, 4, 0),
    (1_000, 8, 0),
    # Batches of at least three: what was committed is there.
    (3, 5, 3),
    (3, 8, 6),
)


@pytest.mark.django_db(transaction=True)
def test_a_killed_process_leaves_whole_batches(start_process):
    seven = (action(f"v{one}", destinations=["hook"]) for one in range(7))
    document = bundle(*seven, destinations=[HOOK])
    orgs = [factories.make_org(f"Number {number}") for number in range(len(KILLS))]
    cases = [(org.pk, limit, at) for org, (limit, at, _) in zip(orgs, KILLS, strict=True)]
    url = urlsplit(os.environ["DATABASE_URL"])
    database = url._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    environment = {"DATABASE_URL": database, "DJANGO_SETTINGS_MODULE": "config.settings"}
    given = (orjson.dumps(one).decode() for one in (document, cases))
    command = [sys.executable, "-c", KILLED, *given]

    process = start_process(command, env=os.environ | environment, stdout=subprocess.PIPE)
    told, _ = process.communicate(timeout=120)
    assert list(map(int, told.split())) == [signal.SIGKILL] * len(KILLS)
    wait_for_rollback()
    for org, (_, _, left) in zip(orgs, KILLS, strict=True):
        rows = [model.objects.of_org(org.pk) for model in (ActionDefinition, Destination)]
        assert sum(found.count() for found in rows) == left
        carry_out(org, document)
        assert not plans.plan(org=org, document=document, prune=True).changes
        # Read at one moment, in a transaction of its own.
        assert len(exports.export(org)["actions"]) == 7


def wait_for_rollback():
    """Until the killed ones' transactions are over: their locks are the organizations' rows."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT FROM orgs_organization FOR UPDATE")
