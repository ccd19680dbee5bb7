"""Planning takes no more memory than it is said to, and writing has little of it at a time."""

from __future__ import annotations

import io
import tracemalloc
from types import SimpleNamespace

import orjson
import pytest
from django.core.management import CommandError, call_command

from actions.models import ActionDefinition
from bundles import exports, plans, writing
from bundles.planning import weights
from bundles.planning.states import State, Target, Version
from config import strictjson
from config.commands import Exit
from config.errors import DomainError
from tests.bundles.bundle import HOOK, SINK, action, bundle, carry_out

MANY = 1_500
NAMES = [f"{number:x}" for number in range(MANY)]
DIGEST = strictjson.digest(True)


def kept(number, name, **fields):
    """A version as it is read, with a digest and texts of its own."""
    links = tuple(fields.pop("links", ()))
    return Version(bytes([*DIGEST]), number, f"What {name} is.", links=links, **fields)


# All that is named is there, and changes: a document, and what of it is there.
CHANGES = {
    "actions": (
        bundle(*({"variant": name, "schema": True, "description": "a"} for name in NAMES)),
        lambda: State(variants={f"{n:x}": {1: kept(n, f"{n:x}")} for n in range(MANY)}),
    ),
    "aliases": (
        bundle(*({"variant": name, "aliases": [f"new {name}"]} for name in NAMES)),
        lambda: State(
            variants={
                f"{n:x}": {1: kept(n, f"{n:x}", aliases=(f"old {n:x}",))} for n in range(MANY)
            }
        ),
    ),
    "versions": (
        bundle(
            {
                "variant": "v",
                "versions": [{"version": n + 1, "description": "a"} for n in range(MANY)],
            }
        ),
        lambda: State(variants={"v": {n + 1: kept(n, f"{n:x}") for n in range(MANY)}}),
    ),
    "links": (
        bundle(*({"variant": name, "destinations": NAMES[:50]} for name in NAMES[:100])),
        lambda: State(
            variants={f"{n:x}": {1: kept(n, f"{n:x}", links=NAMES[25:75])} for n in range(100)},
            destinations={name: Target("default_sink", {}, 1) for name in NAMES[:50]},
        ),
    ),
    "destinations": (
        bundle(destinations=[SINK | {"label": name, "tags": {"a": "b"}} for name in NAMES]),
        lambda: State(destinations={f"{n:x}": Target("default_sink", {}, n) for n in range(MANY)}),
    ),
    "what is new": (
        bundle(*({"variant": name, "schema": {"const": name}} for name in NAMES)),
        State,
    ),
}


@pytest.mark.parametrize("kind", CHANGES)
def test_planning_takes_no_more_than_it_is_said_to(kind):
    document, read = CHANGES[kind]
    # What is made once, and no matter how much is planned.
    plans.plan_again(org=SimpleNamespace(), document=document, state=read())
    tracemalloc.start(1)
    try:
        made = plans.plan_again(org=SimpleNamespace(), document=document, state=read())
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(made.changes) >= 100
    assert most < weights.weigh(document)


def test_what_there_is_no_memory_for_is_not_planned(acme):
    document = bundle(action(versions=[{"version": 1, "schema": True}]), destinations=[SINK])
    room = weights.weigh(document)

    assert len(plans.plan(org=acme, document=document, room=room).changes) == 2
    with pytest.raises(DomainError) as caught:
        plans.plan(org=acme, document=document, room=room - 1)
    assert [fault.code for fault in caught.value.faults] == ["TOO_MANY_ENTRIES"]


def test_an_import_has_what_reading_has_left(acme, tmp_path, monkeypatch):
    path = tmp_path / "bundle.json"
    path.write_bytes(orjson.dumps(bundle(action(), action("other"))))
    monkeypatch.setattr(weights, "ACTION", 80_000_000)
    call_command("import", str(path), "--org", "acme", stdout=io.StringIO())

    # What was read of it is not there for planning.
    monkeypatch.setattr(weights, "ACTION", 85_000_000)
    with pytest.raises(CommandError, match="TOO_MANY_ENTRIES") as caught:
        call_command("import", str(path), "--org", "acme", stdout=io.StringIO())
    assert caught.value.returncode == Exit.REFUSED


def test_what_is_written_in_portions_is_as_if_at_once(acme, globex, monkeypatch):
    targets = [HOOK | {"label": label} for label in "abc"]
    versions = [{"version": n, "schema": {"const": n}} for n in (1, 2, 3)]
    first = bundle(action("v", versions=versions), action(), destinations=targets)
    linked = [
        one | {"destinations": ["a", "b", "c"], "aliases": [f"a{one['version']}"]}
        for one in versions
    ]
    second = bundle(action("v", versions=linked), action(destinations=["c", "a"]))
    third = bundle(action("v", versions=[one | {"destinations": ["b"]} for one in versions]))

    for document in (first, second, third):
        carry_out(globex, document)
    monkeypatch.setattr(writing, "MOST_LINKS", 2)
    monkeypatch.setattr(writing, "MOST_BYTES", 1)
    for document in (first, second, third):
        carry_out(acme, document)
    assert exports.export(acme) == exports.export(globex)
    assert ActionDefinition.objects.filter(org=acme).count() == 4
