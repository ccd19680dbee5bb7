"""Trying a definition: two ways to write a payload, where it would go, sending and following it."""

from __future__ import annotations

import json

import pytest
from django.urls import reverse

from console.trying import plans
from dispatch.models import ActionRecord
from tests.console.looking import staff_with
from tests.factories import (
    make_credential,
    make_definition,
    make_destination,
    make_member,
    make_signing_key,
)

pytestmark = pytest.mark.django_db
TUPLE = {"type": "array", "prefixItems": [{"type": "integer"}], "minItems": 1}
NODE = {"type": "object", "required": ["next"], "properties": {"next": {"$ref": "#"}}}
# What jsonform cannot draw as a whole.
UNDRAWN = [
    True,
    False,
    {},
    TUPLE,
    {"oneOf": [{"type": "string"}, {"type": "integer"}]},
    {"type": "string"},
    {"type": "object"},
    {"$ref": "#/$defs/a", "$defs": {"a": {"type": "integer"}}},
]


@pytest.fixture
def operator(client, acme):
    client.force_login(make_member(acme, "operator").user)
    return client


def url_of(definition, *more):
    return "/".join([f"/admin/try/{definition.pk}", *more, ""])


def judge(client, definition, **draft):
    answer = client.post(
        url_of(definition, "judge"), json.dumps(draft), content_type="application/json"
    )
    assert answer.status_code == 200
    return answer.json()


def want(payload, **more):
    return {"text": payload if isinstance(payload, str) else json.dumps(payload), **more}


def test_a_form_starts_with_an_example_that_the_contract_accepts(operator, acme):
    made = make_definition(acme)

    state = operator.get(url_of(made)).context["state"]

    assert state["valid"]
    assert state["data"] == json.loads(state["text"])
    assert state["schema"]["properties"]["n"]["type"] == "integer"


@pytest.mark.parametrize("schema", UNDRAWN)
def test_what_cannot_be_drawn_is_json_only_and_it_is_said_why(operator, acme, schema):
    made = make_definition(acme, schema=schema)

    page = operator.get(url_of(made))

    assert page.status_code == 200
    assert "only JSON" in page.context["why"]
    assert page.context["state"]["data"] is None
    assert judge(operator, made, **{"from": "form", "data": {"a": 1}})["data"] == {"a": 1}
    assert "faults" in judge(operator, made, **{"from": "json", "text": "[1]"})


def test_a_contract_that_nothing_satisfies_has_a_page_as_well(operator, acme):
    made = make_definition(acme, schema=NODE)

    assert operator.get(url_of(made)).status_code == 200


def test_a_payload_is_judged_as_one_types(operator, acme):
    made = make_definition(acme)

    told = judge(operator, made, **{"from": "json", "text": '{"n": "one"}'})

    (fault,) = told["faults"]
    assert (fault["pointer"], fault["at"]) == ("/n", "n")
    assert not told["valid"]


def test_what_is_typed_in_the_form_is_told_as_json(operator, acme):
    made = make_definition(acme)

    told = judge(operator, made, **{"from": "form", "data": {"n": 7}})

    assert json.loads(told["text"]) == {"n": 7}
    assert told["valid"]


def test_a_missing_property_is_told_at_its_input(operator, acme):
    made = make_definition(acme)

    told = judge(operator, made, **{"from": "form", "data": {"n": None}})

    assert [fault["at"] for fault in told["faults"]] == ["n"]


def test_a_dry_run_tells_the_way_and_the_request_with_its_secrets_masked(operator, acme):
    credential = make_credential(acme, "http_bearer", secret={"token": "s3cret-token"})
    to = make_destination(acme, credential_id=credential.pk)
    made = make_definition(acme, to=to)

    page = operator.post(url_of(made, "plan"), want({"n": 1}, tags="customer=42", version="1"))

    told = page.content.decode()
    assert "which was asked for" in told
    assert f"leads to {to.label} (webhook)" in told
    assert "customer" in told
    assert f"POST {to.config['url']}" in told
    assert "x-arklow-actionid: 0" in told
    assert "authorization: " in told
    assert "{&quot;n&quot;:1}" in told
    assert "s3cret-token" not in told
    assert not ActionRecord.objects.exists()


@pytest.mark.parametrize("looks", [False, True])
def test_a_dry_run_shows_the_request_to_who_may_look_at_the_destination(acme, looks):
    to = make_destination(acme)
    made = make_definition(acme, to=to)
    codenames = ["add_actionrecord", "view_actiondefinition", *["view_destination"][:looks]]

    page = staff_with(*codenames).post(url_of(made, "plan"), want({"n": 1}))

    told = page.content.decode()
    assert (to.config["url"] in told, plans.NOT_YOURS in told) == (looks, not looks)


def test_a_dry_run_of_a_signed_request_shows_no_key(operator, acme):
    key = make_signing_key(acme, "whsec_" + "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
    made = make_definition(acme, to=make_destination(acme, signing_key_id=key.pk))

    told = operator.post(url_of(made, "plan"), want({"n": 1})).content.decode()

    assert "MDEyMzQ1" not in told
    assert "signature" in told


def test_without_a_link_it_goes_to_the_sink(operator, acme):
    made = make_definition(acme)

    told = operator.post(url_of(made, "plan"), want({"n": 1})).content.decode()

    assert "default sink" in told
    assert "nothing is sent" in told


def test_what_workers_pull_is_not_sent(operator, acme):
    made = make_definition(acme, to=make_destination(acme, "sdk"))

    assert b"its workers pull it" in operator.post(url_of(made, "plan"), want({"n": 1})).content


def test_what_needs_approval_is_not_shown_before(operator, acme):
    made = make_definition(acme, to=make_destination(acme), requires_approval=True)

    told = operator.post(url_of(made, "plan"), want({"n": 1})).content.decode()

    assert "held until somebody approves" in told
    assert "POST https" not in told


@pytest.mark.parametrize(
    ("posted", "told"),
    [
        (want("{"), "Not valid JSON"),
        (want({"n": "x"}), "/n"),
        (want({"n": 1}, version="9"), "no action"),
        (want({"n": 1}, version="-1"), "whole number"),
        (want({"n": 1}, tags="nothing"), "name=value"),
        (want({"n": 1}, tags="a=1\na=2"), "stands twice"),
        (want({"n": 1}, timeout="0"), "/timeout"),
        (want({"n": 1}, key="\t\u00e9"), "printable ASCII"),
    ],
)
def test_what_would_be_refused_is_told_by_both_and_nothing_is_stored(operator, acme, posted, told):
    made = make_definition(acme, to=make_destination(acme))

    for part in ("plan", "send"):
        page = operator.post(url_of(made, part), posted).content.decode()
        assert told in page
    assert not ActionRecord.objects.exists()


def test_an_action_is_sent_as_its_client_would_and_followed(operator, acme):
    made = make_definition(acme, to=make_destination(acme))

    page = operator.post(url_of(made, "send"), want({"n": 1}, tags="a=1", timeout="60"))

    record = ActionRecord.objects.get()
    assert (record.org, record.definition, record.tags, record.timeout) == (
        acme, made, {"a": "1"}, 60,
    )  # fmt: skip
    assert reverse("console:record_timeline", args=[record.pk]) in page.content.decode()


def test_the_same_key_is_one_action(operator, acme):
    made = make_definition(acme, to=make_destination(acme))

    operator.post(url_of(made, "send"), want({"n": 1}, key="k"))
    again = operator.post(url_of(made, "send"), want({"n": 1}, key="k"))
    other = operator.post(url_of(made, "send"), want({"n": 2}, key="k"))

    assert b"nothing was sent again" in again.content
    assert b"came with another call" in other.content
    assert ActionRecord.objects.count() == 1


@pytest.mark.parametrize("part", ["judge", "plan", "send"])
def test_who_may_not_hand_in_is_refused(client, acme, globex, part):
    made, theirs = make_definition(acme), make_definition(globex)
    client.force_login(make_member(acme, "editor").user)
    assert client.get(url_of(made)).status_code == 403
    assert client.get("/admin/try/").status_code == 403
    assert client.post(url_of(made, part), want({"n": 1})).status_code == 403

    client.force_login(make_member(acme, "operator").user)
    assert client.post(url_of(theirs, part), want({"n": 1})).status_code == 404
    assert not ActionRecord.objects.exists()


def test_one_chooses_what_to_try(operator, acme):
    made = make_definition(acme, "orders")

    page = operator.get("/admin/try/").content.decode()

    assert url_of(made) in page
    assert "New definition" not in page


@pytest.mark.parametrize(
    "schema", ['{"type":"object","$schema":1}', '{"properties":[]}', '{"type":{}}', "5"]
)
def test_a_schema_that_was_never_admitted_is_told_and_no_error(operator, acme, schema):
    made = make_definition(acme)
    type(made).objects.filter(pk=made.pk).update(schema=schema.encode())

    page = operator.get(url_of(made))

    assert page.status_code == 200
    assert "Nothing can be judged" in page.context["why"]
    assert judge(operator, made, **{"from": "json", "text": '{"n": 1}'})["faults"]
    for part in ("plan", "send"):
        assert b"would be refused" in operator.post(url_of(made, part), want({"n": 1})).content
    assert operator.get(f"/admin/definitions/{made.pk}/").status_code == 200
