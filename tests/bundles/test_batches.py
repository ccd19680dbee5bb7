"""Plans of very many steps are carried out in batches that go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from urllib.parse import urlsplit

import orjson
import pytest
from django.db import DatabaseError, connection

from actions.models import ActionDefinition
from bundles import exports, plans, services, writing
from bundles.services import Applied, PartlyAppliedError
from bundles.writing import StaleError
from destinations.models import Destination
from dispatch import services as dispatch
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


def test_what_stops_a_later_batch_says_what_is_committed(acme, small_batches, monkeypatch):
    def fail(writer, steps):
        raise DatabaseError("No space left.")

    def progress(steps):
        done.append(steps)
        if sum(done) == 6:
            monkeypatch.setattr(writing.Writer, "write", fail)

    done = []
    plan = plans.plan(org=acme, document=MANY)
    with pytest.raises(PartlyAppliedError, match=r"^6 of 15 changes are committed") as caught:
        services.apply(plan=plan, progress=progress)
    assert isinstance(caught.value.__cause__, DatabaseError)
    # Of the first batch, it is what it was.
    with pytest.raises(DatabaseError, match="No space left"):
        services.apply(plan=plans.plan(org=acme, document=MANY))
    monkeypatch.undo()
    carry_out(acme, MANY)
    assert ActionDefinition.objects.count() == 13


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


def name_in_turn(*aliases):
    """Variants v0, v1, ..., each with one of the aliases, or none."""
    return [action(f"v{one}", aliases=[*alias]) for one, alias in enumerate(aliases)]


# What is there, what is to be, and whether the rest goes: names change hands between the batches.
MOVES = {
    "each takes that of the next one": (name_in_turn(*"abcd"), name_in_turn(*"bcda"), False),
    "each takes that of the one before": (name_in_turn(*"abcd"), name_in_turn(*"dabc"), False),
    "the last one gives up only": (name_in_turn(*"abcd"), name_in_turn(*"bcd", ""), False),
    "two of each": (name_in_turn("ab", "cd", "ef"), name_in_turn("cd", "ef", "ab"), False),
    "between versions": (
        [{"variant": "q", "versions": [{"version": 1, "schema": True, "aliases": ["a", "b"]}]}],
        [
            {"variant": "p", "schema": True, "aliases": ["a"]},
            {
                "variant": "q",
                "versions": [
                    {"version": 1, "aliases": []},
                    {"version": 2, "schema": {}, "aliases": ["b"]},
                ],
            },
        ],
        False,
    ),
    "an alias becomes a variant": (
        [action("q", aliases=["x"]), action("r", aliases=["y"])],
        [action("q", aliases=["y"]), action("r", aliases=[]), action("x")],
        False,
    ),
    "a variant becomes an alias": (
        [action("q"), action("r"), action("s", aliases=["t"])],
        [action("r", aliases=["q", "t"]), action("s", aliases=[])],
        True,
    ),
}


@pytest.mark.parametrize("move", MOVES)
def test_names_change_hands_between_batches(acme, globex, monkeypatch, move):
    before, after, prune = MOVES[move]
    carry_out(acme, bundle(*before))
    carry_out(globex, bundle(*before))
    carry_out(globex, bundle(*after), prune=prune)

    monkeypatch.setattr(services, "MOST_AT_ONCE", 1)
    carry_out(acme, bundle(*after), prune=prune)
    assert exports.export(acme) == exports.export(globex)


@pytest.mark.parametrize("at", range(1, 4))
def test_names_that_were_to_change_hands_go_on(acme, monkeypatch, at):
    def progress(steps):
        done.append(steps)
        if len(done) > at:
            raise BrokenOffError

    done = []
    monkeypatch.setattr(services, "MOST_AT_ONCE", 1)
    carry_out(acme, bundle(*name_in_turn(*"abcd")))
    turned = bundle(*name_in_turn(*"bcda"))
    with pytest.raises(BrokenOffError):
        services.apply(plan=plans.plan(org=acme, document=turned), progress=progress)
    assert len(carry_out(acme, turned).changes) == 4 - at
    assert not plans.plan(org=acme, document=turned, prune=True).changes


@pytest.fixture
def between_batches(monkeypatch):
    """Have something happen before the second batch."""

    def arrange(meanwhile):
        def write(plan, steps, *others):
            written.append(steps)
            if len(written) == 2:
                meanwhile()
            return real(plan, steps, *others)

        written, real = [], services._write
        monkeypatch.setattr(services, "MOST_AT_ONCE", 1)
        monkeypatch.setattr(services, "_write", write)

    return arrange


# What somebody else does between two batches, when `q` is pruned and `v1` has not taken its name.
OTHERS = {
    "a pruned variant is back": lambda org: factories.make_definition(org, "q"),
    "another alias": lambda org: factories.make_definition(org, "v1", version=2, alias=["mine"]),
}


@pytest.mark.parametrize("other", OTHERS)
def test_what_others_do_between_batches_is_found(acme, between_batches, other):
    carry_out(acme, bundle(action("q"), *name_in_turn(*"ab")))
    plan = plans.plan(org=acme, document=bundle(*name_in_turn("", "q")), prune=True)
    between_batches(lambda: OTHERS[other](acme))

    with pytest.raises(PartlyAppliedError) as caught:
        services.apply(plan=plan)
    assert isinstance(caught.value.__cause__, StaleError)


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
