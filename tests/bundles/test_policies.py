"""Policies of compatibility in bundles: what is judged beside what, and what is only carried."""

from __future__ import annotations

import time

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from actions import compatibility
from actions import services as actions
from actions.compatibility import Report, Verdict
from actions.models import ActionDefinition
from bundles import exports, plans
from bundles.planning.policies import Judge
from bundles.revisions import services
from config.errors import DomainError
from orgs.models import AuditEntry
from tests import factories
from tests.bundles.bundle import action, bundle, carry_out, told
from tests.client import codes

WIDER = {"type": "object"}
NARROWER = {"type": "object", "required": ["n"]}
REVISIONS = "~/config/revisions"


@pytest.fixture(autouse=True)
def judged(monkeypatch):
    """What requires something is compatible with nothing; how that is found has its own tests.

    What was compared, as (old, new).
    """
    seen = []

    def compare(old, new, **terms):
        seen.append((old, new))
        breaks = isinstance(new, dict) and "required" in new
        return Report(Verdict.INCOMPATIBLE if breaks else Verdict.COMPATIBLE)

    monkeypatch.setattr(compatibility, "compare_apart", compare)
    return seen


def find_faults(org, *given, **options):
    with pytest.raises(DomainError) as caught:
        plans.plan(org=org, document=bundle(*given), **options)
    return caught.value.faults


def plan(org, *given, **options):
    return plans.plan(org=org, document=bundle(*given), **options)


def list_versions(*schemas, first=1):
    return [{"version": first + one, "schema": schema} for one, schema in enumerate(schemas)]


def test_a_version_that_breaks_the_policy_is_refused(acme):
    carry_out(acme, bundle(action(compatibility="backward", schema=WIDER)))

    faults = find_faults(acme, action(schema=NARROWER))
    assert {fault.code for fault in faults} == {"INCOMPATIBLE"}
    assert all(fault.pointer.startswith("/actions/0/schema") for fault in faults)
    assert told(plan(acme, action(schema=True))) == ["create count v2"]
    # The policy may be given up.
    assert told(plan(acme, action(schema=NARROWER, compatibility="none"))) == [
        "update count v1",
        "create count v2",
    ]


def test_further_versions_are_judged_beside_those_of_the_same_document(acme, judged):
    first = factories.make_definition(acme, schema=True)
    listed = list_versions(WIDER, NARROWER, first=2)
    faults = find_faults(acme, action(versions=listed, compatibility="full_transitive"))

    # Of two of the same document, each is told of the other.
    assert {fault.pointer for fault in faults} == {
        f"/actions/0/versions/{one}/schema" for one in (0, 1)
    }
    assert (True, WIDER) in judged
    # One that is not stored yet has no id.
    beside = {fault.finding["version"]: fault.finding for fault in faults}
    assert beside[1]["action_definition_id"] == str(first.pk)
    assert "action_definition_id" not in beside[2]


def test_what_another_organization_has_published_is_history(acme, globex, judged):
    carry_out(acme, bundle(action(versions=list_versions(WIDER, NARROWER))))
    carry_out(acme, bundle({"variant": "count", "compatibility": "full_transitive"}))
    exported = exports.export(acme)

    carry_out(globex, exported)
    assert exports.export(globex) == exported
    # Nor is what comes back where nothing of it was left.
    carry_out(globex, bundle(), prune=True)
    carry_out(globex, exported)
    assert exports.export(globex) == exported
    assert judged == []
    assert find_faults(globex, action(schema=NARROWER | {"title": "3"}))


def test_what_goes_is_not_judged_beside(acme, judged):
    carry_out(acme, bundle(action(versions=list_versions(WIDER), compatibility="backward")))

    listed = {"variant": "count", "versions": list_versions(NARROWER, first=2)}
    assert find_faults(acme, listed)
    assert judged == [(WIDER, NARROWER)]
    assert told(plan(acme, listed, prune=True)) == ["prune count v1", "create count v2"]
    # Beside what stays, it is.
    both = {"variant": "count", "versions": list_versions(WIDER, NARROWER)}
    assert {fault.finding["version"] for fault in find_faults(acme, both, prune=True)} == {1}


def test_an_export_restores_what_it_was_taken_of(acme, judged):
    carry_out(acme, bundle(action(versions=list_versions(NARROWER), compatibility="backward")))
    exported = exports.export(acme)
    # What is live then accepts less than what comes back, or more.
    for between in (WIDER, NARROWER | {"title": "2"}):
        listed = {"variant": "count", "versions": [{"version": 2, "schema": between}]}
        carry_out(acme, bundle(listed | {"compatibility": "none"}), prune=True)
        carry_out(acme, exported, prune=True)
        assert exports.export(acme) == exported
        ActionDefinition.objects.filter(version=2).delete()
    assert judged == []


def test_an_export_restores_versions_that_are_older_than_the_policy(acme):
    carry_out(acme, bundle(action(versions=list_versions(WIDER, NARROWER))))
    carry_out(acme, bundle({"variant": "count", "compatibility": "backward"}))
    exported = exports.export(acme)
    actions.delete_definition(definition=ActionDefinition.objects.get(version=2))

    # By itself, what comes back is judged as what is new.
    assert find_faults(acme, *exported["actions"])
    carry_out(acme, exported, prune=True)
    assert exports.export(acme) == exported


@pytest.fixture
def mixed(acme):
    """What a process of an earlier release has added, while another one was rolled out.

    The version that was stored first has the policy; it is the higher one.
    """
    factories.make_definition(acme, version=2, schema=WIDER, compatibility="backward")
    factories.make_definition(acme, version=1, schema=True)
    ActionDefinition.objects.filter(version=1).update(compatibility="none")
    return acme


def stored():
    rows = ActionDefinition.objects.order_by("version")
    return dict(rows.values_list("version", "compatibility"))


def test_the_policy_is_read_as_the_registry_reads_it(mixed, globex):
    exported = exports.export(mixed)
    assert exported["actions"][0]["compatibility"] == "backward"
    assert not plans.plan(org=mixed, document=exported, prune=True).changes
    assert find_faults(mixed, action(schema=NARROWER))
    carry_out(globex, exported)
    assert set(ActionDefinition.objects.filter(org=globex).values_list("compatibility")) == {
        ("backward",)
    }


@pytest.mark.parametrize("said", [{}, {"compatibility": "backward"}])
def test_no_version_is_touched_that_is_kept(mixed, said):
    last = AuditEntry.objects.latest("id").pk
    made = carry_out(mixed, bundle(action(schema={"title": "3"}, **said)))

    assert told(made) == ["create count v3"]
    assert stored() == {1: "none", 2: "backward", 3: "backward"}
    changed = AuditEntry.objects.filter(id__gt=last, kind="action definition")
    assert [entry.event for entry in changed] == ["created"]


def test_a_policy_that_is_named_is_of_all_versions(mixed):
    actions.delete_definition(definition=ActionDefinition.objects.get(version=2))
    made = carry_out(mixed, bundle(action(schema={"title": "3"}, compatibility="forward")))

    assert told(made) == ["update count v1", "create count v3"]
    assert stored() == dict.fromkeys((1, 2, 3), "forward")


def test_judging_asks_as_often_for_many_as_for_one(acme, monkeypatch):
    variants = [f"v{number}" for number in range(12)]
    carry_out(acme, bundle(*(action(one, schema=True) for one in variants)))
    ActionDefinition.objects.update(compatibility="backward")

    def count(some):
        with CaptureQueriesContext(connection) as queries:
            plan(acme, *(action(one, schema=WIDER) for one in some))
        return len(queries)

    few = count(variants[:1])
    assert count(variants) == few
    monkeypatch.setattr("actions.policies.READ_AT_ONCE", 5)
    assert count(variants) == few + 2


def test_what_is_not_judged_in_time_is_not_published_whatever_is_allowed(acme, judged):
    carry_out(acme, bundle(action(versions=list_versions(True, WIDER))))
    ActionDefinition.objects.update(compatibility="full_transitive")
    further = action(versions=list_versions({"title": "3"}, {"title": "4"}, first=3))

    for allowing in (False, True):
        late = Judge(acme.pk, allow_indeterminate=allowing, seconds=0)
        faults = find_faults(acme, further, judge=late)
        assert [(fault.code, fault.pointer) for fault in faults] == [
            ("COMPATIBILITY_INDETERMINATE", f"/actions/0/versions/{one}/schema") for one in (0, 1)
        ]
        assert faults[0].finding["rule"] == "NOT_JUDGED_IN_TIME"
    # Nor is it read.
    assert judged == []


def test_time_that_is_over_meanwhile_is_not_allowed_either(acme, monkeypatch):
    def compare(old, new, *, deadline, **terms):
        while time.monotonic() < deadline:
            time.sleep(0.01)
        return compatibility.TOO_LATE

    carry_out(acme, bundle(action(schema=WIDER, compatibility="backward")))
    monkeypatch.setattr(compatibility, "compare_apart", compare)
    late = Judge(acme.pk, allow_indeterminate=True, seconds=0.1)
    (fault,) = find_faults(acme, action(schema=NARROWER), judge=late)
    assert fault.finding["rule"] == "NOT_JUDGED_IN_TIME"


def test_what_takes_too_long_by_itself_may_be_allowed(acme, monkeypatch):
    carry_out(acme, bundle(action(schema=WIDER, compatibility="backward")))
    monkeypatch.setattr(
        compatibility, "compare_apart", lambda old, new, **terms: compatibility.TOO_LATE
    )
    assert find_faults(acme, action(schema=NARROWER))
    made = plan(acme, action(schema=NARROWER), judge=Judge(acme.pk, allow_indeterminate=True))
    assert told(made) == ["create count v2"]


def test_a_revision_is_judged_for_a_minute_and_no_longer(api, judged, monkeypatch):
    carry_out(api.org, bundle(action(compatibility="backward", schema=True)))
    body = {"definition": bundle(action(schema=WIDER)), "allow_indeterminate": True}
    assert services.SECONDS == 60
    monkeypatch.setattr(services, "SECONDS", 0)
    assert codes(api.post(REVISIONS, body)) == [
        ("COMPATIBILITY_INDETERMINATE", "/definition/actions/0/schema")
    ]
    assert judged == []


def test_no_more_is_judged_than_faults_are_told(acme, judged, monkeypatch):
    monkeypatch.setattr("bundles.plans.MAX_FAULTS", 2)
    variants = [f"v{number}" for number in range(4)]
    carry_out(acme, bundle(*(action(one, schema=True) for one in variants)))
    ActionDefinition.objects.update(compatibility="backward")

    assert len(find_faults(acme, *(action(one, schema=NARROWER) for one in variants))) == 2
    assert len(judged) == 2
    # What is wrong already is told without judging anything.
    wrong = [action(f"w{one}", schema={"type": one}) for one in range(2)]
    assert len(find_faults(acme, *wrong, action("v0", schema=NARROWER))) == 2
    assert len(judged) == 2


def test_what_was_planned_is_not_judged_again(api, judged):
    carry_out(api.org, bundle(action(compatibility="backward", schema=True)))
    body = {"definition": bundle(action(schema=WIDER))}
    revision = api.data(api.post(REVISIONS, body))
    assert len(judged) == 1

    drift = api.data(api.get(f"{REVISIONS}/{revision['id']}/drift"))
    assert [step["op"] for step in drift["steps"]] == ["create"]
    assert api.data(api.post(f"{REVISIONS}/{revision['id']}/apply"))["status"] == "applied"
    assert len(judged) == 1


def test_drift_does_not_judge_what_breaks_a_later_policy(api, judged):
    factories.make_definition(api.org, schema=True)
    revision = api.data(api.post(REVISIONS, {"definition": bundle(action(schema=NARROWER))}))
    ActionDefinition.objects.update(compatibility="backward")

    drift = api.data(api.get(f"{REVISIONS}/{revision['id']}/drift"))
    assert ([step["op"] for step in drift["steps"]], drift["faults"]) == (["create"], [])
    assert judged == []
