"""Writing a contract: judged as one types, reviewed beside the newest version, published."""

from __future__ import annotations

import json

import pytest

from actions import compatibility, policies
from actions.compatibility import Report, Verdict
from actions.models import ActionDefinition
from tests.factories import SCHEMA, make_definition, make_member, make_record

pytestmark = pytest.mark.django_db
NEW, JUDGE = "/admin/definitions/new/", "/admin/definitions/judge/"
REVIEW, PUBLISH = "/admin/definitions/review/", "/admin/definitions/publish/"
WIDER = {**SCHEMA, "properties": {**SCHEMA["properties"], "note": {"type": "string"}}}
NARROWER = {**SCHEMA, "required": ["n", "m"]}


@pytest.fixture
def editor(client, acme):
    client.force_login(make_member(acme, "editor").user)
    return client


def judge(client, **draft):
    answer = client.post(JUDGE, json.dumps(draft), content_type="application/json")
    return answer.status_code, answer.json()


def want(schema, variant="orders", **more):
    text = schema if isinstance(schema, str) else json.dumps(schema)
    return {"variant": variant, "text": text, **more}


def test_a_new_definition_starts_with_an_empty_form(editor):
    state = editor.get(NEW).context["state"]

    assert state["data"]["properties"] == []
    assert state["valid"]
    assert state["judge"] == JUDGE


def test_the_next_version_starts_from_the_one_looked_at(editor, acme):
    made = make_definition(acme, "orders")

    page = editor.get(f"/admin/definitions/{made.pk}/next/")

    assert json.loads(page.context["state"]["text"]) == SCHEMA
    assert b'name="variant" value="orders"' in page.content


def test_what_is_typed_in_the_form_is_told_as_json(editor):
    data = editor.get(NEW).context["state"]["data"]
    kind = {"type": "string", "enum": ["a", "b"], "format": "", "more": ""}
    data["properties"] = [{"name": "x", "required": True, "description": "", "kind": kind}]

    status, told = judge(editor, **{"from": "form", "data": data})

    assert status == 200
    assert told["valid"]
    assert json.loads(told["text"])["properties"] == {"x": {"type": "string", "enum": ["a", "b"]}}


def test_what_is_typed_as_json_is_shown_in_the_form_and_its_text_stays(editor):
    text = '{"type":"object",\n"properties":{"x":{"type":"integer"}}}'

    _, told = judge(editor, **{"from": "json", "text": text})

    assert told["text"] == text
    assert told["data"]["properties"][0]["name"] == "x"
    assert told["why"] == ""


def test_a_fault_is_told_by_pointer_and_by_input(editor):
    schema = {"type": "object", "properties": {"x": {"type": "string", "pattern": "("}}}

    _, told = judge(editor, **{"from": "json", "text": json.dumps(schema)})

    (fault,) = told["faults"]
    assert not told["valid"]
    assert fault["pointer"] == "/properties/x/pattern"
    assert fault["at"] == "properties§0§kind§pattern"


def test_half_typed_json_leaves_the_form_as_it_is(editor):
    _, told = judge(editor, **{"from": "json", "text": '{"type": '})

    assert (told["text"], told["data"]) == (None, None)
    assert told["why"]
    assert not told["valid"]


def test_half_typed_keywords_leave_the_json_as_it_is(editor):
    _, told = judge(editor, **{"from": "form", "data": {"properties": [], "more": "{"}})

    assert told["text"] is None
    assert told["faults"][0]["at"] == "more"


def test_a_contract_that_the_builder_does_not_know_is_json_only(editor):
    _, told = judge(editor, **{"from": "json", "text": '{"type": ["string", "null"]}'})

    assert told["valid"]
    assert told["data"] is None
    assert "`type` is `object`" in told["why"]


@pytest.mark.parametrize("body", ["", "{", "[]", '"x"', '{"from": "sky"}', '{"from": ["form"]}'])
def test_what_is_no_draft_is_refused(editor, body):
    answer = editor.post(JUDGE, body, content_type="application/json")

    assert answer.status_code == 400
    assert answer.json()["refusal"]


def test_before_publishing_one_sees_what_changes(editor, acme):
    make_definition(acme, "orders")

    page = editor.post(REVIEW, want(WIDER))

    assert page.status_code == 200
    assert [one.pointer for one in page.context["differences"].items] == ["/properties/note"]
    assert page.context["number"] == 2
    assert b"Publish orders v2" in page.content
    assert ActionDefinition.objects.count() == 1


def test_without_a_policy_it_is_told_all_the_same_what_it_means(editor, acme):
    make_definition(acme, "orders")

    reports = editor.post(REVIEW, want(NARROWER)).context["beside"]["reports"]

    assert reports[0][1]["verdict"] == "incompatible"


def test_payloads_that_were_sent_are_judged_by_it(editor, acme):
    made = make_definition(acme, "orders")
    make_record(acme, "orders")

    page = editor.post(REVIEW, want(NARROWER))

    assert page.context["replayed"].failed == 1
    assert made.version == 1


def test_what_was_reviewed_is_published(editor, acme):
    make_definition(acme, "orders")

    answer = editor.post(PUBLISH, want(WIDER, description="More.\r\nOf it."), follow=True)

    newest = ActionDefinition.objects.get(version=2)
    assert answer.redirect_chain == [(f"/admin/definitions/{newest.pk}/", 302)]
    assert newest.read_schema() == WIDER
    assert newest.description == "More.\nOf it."


def test_what_somebody_else_has_published_since_the_review_is_reviewed_first(editor, acme):
    make_definition(acme, "orders")
    page = editor.post(REVIEW, want(WIDER))
    assert 'name="version" value="2"' in page.text
    make_definition(acme, "orders", schema=NARROWER)

    for _ in range(2):
        page = editor.post(PUBLISH, want(WIDER, version="2"))
        assert "orders v2 is stored with another schema" in page.text
        assert page.context["number"] == 3
    assert ActionDefinition.objects.count() == 2
    assert editor.post(PUBLISH, want(WIDER, version="3")).status_code == 302
    # As what is posted twice.
    assert editor.post(PUBLISH, want(WIDER, version="3")).status_code == 302
    assert ActionDefinition.objects.count() == 3


@pytest.mark.parametrize("version", ["9" * 18, "9" * 5_000, "-1", "0", "x\0"])
def test_a_version_that_cannot_be_is_refused_or_none(editor, acme, version):
    answer = editor.post(PUBLISH, want(SCHEMA, "refunds", version=version))

    assert answer.status_code in (200, 302)


def test_a_new_variant_is_published_with_its_policy(editor, acme):
    editor.post(PUBLISH, want(SCHEMA, "refunds", compatibility="full"))

    made = ActionDefinition.objects.get()
    assert (made.org, made.variant, made.compatibility) == (acme, "refunds", "full")


def test_what_the_policy_refuses_is_not_published_and_it_is_said_why(editor, acme):
    make_definition(acme, "orders", compatibility="backward")

    reviewed = editor.post(REVIEW, want(NARROWER))
    refused = editor.post(PUBLISH, want(NARROWER))

    assert not reviewed.context["is_accepted"]
    assert b"policy refuses it" in reviewed.content
    assert b"Publish orders v2" not in reviewed.content
    assert refused.context["refused"]
    assert ActionDefinition.objects.count() == 1


def test_the_same_schema_once_more_adds_no_version(editor, acme):
    make_definition(acme, "orders")

    page = editor.post(REVIEW, want(SCHEMA))
    editor.post(PUBLISH, want(SCHEMA))

    assert b"no version is added" in page.content
    assert ActionDefinition.objects.count() == 1


@pytest.mark.parametrize(
    ("posted", "told"),
    [
        (want("{"), b"Not valid JSON"),
        (want({"type": "strin"}), b"/schema/type"),
        (want(SCHEMA, "a/b"), b"has no `/`"),
        (want(SCHEMA, ""), b"1 to 255 characters"),
    ],
)
def test_what_cannot_be_published_stays_in_the_editor(editor, posted, told):
    page = editor.post(REVIEW, posted)

    assert page.status_code == 422
    assert told in page.content
    assert page.context["state"]["text"] == posted["text"]


def test_one_may_edit_again_what_was_reviewed(editor):
    page = editor.post(PUBLISH, want(SCHEMA, again="1"))

    assert page.status_code == 200
    assert json.loads(page.context["state"]["text"]) == SCHEMA
    assert not ActionDefinition.objects.exists()


def test_staff_who_look_at_all_say_whose_it_is(admin_client, acme, globex):
    assert admin_client.post(PUBLISH, want(SCHEMA)).status_code == 404

    admin_client.post(PUBLISH, want(SCHEMA, org=globex.pk))

    assert ActionDefinition.objects.get().org == globex


def test_a_member_publishes_in_no_other_organization(editor, acme, globex):
    answer = editor.post(PUBLISH, want(SCHEMA, org=globex.pk))

    assert answer.status_code == 404
    assert not ActionDefinition.objects.exists()


def test_what_cannot_be_told_is_published_where_that_is_ticked(editor, acme, monkeypatch):
    make_definition(acme, "orders", compatibility="full")
    report = Report(Verdict.INDETERMINATE)
    monkeypatch.setattr(compatibility, "compare_apart", lambda *_, **__: report)

    assert b'name="allow_indeterminate"' in editor.post(REVIEW, want(WIDER)).content
    assert policies.UNTOLD in editor.post(PUBLISH, want(WIDER)).content.decode()
    editor.post(PUBLISH, want(WIDER, allow_indeterminate="on"))

    # Not chosen, the policy is as it was.
    assert ActionDefinition.objects.get(version=2).compatibility == "full"


def test_the_next_version_needs_approval_as_the_others_do(editor, acme):
    make_definition(acme, "orders", requires_approval=True)

    editor.post(PUBLISH, want(WIDER))

    assert ActionDefinition.objects.get(version=2).requires_approval


@pytest.mark.parametrize("permission", ["viewer", "operator"])
def test_who_may_not_publish_is_refused(client, acme, permission):
    made = make_definition(acme, "orders")
    client.force_login(make_member(acme, permission).user)

    assert client.get(NEW).status_code == 403
    assert client.get(f"/admin/definitions/{made.pk}/next/").status_code == 403
    for url in (JUDGE, REVIEW, PUBLISH):
        assert client.post(url, want(WIDER)).status_code == 403
    assert ActionDefinition.objects.count() == 1


@pytest.mark.parametrize("url", [REVIEW, PUBLISH])
@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"compatibility": "whatever"}, b"is not one of"),
        ({"description": "x" * 10_001}, b"longer than 10000 characters"),
    ],
)
def test_what_the_api_refuses_beside_a_contract_is_refused_here(editor, url, said, told):
    answer = editor.post(url, want(SCHEMA, **said))

    assert answer.status_code == 422
    assert told in answer.content
    assert not ActionDefinition.objects.exists()


def test_what_no_column_holds_is_left_out_of_a_description(editor):
    editor.post(PUBLISH, want(SCHEMA, description="a\0b"))

    assert ActionDefinition.objects.get().description == "ab"
