"""Destinations in the admin: a form drawn from the type's own schema."""

from __future__ import annotations

import copy
import json

import pytest
from django.urls import reverse

from destinations import kinds
from destinations.admin import jsonforms
from destinations.admin.forms import DestinationForm, DrawnJSONField
from destinations.kinds import KINDS
from destinations.models import Destination
from destinations.schemas import TAGS
from tests import factories

ADD = reverse("admin:destinations_destination_add")
WEBHOOK = KINDS["webhook"].CONFIG


def change_url(destination):
    return reverse("admin:destinations_destination_change", args=[destination.pk])


def form_data(org, kind="webhook", config=None, tags=(), **fields):
    """What the page posts."""
    drawn = jsonforms.fill(KINDS[kind].EXAMPLE, kinds.SCHEMAS[kind]) | (config or {})
    pairs = [{"name": name, "value": value} for name, value in tags]
    return {
        "org": org.pk,
        "label": f"my {kind}",
        "type": kind,
        "config": json.dumps(drawn),
        "tags": json.dumps(pairs),
    } | fields


def marks(response, field="config"):
    """The faults under the inputs of a field."""
    return response.context["adminform"].form.fields[field].widget.error_map


@pytest.mark.parametrize("kind", KINDS)
def test_each_type_is_created_from_its_own_form(admin_client, acme, kind):
    response = admin_client.post(ADD, form_data(acme, kind))

    made = Destination.objects.get()
    assert response.status_code == 302
    assert (made.org, made.type, made.config, made.tags) == (acme, kind, KINDS[kind].EXAMPLE, None)


@pytest.mark.parametrize(
    ("kind", "ours"),
    [
        ("aws_sqs", {"signaling": {"enabled": True, "default": "mod_ack"}}),
        ("google_pubsub", {"signaling": {"enabled": False}, "ordering": True}),
        ("mcp", {"tool": "send_email"}),
    ],
)
def test_options_beside_the_published_schema_are_in_the_form(admin_client, acme, kind, ours):
    admin_client.post(ADD, form_data(acme, kind, ours))
    made = Destination.objects.get()
    page = admin_client.get(change_url(made))
    widget = page.context["adminform"].form.fields["config"].widget

    assert made.config == KINDS[kind].EXAMPLE | ours
    assert ours.keys() <= widget.schema["properties"].keys()


def test_a_box_that_is_not_ticked_changes_nothing(admin_client, acme):
    admin_client.post(ADD, form_data(acme, "google_pubsub", {"ordering": False}))

    assert Destination.objects.get().config == KINDS["google_pubsub"].EXAMPLE


def test_the_page_holds_the_form_of_every_type(admin_client, acme):
    page = admin_client.get(ADD)
    widget = page.context["adminform"].form.fields["config"].widget

    assert json.loads(widget.attrs["data-schemas"]).keys() == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_drawing_leaves_the_schema_as_it_is(kind):
    before = copy.deepcopy(kinds.SCHEMAS[kind])
    drawn = jsonforms.draw(kinds.SCHEMAS[kind], KINDS[kind].EXAMPLE)
    for value in drawn["properties"].values():
        value.clear()

    assert before == kinds.SCHEMAS[kind]


@pytest.mark.parametrize(
    "config",
    [
        {"url": "https://example.com"},
        {"url": "https://example.com", "headers": {"X-A": "1", "X-B": ""}},
        {"url": "https://example.com", "signaling": {"enabled": True, "default": "ack"}},
        # A branch is known by its keys: the one that is left out has to come and go.
        {"url": "https://example.com", "signaling": {"enabled": False}},
        {"url": "https://example.com", "response_time_sla_ms": 800},
    ],
)
def test_a_config_goes_through_its_form_unchanged(config):
    assert jsonforms.read(jsonforms.fill(config, WEBHOOK), WEBHOOK) == config


def test_an_optional_union_can_be_left_unset():
    titles = [b["title"] for b in jsonforms.draw(WEBHOOK)["properties"]["signaling"]["anyOf"]]

    assert titles == ["Not set", "Enabled", "Not enabled"]


def test_names_become_labels():
    assert jsonforms.title("queue_url") == "Queue URL"
    assert jsonforms.title("response_time_sla_ms") == "Response time SLA (ms)"


def test_a_list_goes_through_its_form_unchanged():
    schema = {"type": "array", "items": {"type": "string"}}

    assert jsonforms.read(jsonforms.fill(["a", "b"], schema), schema) == ["a", "b"]


@pytest.mark.parametrize(
    ("config", "places"),
    [
        ({"url": ""}, {"url"}),
        ({"url": "no url"}, {"url"}),
        ({"url": "https://localhost"}, {"url"}),
        ({"response_time_sla_ms": 0}, {"response_time_sla_ms"}),
        ({"signaling": {"enabled": True, "default": ""}}, {"signaling§default"}),
        ({"headers": [{"name": "X", "value": "1"}, {"name": "Host", "value": "1"}]},
         {"headers§1§value"}),
    ],
)  # fmt: skip
def test_a_fault_stands_under_its_input(admin_client, acme, config, places):
    response = admin_client.post(ADD, form_data(acme, config=config))

    assert response.status_code == 200
    assert marks(response).keys() == places
    assert not Destination.objects.exists()


def test_the_faults_are_those_of_the_api(admin_client, acme, api):
    config = KINDS["webhook"].EXAMPLE | {"url": "https://localhost"}
    (fault,) = kinds.find_config_faults("webhook", config)
    response = admin_client.post(ADD, form_data(acme, config={"url": "https://localhost"}))

    assert marks(response) == {"url": [fault.message]}


def test_what_was_typed_is_shown_again(admin_client, acme):
    response = admin_client.post(ADD, form_data(acme, "aws_sqs", {"queue_url": "no url"}))
    form = response.context["adminform"].form

    assert "queue_url" in form.fields["config"].widget.schema["properties"]
    assert json.loads(form["config"].value())["queue_url"] == "no url"


@pytest.mark.parametrize("text", ["{", '{"url": "\\u0000"}', '{"url": 1e999}'])
def test_what_is_no_json_is_refused(admin_client, acme, text):
    response = admin_client.post(ADD, form_data(acme) | {"config": "{}", "tags": text})

    assert response.status_code == 200
    assert response.context["adminform"].form.errors["tags"]


def test_an_unknown_type_is_refused(admin_client, acme):
    response = admin_client.post(ADD, form_data(acme) | {"type": "pigeon"})

    assert "type" in response.context["adminform"].form.errors


def test_tags_are_pairs(admin_client, acme):
    admin_client.post(ADD, form_data(acme, tags=[("team", "orders"), ("", "")]))

    assert Destination.objects.get().tags == {"team": "orders"}


@pytest.mark.parametrize(
    "tags", [[("a", "1"), ("a", "2")], [("a", "x" * 257)], [(str(n), "") for n in range(17)]]
)
def test_tags_have_their_limits(admin_client, acme, tags):
    response = admin_client.post(ADD, form_data(acme, tags=tags))

    assert "tags" in response.context["adminform"].form.errors


def test_a_taken_label_is_said_at_the_label(admin_client, acme):
    factories.make_destination(acme, label="my webhook")
    response = admin_client.post(ADD, form_data(acme))

    assert response.status_code == 200
    assert "already labelled" in str(response.context["adminform"].form.errors["label"])
    assert Destination.objects.count() == 1


def test_another_organization_may_use_the_label(admin_client, acme, globex):
    factories.make_destination(globex, label="my webhook")

    assert admin_client.post(ADD, form_data(acme)).status_code == 302


def test_a_change_keeps_the_type_and_what_the_form_does_not_draw(admin_client, acme):
    config = KINDS["aws_sqs"].EXAMPLE | {"role": "kept"}
    sqs = factories.make_destination(acme, "aws_sqs", config=config, tags={"a": "1"})
    data = form_data(acme, "aws_sqs", {"region": ""}, label="queue") | {"type": "webhook"}
    response = admin_client.post(change_url(sqs), data)

    sqs.refresh_from_db()
    assert response.status_code == 302
    assert (sqs.label, sqs.type, sqs.tags) == ("queue", "aws_sqs", None)
    assert sqs.config == {"queue_url": KINDS["aws_sqs"].EXAMPLE["queue_url"], "role": "kept"}


def test_a_change_needs_no_more_than_the_page_asks_for(admin_client, acme):
    mine = factories.make_destination(acme)
    data = form_data(acme, label="moved")
    del data["org"], data["type"]

    assert admin_client.post(change_url(mine), data).status_code == 302
    mine.refresh_from_db()
    assert mine.label == "moved"


def test_a_change_that_the_service_refuses_is_shown(admin_client, acme):
    factories.make_destination(acme, label="taken")
    mine = factories.make_destination(acme, label="mine")
    response = admin_client.post(change_url(mine), form_data(acme, label="taken"))

    mine.refresh_from_db()
    assert "label" in response.context["adminform"].form.errors
    assert mine.label == "mine"


def test_only_live_rows_are_listed_unless_asked_for(admin_client, acme):
    live = factories.make_destination(acme, label="here")
    gone = factories.make_destination(acme, label="gone")
    Destination.objects.filter(pk=gone.pk).update(deleted_at=gone.created_at)
    url = reverse("admin:destinations_destination_changelist")
    listed = {
        state: set(
            admin_client.get(url, {"state": state} if state else {}).context["cl"].result_list
        )
        for state in ("", "deleted", "all")
    }

    assert listed == {"": {live}, "deleted": {gone}, "all": {live, gone}}


def test_a_deleted_destination_is_a_window(admin_client, acme):
    gone = factories.make_destination(acme, label="gone")
    Destination.objects.filter(pk=gone.pk).update(deleted_at=gone.created_at)
    page = admin_client.get(change_url(gone))

    assert "_save" not in page.content.decode()
    assert "hooks.example.com" in page.content.decode()
    assert admin_client.post(change_url(gone), form_data(acme)).status_code == 403


def test_a_field_knows_whether_it_was_changed():
    field = DrawnJSONField(schema=TAGS, required=False)

    assert not field.has_changed(None, "[]")
    assert not field.has_changed({"a": "1"}, '[{"name": "a", "value": "1"}]')
    assert field.has_changed({"a": "1"}, "[]")
    assert field.has_changed({"a": "1"}, "{")


def test_forms_do_not_share_their_faults(acme):
    DestinationForm(form_data(acme, config={"url": ""})).is_valid()

    assert not hasattr(DestinationForm(form_data(acme)).fields["config"].widget, "error_map")
