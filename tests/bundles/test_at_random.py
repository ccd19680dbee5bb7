"""Random bundles: planned again they change nothing, and many at once is as one by one."""

from __future__ import annotations

import pytest
from django.db import transaction
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from actions import services as actions
from actions.models import ActionDefinition
from actions.serializers import read_said
from bundles import exports, plans, services
from config.errors import DomainError
from destinations.models import Destination
from tests.bundles.bundle import bundle, carry_out

SCHEMAS = (True, {}, {"type": "object"}, {"type": "array"})
VARIANTS = ("one", "two", "three")
ALIASES = ([], ["a"], ["b"], ["a", "b"], ["c"], ["one"])
LABELS = ("left", "right")
EARLY, LATE = "2026-05-01T00:00:00Z", "2026-06-01T02:00:00+02:00"
# What the registry takes as it stands in a bundle.
AS_IT_IS = ("version", "description", "deprecated_at", "sunset_at")

said = st.fixed_dictionaries(
    {},
    optional={
        "description": st.sampled_from(["", "What it is."]),
        "aliases": st.sampled_from(ALIASES),
        # Whatever is there, no version goes before it is deprecated.
        "deprecated_at": st.sampled_from([None, EARLY]),
        "sunset_at": st.sampled_from([None, LATE]),
    },
)
# Each with its default; None leaves it to the first of them.
LINKS = (
    {},
    {"destinations": ["left", "right"]},
    {"destinations": ["left", "right"], "default": "right"},
    {"destinations": ["right", "left"], "default": None},
    {"destinations": ["right"]},
    {"destinations": []},
)
contract = st.tuples(st.sampled_from(SCHEMAS), said, st.sampled_from(LINKS)).map(
    lambda parts: {"schema": parts[0], **parts[1], **parts[2]}
)
versions = st.lists(
    st.tuples(st.integers(1, 4), contract).map(lambda one: {"version": one[0], **one[1]}),
    min_size=1,
    max_size=3,
    unique_by=lambda one: one["version"],
).map(lambda listed: {"versions": listed})
approval = st.sampled_from([{}, {"requires_approval": True}, {"requires_approval": False}])
action = st.tuples(st.sampled_from(VARIANTS), st.one_of(contract, versions), approval).map(
    lambda parts: {"variant": parts[0], **parts[1], **parts[2]}
)
target = st.tuples(st.sampled_from(LABELS), st.sampled_from(["a", "b"]), st.booleans()).map(
    lambda parts: {
        "label": parts[0],
        "type": "webhook",
        "config": {"url": f"https://hooks.example.com/{parts[1]}"},
        **({"tags": {"at": parts[1]}} if parts[2] else {}),
    }
)
both = [
    {"label": label, "type": "webhook", "config": {"url": "https://x.example"}} for label in LABELS
]
documents = st.lists(action, min_size=1, max_size=2, unique_by=lambda one: one["variant"]).flatmap(
    lambda found: st.lists(target, max_size=2, unique_by=lambda one: one["label"]).map(
        lambda targets: bundle(*found, destinations=targets)
    )
)


# Each example undoes what it does. Names of three variants clash more often than not.
every_example = settings(
    max_examples=12,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much],
)


@pytest.fixture
def begin(acme, globex):
    """Both tenants as they are at the beginning of each example."""

    def start():
        for org in (acme, globex):
            carry_out(org, bundle(destinations=both))

    return start


def plan_or_skip(org, document, *, prune):
    try:
        return plans.plan(org=org, document=document, prune=prune)
    except DomainError:
        assume(False)


def one_by_one(org, document):
    """What the services of the registry make of a document without prunes."""
    for entry in document["resources"]["destinations"]:
        row = Destination.objects.of_org(org.pk).get(label=entry["label"])
        Destination.objects.filter(pk=row.pk).update(
            config=entry["config"], tags=entry.get("tags", row.tags)
        )
    for action in document["actions"]:
        terms = {name: action[name] for name in ("requires_approval",) if name in action}
        listed = sorted(action.get("versions", [action]), key=lambda one: one.get("version", 0))
        for entry in listed:
            fields = read_said({name: entry[name] for name in AS_IT_IS if name in entry})
            made = actions.put_definition(
                org_id=org.pk,
                variant=action["variant"],
                schema=entry["schema"],
                alias=entry.get("aliases"),
                held=["owner"],
                **fields,
                **terms,
            )
            if "destinations" in entry:
                relink(made, entry)


def relink(definition, entry):
    definition.links.all().delete()
    labels = entry["destinations"]
    default = entry.get("default", labels[0] if labels else None)
    for label in labels:
        target = Destination.objects.of_org(definition.org_id).get(label=label)
        actions.link_destination(
            definition=definition, destination_id=target.pk, is_default=label == default
        )


def gives_up_names(plan):
    """Whether a name changes its variant: one by one, that depends on the order."""
    return any(
        held[0] != step.name
        for step in plan.changes
        for name, held in plan.state.names.items()
        if step.kind == "action" and name in (step.name, *getattr(step.after, "aliases", ()))
    )


@pytest.mark.django_db
@every_example
@given(first=documents, second=documents, prune=st.booleans())
def test_what_is_applied_is_so(acme, globex, begin, first, second, prune):
    with transaction.atomic():
        begin()
        for document in (first, second):
            services.apply(plan=plan_or_skip(acme, document, prune=prune))
            assert not plans.plan(org=acme, document=document, prune=prune).changes
        exported = exports.export(acme)
        assert not plans.plan(org=acme, document=exported, prune=True).changes
        carry_out(globex, exported, prune=True)
        assert exports.export(globex) == exported
        transaction.set_rollback(True)


@pytest.mark.django_db
@every_example
@given(first=documents, second=documents)
def test_many_at_once_is_as_one_by_one(acme, globex, begin, first, second):
    with transaction.atomic():
        begin()
        for document in (first, second):
            plan = plan_or_skip(acme, document, prune=False)
            assume(not gives_up_names(plan))
            services.apply(plan=plan)
            one_by_one(globex, document)
            assert exports.export(globex) == exports.export(acme)
            assert rows_of(globex) == rows_of(acme)
        transaction.set_rollback(True)


def rows_of(org):
    """What an export does not have: versions that are deleted, too."""
    rows = ActionDefinition.objects.filter(org=org).order_by("variant", "version")
    columns = ("schema", "requires_approval", "deprecated_at", "sunset_at", "deleted_at")
    return list(rows.values_list("variant", "version", *columns))
