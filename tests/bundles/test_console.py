"""A command that imports what it has converted: what is left out, and where it came from."""

from __future__ import annotations

import io

import orjson
import pytest
from django.core.management import CommandError, call_command

from bundles.console import ImportCommand, Imported
from bundles.documents import LeftOut
from tests.bundles.bundle import action, bundle


class Origins:
    """Where things came from."""

    def places(self, pointers):
        return [f"line of {pointer}" for pointer in pointers]


class Converting(ImportCommand):
    """Converts what a test says."""

    imported = None

    def add_source(self, parser):
        parser.add_argument("file")

    def read_document(self, options):
        return self.imported


@pytest.fixture
def run(acme):
    """What the command tells, of what was converted."""

    def call(imported, *arguments):
        out = io.StringIO()
        command = Converting()
        command.imported = imported
        given = ("spec.json", "--org", "acme", *arguments)
        call_command(command, *given, stdout=out, stderr=io.StringIO())
        return out.getvalue()

    return call


def test_what_is_left_out_is_told(run):
    imported = Imported(bundle(action()), [LeftOut("GET /pets", "it has no body", "/paths/~1pets")])
    assert run(imported) == (
        "actions\n  + count v1\n! GET /pets: it has no body\n"
        "Done: 1 created, 0 updated, 0 kept, 0 pruned, 1 left out.\n"
    )
    told = orjson.loads(run(imported, "--json"))
    assert told["left_out"] == [
        {"what": "GET /pets", "reason": "it has no body", "pointer": "/paths/~1pets"}
    ]


@pytest.mark.parametrize(
    ("source", "place"),
    [(None, "/actions/0/variant"), (Origins(), "line of /actions/0/variant: /actions/0/variant")],
)
def test_a_fault_is_told_with_the_place_that_is_known(run, source, place):
    with pytest.raises(CommandError) as caught:
        run(Imported(bundle(action("a/b")), source=source))
    assert str(caught.value).startswith(f"{place}: ")


def test_it_prunes_nothing_unless_it_says_so(run):
    with pytest.raises(CommandError, match="unrecognized arguments: --prune"):
        run(Imported(bundle()), "--prune")


@pytest.mark.parametrize("said", ["add_source", "read_document"])
def test_what_a_command_reads_it_has_to_say(said):
    says_one = type("SaysOne", (ImportCommand,), {said: lambda self, given: None})
    with pytest.raises(TypeError, match="abstract method"):
        ImportCommand()
    with pytest.raises(TypeError, match="abstract method"):
        says_one()
