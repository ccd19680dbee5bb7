"""Policies with the judge that they have: what it finds is shown, and true."""

from __future__ import annotations

import pytest

from actions import contracts
from tests.client import codes

OLD = {
    "type": "object",
    "required": ["text"],
    "properties": {"text": {"type": "string", "maxLength": 100}},
}
DEFINITIONS = "~/actions/definitions"


@pytest.fixture
def note(api):
    """The variant `note`, which no version may break for those who send it."""
    body = {"variant": "note", "schema": OLD, "compatibility": "backward"}
    return api.data(api.put(DEFINITIONS, body))


def put(api, **fields):
    return api.put(DEFINITIONS, {"variant": "note", **fields})


@pytest.mark.parametrize(
    ("schema", "pointer"),
    [
        (OLD | {"required": ["text", "to"]}, "/schema/required"),
        (OLD | {"properties": {"text": {"type": "string", "maxLength": 9}}}, "/schema/properties"),
        (OLD | {"properties": {"text": {"type": "integer"}}}, "/schema/properties"),
    ],
)
def test_the_payload_that_is_shown_is_taken_by_the_one_and_refused_by_the_other(
    api, note, schema, pointer
):
    refused = put(api, schema=schema)

    assert refused.status_code == 409
    assert {code for code, _ in codes(refused)} == {"INCOMPATIBLE"}
    (error, *_) = refused.json()["errors"]
    assert error["pointer"].startswith(pointer)
    finding = error["finding"]
    assert (finding["accepted_by"], finding["refused_by"]) == ("old", "new")
    assert contracts.admit(OLD).is_valid(finding["sample"])
    assert not contracts.admit(schema).is_valid(finding["sample"])


def test_what_breaks_nobody_is_published(api, note):
    wider = OLD | {"properties": {"text": {"type": "string", "maxLength": 200}}}

    assert api.data(put(api, schema=wider))["version"] == 2
    assert codes(put(api, schema=OLD))[0][0] == "INCOMPATIBLE"
    assert api.data(put(api, schema=OLD, compatibility="forward"))["version"] == 3


def test_an_added_property_is_judged_by_the_content_model(api, note):
    added = {"text": OLD["properties"]["text"], "to": {"type": "string"}}
    schema = OLD | {"properties": added}

    assert codes(put(api, schema=schema))[0][0] == "INCOMPATIBLE"
    assert api.data(put(api, schema=schema, open_content="lenient"))["version"] == 2


def test_the_check_says_the_same(api, note):
    body = {"variant": "note", "schema": OLD | {"required": ["text", "to"]}}

    told = api.data(api.post(f"{DEFINITIONS}/check", body))

    assert (told["verdict"], told["accepted"]) == ("incompatible", False)
    (against,) = told["against"]
    (error,) = put(api, schema=body["schema"]).json()["errors"]
    beside = {name: against[name] for name in ("version", "action_definition_id")}
    assert [finding | beside for finding in against["findings"]] == [error["finding"]]
