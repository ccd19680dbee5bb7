"""Examples, types and pages over the API and in the admin."""

from __future__ import annotations

import ast
import re
import subprocess
import threading
from functools import partial

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from actions import contracts
from actions.consumers import examples, offers, pages, python
from config import validation
from tests import factories
from tests.client import codes

TEXTS = {
    "typescript": "application/typescript; charset=utf-8",
    "python": "text/x-python; charset=utf-8",
    "markdown": "text/markdown; charset=utf-8",
}
OFFERS = ("examples", *TEXTS)
SCHEMA = {
    "type": "object",
    "required": ["to", "count"],
    "properties": {
        "to": {"type": "string", "minLength": 2, "maxLength": 40},
        "count": {"type": "integer", "minimum": 1, "maximum": 9},
        "kind": {"enum": ["a", "b"]},
    },
    "additionalProperties": False,
}


@pytest.fixture
def ship(acme):
    return factories.make_definition(acme, "ship", schema=SCHEMA)


def path_to(definition, offer):
    return f"~/actions/definitions/{definition.pk}/{offer}"


def test_examples_are_judged_by_the_contract(api, ship):
    validator = contracts.admit(SCHEMA)

    told = api.data(api.get(path_to(ship, "examples")))

    assert told["complete"]
    assert 5 < len(told["items"]) <= 20
    assert all(validator.is_valid(one["payload"]) for one in told["items"])
    assert told["items"][0]["differs_at"] == []
    assert all(one["differs_at"] for one in told["items"][1:])
    assert 5 < len(told["invalid"]) <= 20
    for one in told["invalid"]:
        found = validation.find_faults(
            validator, one["payload"], code="INVALID_INPUT", at=("input",)
        )
        assert one["faults"] == [fault.as_dict() for fault in found]
        assert found
    assert {"without /to", "with /not_in_the_contract", "another type at /count"} <= {
        one["change"] for one in told["invalid"]
    }


def test_examples_are_the_same_each_time_and_as_many_as_asked_for(api, ship):
    first = api.data(api.get(path_to(ship, "examples?take=3")))
    examples.kept.clear()

    assert api.data(api.get(path_to(ship, "examples?take=3"))) == first
    assert len(first["items"]) == len(first["invalid"]) == 3


@pytest.mark.parametrize("take", ["0", "51", "x", "-1"])
def test_so_many_examples_are_not_to_be_had(api, ship, take):
    answer = api.get(path_to(ship, f"examples?take={take}"))

    assert answer.status_code == 400
    assert codes(answer) == [("INVALID_PARAMETER", "/take")]


def test_of_a_contract_that_takes_nothing_there_are_none(api, acme):
    nothing = factories.make_definition(acme, "nothing", schema=False)

    told = api.data(api.get(path_to(nothing, "examples")))

    assert told == {"items": [], "invalid": [], "complete": True}


def test_where_the_time_is_over_there_are_as_many_as_were_made(api, ship, monkeypatch):
    examples.kept.clear()

    def end_early(*args, **options):
        raise subprocess.CalledProcessError(-24, "python", b'{"payload":1}\n{"payl')

    monkeypatch.setattr(subprocess, "run", end_early)

    told = api.data(api.get(path_to(ship, "examples")))

    assert told == {"items": [{"payload": 1}], "invalid": [], "complete": False}


def test_what_is_not_whole_is_neither_kept_nor_tagged(api, ship, monkeypatch, caplog):
    """A process that fails by itself, and is logged; the next one does not."""
    examples.kept.clear()

    def fail(cmd, **options):
        raise subprocess.CalledProcessError(1, cmd, b"", b"Traceback: it fell over")

    with monkeypatch.context() as failing:
        failing.setattr(subprocess, "run", fail)
        for offer in ("examples", "markdown"):
            cut_short = api.get(path_to(ship, offer))
            assert (cut_short.status_code, cut_short.has_header("ETag")) == (200, False)
    assert "it fell over" in caplog.text

    assert api.data(api.get(path_to(ship, "examples")))["complete"]
    assert "None was found" not in api.get(path_to(ship, "markdown")).content.decode()


def test_who_has_a_page_is_told_so_before_an_example_is_made(api, ship, monkeypatch):
    tag = api.get(path_to(ship, "markdown"))["ETag"]
    monkeypatch.setattr(examples.seats, "count", 0)

    known = api.get(path_to(ship, "markdown"), **{"If-None-Match": tag})
    assert (known.status_code, known["ETag"]) == (304, tag)


def test_a_page_does_not_wait_for_an_example(api, ship, monkeypatch):
    def take_too_long(cmd, **options):
        raise subprocess.TimeoutExpired(cmd, options["timeout"])

    whole = api.get(path_to(ship, "markdown")).content.decode()
    examples.kept.clear()
    with monkeypatch.context() as slow:
        slow.setattr(subprocess, "run", take_too_long)
        pages = [api.get(path_to(ship, "markdown"))]
    with monkeypatch.context() as busy:
        busy.setattr(examples.seats, "count", 0)
        pages.append(api.get(path_to(ship, "markdown")))

    place = f"/v1/orgs/{ship.org_id}/actions/definitions/{ship.pk}/examples"
    said = f"There was no time to make one: `GET {place}` has some.\n"
    for page in pages:
        assert (page.status_code, page.has_header("ETag")) == (200, False)
        text = page.content.decode()
        assert text.endswith(f"## Example\n\n{said}")
        assert whole.startswith(text.removesuffix(said))
    assert api.get(path_to(ship, "markdown")).content.decode() == whole


def test_a_page_tells_the_policy_of_the_variant_and_not_of_the_row(api, acme, ship):
    newer = factories.make_definition(acme, "ship", schema=True)
    type(ship).objects.filter(pk=ship.pk).update(compatibility="full")

    page = api.get(path_to(newer, "markdown")).content.decode()

    assert "| compatibility | full |" in page


@pytest.mark.parametrize(
    ("module", "offer"), [(examples, "examples"), (python, "python"), (offers, "typescript")]
)
def test_when_too_many_ask_at_once_it_is_503(api, ship, monkeypatch, module, offer):
    monkeypatch.setattr(module.seats, "count", 0)

    answer = api.get(path_to(ship, offer))

    assert answer.status_code == 503
    assert codes(answer) == [("BUSY", None)]
    assert answer["Retry-After"] == "5"


def test_when_examples_take_too_long_it_is_503(api, ship, monkeypatch):
    monkeypatch.setattr(offers, "make_examples", partial(offers.make_examples, seconds=0.01))
    examples.kept.clear()

    assert api.get(path_to(ship, "examples")).status_code == 503


@pytest.mark.parametrize("offer", TEXTS)
def test_texts_are_of_their_own_media_type(api, ship, offer):
    answer = api.get(path_to(ship, offer), Accept="application/json")

    assert (answer.status_code, answer["Content-Type"]) == (200, TEXTS[offer])
    assert "ship" in answer.content.decode().lower()


def test_types_are_named_like_the_variant(api, ship):
    assert "export type Ship = {" in api.get(path_to(ship, "typescript")).content.decode()
    assert "class Ship(TypedDict):" in api.get(path_to(ship, "python")).content.decode()


def test_a_variant_says_nothing_to_python(api, acme):
    """The first two lines of a module may name an encoding."""
    named = factories.make_definition(acme, "coding: utf-7 +AAo-import os+AAo-", schema=SCHEMA)

    written = api.get(path_to(named, "python")).content

    tree = ast.parse(written)
    assert {one.module for one in ast.walk(tree) if isinstance(one, ast.ImportFrom)} == {
        "__future__",
        "typing",
    }


@pytest.mark.parametrize("offer", OFFERS)
def test_who_has_it_is_not_sent_it_again(api, ship, offer):
    first = api.get(path_to(ship, offer))
    tag = first["ETag"]

    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = api.get(path_to(ship, offer), **{"If-None-Match": known})
        assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)
    assert api.get(path_to(ship, offer), **{"If-None-Match": '"other"'}).content == first.content


@pytest.mark.parametrize("offer", OFFERS)
def test_head_tells_what_get_would(api, ship, offer):
    got, head = (api.call(method, path_to(ship, offer)) for method in ("GET", "HEAD"))

    assert (head.status_code, head.content) == (200, b"")
    assert [head[name] for name in ("ETag", "Content-Type", "Content-Length")] == [
        got[name] for name in ("ETag", "Content-Type", "Content-Length")
    ]


def test_a_page_is_written_once_without_the_contracts_of_other_versions(
    api, acme, ship, monkeypatch
):
    factories.make_definition(acme, "ship", schema=True)
    reading, read = offers.read_shapes, []
    monkeypatch.setattr(offers, "read_shapes", lambda *said: read.append(said) or reading(*said))

    with CaptureQueriesContext(connection) as asked:
        page = api.get(path_to(ship, "markdown")).content.decode()

    listed = [one["sql"] for one in asked if f"LIMIT {pages.MAX_VERSIONS}" in one["sql"]]
    assert len(listed) == len(read) == 1
    assert '"schema"' not in listed[0]
    assert re.findall(r"^\| (\**\d\**) \| \d{4}", page, re.MULTILINE) == ["2", "**1**"]


@pytest.mark.parametrize("offer", ["typescript", "markdown"])
def test_who_asks_while_a_contract_is_read_waits_for_a_turn(api, ship, monkeypatch, offer):
    """One organization has them all, and nobody is told to come again."""
    turns = threading.BoundedSemaphore(1)
    monkeypatch.setattr(offers, "_turns", turns)
    turns.acquire()
    soon = threading.Timer(0.1, turns.release)
    with offers.seats.take(ship.org_id), offers.seats.take(ship.org_id) as is_seated:
        assert is_seated
        soon.start()
        assert api.get(path_to(ship, offer)).status_code == 200

    turns.acquire()
    monkeypatch.setattr(offers, "SECONDS_FOR_A_TURN", 0.01)
    assert api.get(path_to(ship, offer)).status_code == 503
    turns.release()
    assert offers.seats.taken_by(ship.org_id) == 0


def test_a_page_changes_with_what_it_tells(api, ship):
    before = api.get(path_to(ship, "markdown"))["ETag"]
    api.post(f"~/actions/definitions/{ship.pk}", {"description": "Ships."})

    assert api.get(path_to(ship, "markdown"))["ETag"] != before


def test_another_version_has_another_tag(api, acme, ship):
    other = factories.make_definition(acme, "ship", schema={"type": "object"})

    tags = {api.get(path_to(one, "typescript"))["ETag"] for one in (ship, other)}

    assert len(tags) == 2


def test_what_python_cannot_say_is_422(api, ship, monkeypatch):
    def refuse(schema, name):
        raise python.UnwritableError("Too intricate.")

    monkeypatch.setattr(python, "_generate", refuse)

    answer = api.get(path_to(ship, "python"))

    assert answer.status_code == 422
    assert codes(answer) == [("TYPES_UNAVAILABLE", None)]
