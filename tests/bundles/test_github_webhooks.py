"""GitHub's webhooks as their package ships them (tests/bundles/documents): one file of all."""

from __future__ import annotations

import gzip
from pathlib import Path

import orjson
import pytest

from actions import contracts
from actions.models import ActionDefinition
from tests.bundles.test_folders import DRAFT_7, convert, reasons, schemas
from tests.bundles.test_import_schemas import run

PACKAGE = Path(__file__).parent / "documents/node_modules/@octokit/webhooks-schemas"
# Of a second package, which ships payloads.
EXAMPLES = Path(__file__).parents[1] / "data/github_webhooks/examples.json.gz"
EVENTS = r"name=(?P<event>.+)[_$]event"


def read():
    return orjson.loads((PACKAGE / "schema.json").read_bytes())


@pytest.fixture(scope="module")
def made():
    """What is made of the package, by event."""
    return convert(PACKAGE, "github.{event}", EVENTS, each="/oneOf", only=["schema.json"])


def test_every_event_becomes_a_contract_that_stands_alone(made):
    names = [one["$ref"].rpartition("/")[2] for one in read()["oneOf"]]
    assert len(names) == 66
    assert made.left_out == []
    assert schemas(made).keys() == {f"github.{name[: -len('_event')]}" for name in names}
    for schema in schemas(made).values():
        assert schema["$schema"] == DRAFT_7
        assert schema["definitions"].keys() < read()["definitions"].keys()
        assert contracts.admit(schema)


@pytest.mark.parametrize("event", ["check_run", "ping", "push"])
def test_a_payload_is_judged_as_by_the_whole_file(made, event):
    examples = orjson.loads(gzip.decompress(EXAMPLES.read_bytes()))[event]
    alone = contracts.admit(schemas(made)[f"github.{event}"])
    name = next(one for one in read()["definitions"] if one in (f"{event}_event", f"{event}$event"))
    whole = {key: value for key, value in read().items() if key != "oneOf"}
    within = contracts.admit(whole | {"allOf": [{"$ref": f"#/definitions/{name}"}]})

    judged = [alone.is_valid(payload) for payload in examples]
    assert True in judged
    assert judged == [within.is_valid(payload) for payload in examples]
    assert not alone.is_valid({})


def test_every_action_of_an_event_may_be_a_contract_too():
    match = r"name=(?P<event>check_.+)\$(?P<action>(?!event).+)"
    made = convert(PACKAGE, "{event}.{action}", match, each="/definitions", only=["schema.json"])
    named = [one for one in read()["definitions"] if one.startswith("check_") and "$" in one]

    assert schemas(made).keys() == {name.replace("$", ".") for name in named}
    assert len(named) + len(made.left_out) == len(read()["definitions"])
    assert all("does not match." in reason for reason in reasons(made))


@pytest.mark.django_db
def test_an_operator_imports_the_package(acme):
    options = [str(PACKAGE / "schema.json"), "--each", "/oneOf"]
    options += ["--variant-match", EVENTS, "--variant-from", "github.{event}"]

    told = run(*options)
    assert (told["created"], told["left_out"]) == (66, [])
    assert ActionDefinition.objects.filter(org=acme, variant="github.check_run").exists()
