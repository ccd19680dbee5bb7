"""One registry: what the gateway registers is a definition with a destination, and stays one."""

from __future__ import annotations

import pytest

from actions.models import ActionDefinition, DefinitionDestination
from destinations.models import Destination
from dispatch.models import ActionRecord
from gateway.models import GatewayAction
from tests import factories
from tests.client import ApiClient, codes

SCHEMA = {"type": "object", "required": ["to"]}


@pytest.fixture
def management(acme):
    return ApiClient(acme, factories.make_key(acme))


@pytest.fixture
def destination(action):
    return Destination.objects.get()


def definitions(management):
    return management.data(management.get("~/actions/definitions"))["items"]


# --- it shows up ----------------------------------------------------------------------------------


def test_the_registry_shows_it_with_its_destination(action, management, hook):
    (definition,) = definitions(management)

    assert (definition["variant"], definition["version"]) == ("send_note", 1)
    assert definition["schema"] == {"type": "object"}
    assert definition["description"] == "Sends a note."
    (link,) = definition["destinations"]
    assert link["is_default"] is True
    shown = link["destination"]
    assert (shown["type"], shown["protocol"]) == ("webhook", "gateway")
    assert (shown["label"], shown["config"]) == ("gateway send_note", {"url": hook.url})


def test_it_is_handed_in_by_ingress(action, management, destination):
    answer = management.post("/v1/ingress/send_note?tag.n=1", {"input": {"to": "a"}})

    record = ActionRecord.objects.get(pk=management.data(answer)["id"])
    assert (record.destination_id, record.status, record.push) == (destination.pk, "queued", True)
    assert record.lane.tags == {"n": "1"}


def test_a_protocol_is_never_set_by_the_management_api(management, destination, webhook):
    config = webhook.config
    for body in (
        {"label": "a", "type": "webhook", "config": config, "protocol": "gateway"},
        {"label": "a", "type": "webhook", "config": config | {"protocol": "gateway"}},
    ):
        assert management.put("~/destinations", body).status_code in (400, 422)
    for row, protocol in ((webhook, "gateway"), (destination, "plain")):
        answer = management.post(f"~/destinations/{row.pk}", {"protocol": protocol})
        assert codes(answer) == [("INVALID_BODY", "/protocol")]


def test_other_actions_are_not_the_gateways(gateway, action, acme, webhook):
    factories.make_definition(acme, "counted", webhook)

    assert gateway.names() == ["send_note"]


# --- what the management API does behind it -------------------------------------------------------


def test_a_version_that_is_published_elsewhere_shows(gateway, action, management):
    for schema, shown in ((SCHEMA, SCHEMA), (True, {}), (False, {"not": {}})):
        body = {"variant": "send_note", "schema": schema}
        management.data(management.put("~/actions/definitions", body))

        seen = gateway.call("GET", "/actions/send_note").json()["action"]
        assert seen == action | {"json_schema": shown, "updated_at": seen["updated_at"]}
        assert seen["updated_at"] > action["updated_at"]


def test_a_version_that_is_deleted_gives_the_one_before_back(gateway, action, management):
    gateway.call("PUT", "/actions/send_note", {"json_schema": SCHEMA})
    newest = ActionDefinition.objects.latest("version")

    management.data(management.delete(f"~/actions/definitions/{newest.pk}"))

    assert gateway.call("GET", "/actions/send_note").json()["action"]["json_schema"] == {
        "type": "object"
    }


def test_what_is_deleted_and_made_anew_still_needs_approval(gateway, action, hook, management):
    (definition,) = definitions(management)
    body = {"requires_approval": True}
    management.data(management.post(f"~/actions/definitions/{definition['id']}", body))
    gateway.call("DELETE", "/actions/send_note")
    gateway.made(hook.url)
    gateway.call("PUT", "/actions/send_note", {"json_schema": SCHEMA})

    assert [one["requires_approval"] for one in definitions(management)] == [True, True]
    executed = gateway.call("POST", "/actions/send_note/execute", {"parameters": {"to": "a"}})
    assert (executed.status_code, ActionRecord.objects.get().status) == (202, "held")


def test_a_url_that_is_changed_elsewhere_shows(gateway, action, management, destination, hook):
    hook.seen.clear()
    config = {"url": hook.url + "v3", "headers": {"x-team": "mail"}}

    management.data(management.post(f"~/destinations/{destination.pk}", {"config": config}))

    seen = gateway.call("GET", "/actions/send_note").json()["action"]
    assert seen["webhook_url"] == hook.url + "v3"
    assert seen["updated_at"] > action["updated_at"]
    assert hook.seen == []
    # What else it has stays when the gateway moves it.
    gateway.call("PUT", "/actions/send_note", {"webhook_url": hook.url})
    destination.refresh_from_db()
    assert destination.config == config | {"url": hook.url}
    assert hook.seen[0][0]["x-team"] == "mail"


def test_without_its_destination_it_is_gone_and_its_name_free(
    gateway, action, management, destination, hook
):
    path = f"~/destinations/{destination.pk}"
    assert codes(management.delete(path)) == [("DESTINATION_IN_USE", None)]
    management.data(management.delete(f"{path}?force=true"))

    assert gateway.names() == []
    assert gateway.call("GET", "/actions/send_note").status_code == 404
    again = gateway.made(hook.url)
    assert again["id"] != action["id"]
    assert gateway.names() == ["send_note"]
    # The definition lived on, and leads there again.
    (definition,) = definitions(management)
    assert definition["version"] == 1
    assert [link["is_default"] for link in definition["destinations"]] == [True]


def test_what_has_been_led_elsewhere_meanwhile_is_not_the_gateways_to_take(
    gateway, action, management, destination, webhook, hook
):
    management.data(management.delete(f"~/destinations/{destination.pk}?force=true"))
    definition = ActionDefinition.objects.get()
    management.data(
        management.put(f"~/actions/definitions/{definition.pk}/destinations/{webhook.pk}", {})
    )

    answer = gateway.create(hook.url)

    assert answer.status_code == 409
    assert answer.json() == {"error": "action with name 'send_note' already exists"}


def test_unlinked_it_is_gone_and_linked_again_it_is_back(gateway, action, management, destination):
    definition = ActionDefinition.objects.get()
    link = f"~/actions/definitions/{definition.pk}/destinations/{destination.pk}"

    management.data(management.delete(link))
    assert gateway.names() == []
    management.data(management.put(link, {}))
    assert gateway.call("GET", "/actions/send_note").json()["action"]["id"] == action["id"]


def test_without_its_definition_it_is_gone_and_its_name_free(
    gateway, action, management, destination, hook
):
    definition = ActionDefinition.objects.get()
    management.data(management.delete(f"~/actions/definitions/{definition.pk}"))

    assert gateway.names() == []
    again = gateway.made(hook.url)
    assert again["id"] != action["id"]
    # The destination that was left has kept its label.
    labels = Destination.objects.live().order_by("id").values_list("label", flat=True)
    assert list(labels) == ["gateway send_note", "gateway send_note 2"]
    assert GatewayAction.objects.live().count() == 1


def test_another_default_leaves_it_where_it_is(gateway, action, management, webhook):
    definition = ActionDefinition.objects.get()
    path = f"~/actions/definitions/{definition.pk}/destinations/{webhook.pk}"
    management.data(management.put(path, {"is_default": True}))

    assert gateway.names() == ["send_note"]


# --- what the gateway deletes ---------------------------------------------------------------------


def test_deleted_it_takes_no_work_and_what_is_open_finishes(
    gateway, action, management, destination, acme, hook
):
    gateway.call("PUT", "/actions/send_note", {"json_schema": SCHEMA})
    record = factories.make_record(acme, "send_note", input={"to": "a"})

    assert gateway.call("DELETE", "/actions/send_note").status_code == 200

    answer = management.post("/v1/ingress/send_note", {"input": {"to": "a"}})
    assert codes(answer) == [("UNKNOWN_VARIANT", "/variant")]
    record.refresh_from_db()
    destination.refresh_from_db()
    assert (record.status, destination.deleted_at) == ("queued", None)
    assert definitions(management) == []
    assert not DefinitionDestination.objects.exists()
    assert gateway.made(hook.url)["name"] == "send_note"


def test_deleted_it_leaves_a_destination_that_others_go_to(gateway, action, acme, destination):
    factories.make_definition(acme, "counted", destination)

    gateway.call("DELETE", "/actions/send_note")

    destination.refresh_from_db()
    assert destination.deleted_at is None
    assert ActionDefinition.objects.live().get().variant == "counted"
