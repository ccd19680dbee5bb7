"""What an import would do, and that doing it does that."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from actions import services as actions
from actions.models import ActionDefinition, DefinitionName
from bundles import plans
from bundles.planning import targets
from bundles.planning.steps import preview
from config.errors import ConflictError, DomainError
from destinations.models import Destination
from destinations.outward import outbound
from tests import factories
from tests.bundles.bundle import HOOK, SINK, action, bundle, carry_out, told

SCHEMA = factories.SCHEMA
WIDER = {"type": "object"}


def plan(org, *given, **fields):
    options = {name: fields.pop(name) for name in ("prune", "force") if name in fields}
    return plans.plan(org=org, document=bundle(*given, **fields), **options)


def find_faults(org, *given, **fields):
    """(code, pointer) of all that is wrong."""
    with pytest.raises(DomainError) as caught:
        plan(org, *given, **fields)
    return [(fault.code, fault.pointer) for fault in caught.value.faults]


def test_a_document_makes_what_it_names(acme):
    made = carry_out(
        acme, bundle(action(aliases=["c.one"], destinations=["hook"]), destinations=[HOOK])
    )

    assert told(made) == ["create hook", "create count v1"]
    definition = ActionDefinition.objects.get()
    assert [name.name for name in definition.names.all()] == ["c.one"]
    link = definition.links.get()
    assert (link.destination.label, link.is_default) == ("hook", True)
    assert Destination.objects.get().config == HOOK["config"]
    names = set(DefinitionName.objects.values_list("name", "kind"))
    assert names == {("count", "variant"), ("c.one", "alias")}


# What is said of `count`, which is there with the alias c.one and leads to hook and sink (the
# default); the steps; and of its newest version then: number, aliases, links, default.
SAID = {
    "nothing new": ({}, ["keep count v1"], (1, ["c.one"], ["hook", "sink"], "sink")),
    "an equal schema": (
        {"schema": {**SCHEMA}, "aliases": ["c.one"]},
        ["keep count v1"],
        (1, ["c.one"], ["hook", "sink"], "sink"),
    ),
    # The new version goes where the old one does; the alias stays with that.
    "another schema": (
        {"schema": WIDER},
        ["create count v2"],
        (2, [], ["hook", "sink"], "sink"),
    ),
    "another schema, which takes the alias": (
        {"schema": WIDER, "aliases": ["c.one"]},
        ["update count v1", "create count v2"],
        (2, ["c.one"], ["hook", "sink"], "sink"),
    ),
    "other aliases": (
        {"aliases": ["c.two"]},
        ["update count v1"],
        (1, ["c.two"], ["hook", "sink"], "sink"),
    ),
    "fewer links": (
        {"destinations": ["hook"]},
        ["update count v1"],
        (1, ["c.one"], ["hook"], "hook"),
    ),
    "another default": (
        {"destinations": ["hook", "sink"]},
        ["update count v1"],
        (1, ["c.one"], ["hook", "sink"], "hook"),
    ),
    "no default": (
        {"destinations": ["hook", "sink"], "default": None},
        ["update count v1"],
        (1, ["c.one"], ["hook", "sink"], None),
    ),
    "no links": ({"destinations": []}, ["update count v1"], (1, ["c.one"], [], None)),
}


@pytest.mark.parametrize("said", SAID)
def test_what_is_said_is_changed_and_nothing_else(acme, said):
    start = action(aliases=["c.one"], destinations=["sink", "hook"])
    carry_out(acme, bundle(start, destinations=[HOOK, SINK]))
    fields, steps, then = SAID[said]
    document = bundle({"variant": "count", **fields})

    assert told(carry_out(acme, document)) == steps
    newest = ActionDefinition.objects.latest("version")
    links = {link.destination.label: link.is_default for link in newest.links.all()}
    default = next((label for label, is_default in links.items() if is_default), None)
    aliases = [name.name for name in newest.names.all()]
    assert (newest.version, aliases, sorted(links), default) == then
    assert not plans.plan(org=acme, document=document).changes


def test_exact_versions_are_stored_and_come_back(acme):
    document = bundle(
        action(versions=[{"version": 5, "schema": WIDER}, {"version": 2, "schema": SCHEMA}])
    )
    assert told(carry_out(acme, document)) == ["create count v2", "create count v5"]
    second = ActionDefinition.objects.get(version=2)
    actions.delete_definition(definition=second)

    back = carry_out(acme, document)
    assert told(back) == ["create count v2", "keep count v5"]
    assert ActionDefinition.objects.live().get(version=2).pk == second.pk
    assert preview(back.steps[0])["id"] == str(second.pk)


def test_a_version_that_comes_back_leads_where_the_one_below_does(acme):
    carry_out(acme, bundle(action(destinations=["sink"]), destinations=[SINK]))
    factories.make_definition(acme, schema=WIDER)
    actions.delete_definition(definition=ActionDefinition.objects.get(version=2))

    carry_out(acme, bundle(action(versions=[{"version": 2}])))
    link = ActionDefinition.objects.get(version=2).links.get()
    assert (link.destination.label, link.is_default) == ("sink", True)


def test_names_change_hands_in_one_go(acme):
    carry_out(acme, bundle(action("one", aliases=["a"]), action("two", aliases=["b"])))
    document = bundle(action("one", aliases=["b"]), action("two", aliases=["a"]))

    carry_out(acme, document)
    aliases = DefinitionName.objects.filter(kind="alias").values_list("name", "variant")
    assert set(aliases) == {("b", "one"), ("a", "two")}


def test_a_variant_may_have_the_name_of_an_alias_that_is_given_up(acme):
    carry_out(acme, bundle(action("one", aliases=["two"])))

    carry_out(acme, bundle(action("two"), action("one", aliases=[])))
    assert DefinitionName.objects.get(name="two").kind == "variant"


def test_approval_is_said_of_all_versions_deleted_ones_too(acme):
    factories.make_definition(acme)
    actions.delete_definition(definition=ActionDefinition.objects.get())
    factories.make_definition(acme, schema=WIDER)
    document = bundle({"variant": "count", "requires_approval": True})

    carry_out(acme, document)
    assert set(ActionDefinition.objects.values_list("requires_approval", flat=True)) == {True}
    assert told(plan(acme, action(schema={"type": "array"}))) == ["create count v3"]
    carry_out(acme, bundle(action(schema={"type": "array"})))
    assert ActionDefinition.objects.get(version=3).requires_approval


def test_a_destination_is_changed_where_something_is_said(acme):
    key = factories.make_credential(acme, label="key")
    carry_out(acme, bundle(destinations=[HOOK | {"credential": "key", "tags": {"a": "b"}}]))
    hook = Destination.objects.get()
    assert (hook.credential, hook.tags) == (key, {"a": "b"})

    moved = HOOK | {"config": {"url": "https://hooks.example.com/b"}}
    made = carry_out(acme, bundle(destinations=[moved]))
    hook.refresh_from_db()
    assert (hook.credential, hook.tags, hook.config) == (key, {"a": "b"}, moved["config"])
    assert preview(made.steps[0])["update"] == {"config": moved["config"]}


def test_a_number_is_the_same_however_it_is_written(acme):
    slow = {"url": "https://hooks.example.com/a", "response_time_sla_ms": 100}
    carry_out(acme, bundle(destinations=[HOOK | {"config": slow}]))
    assert not plan(
        acme, destinations=[HOOK | {"config": slow | {"response_time_sla_ms": 100.0}}]
    ).changes


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ([1, {"a": 2.0}], [1.0, {"a": 2}], True),
        ([1], [1, 1], False),
        ([True], [1], False),
        ({"a": 1}, {"b": 1}, False),
        ([], {}, False),
        ("1", 1, False),
        (None, None, True),
    ],
)
def test_values_are_the_same_as_json_has_it(one, other, same):
    assert targets.is_same(one, other) is same


def test_what_is_not_named_stays_or_is_pruned(acme):
    carry_out(
        acme,
        bundle(
            action("one", destinations=["hook"]),
            action("two", versions=[{"version": 1, "schema": True}, {"version": 2, "schema": {}}]),
            action("three"),
            destinations=[HOOK, HOOK | {"label": "other"}, SINK],
        ),
    )
    named = [{"variant": "one"}, action("two", versions=[{"version": 2}])]
    assert told(plan(acme, *named)) == ["keep one v1", "keep two v2"]

    pruned = carry_out(acme, bundle(*named), prune=True)
    # hook is linked to what stays, and a sink is Waybill's own.
    assert sorted(told(pruned)) == [
        "keep one v1",
        "keep two v2",
        "prune other",
        "prune three v1",
        "prune two v1",
    ]
    assert set(Destination.objects.live().values_list("label", flat=True)) == {"hook", "sink"}
    assert not DefinitionName.objects.filter(name="three").exists()
    assert not plans.plan(org=acme, document=bundle(*named), prune=True).changes


def test_a_name_that_is_pruned_is_free_at_once(acme):
    carry_out(acme, bundle(action("old", aliases=["handle"])))
    carry_out(acme, bundle(action("handle", aliases=["old"])), prune=True)
    assert set(DefinitionName.objects.values_list("name", "kind")) == {
        ("handle", "variant"),
        ("old", "alias"),
    }


def test_a_destination_with_open_actions_is_not_pruned_without_force(acme, record):
    label = record.destination.label
    with pytest.raises(ConflictError) as caught:
        plan(acme, prune=True)
    assert [fault.code for fault in caught.value.faults] == ["DESTINATION_IN_USE"]
    assert repr(label) in str(caught.value)

    carry_out(acme, bundle(), prune=True, force=True)
    record.refresh_from_db()
    assert record.status == "failed"


def test_what_another_organization_has_is_not_there(acme, globex):
    carry_out(globex, bundle(action(aliases=["c.one"], destinations=["hook"]), destinations=[HOOK]))
    factories.make_credential(globex, label="key")

    faults = find_faults(
        acme,
        action(destinations=["hook"]),
        destinations=[HOOK | {"label": "mine", "credential": "key"}],
    )
    assert faults == [
        ("UNKNOWN_CREDENTIAL", "/resources/destinations/0/credential"),
        ("UNKNOWN_DESTINATION", "/actions/0/destinations/0"),
    ]


def test_each_host_is_looked_up_once_and_not_for_ever(acme, monkeypatch):
    asked = []
    monkeypatch.setattr(outbound, "look_up", lambda host, seconds: asked.append(host) or [])
    hooks = [
        {"label": f"{number}", "type": "webhook", "config": {"url": f"https://{host}/{number}"}}
        for number, host in enumerate(["a.example", "b.example", "a.example"])
    ]
    plan(acme, destinations=hooks)
    assert asked == ["a.example", "b.example"]
    monkeypatch.setattr(targets, "LOOKING_SECONDS", 0)
    assert len(plan(acme, destinations=hooks).changes) == 3
    assert len(asked) == 2


def test_planning_asks_as_often_for_much_as_for_little(acme):
    def count(number):
        given = [action(f"v{one}", aliases=[f"a{one}"]) for one in range(number)]
        with CaptureQueriesContext(
            connection,
        ) as queries:
            plan(acme, *given)
        return len(queries)

    assert count(1) == count(60)
