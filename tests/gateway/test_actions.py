"""`/api/v1/gateway/actions`: create, list, get, update, delete, in the published words."""

from __future__ import annotations

import uuid
from datetime import datetime

import pytest
from aiohttp import web

from actions.models import ActionDefinition
from destinations.models import Destination
from gateway.models import GatewayAction
from tests import factories
from tests.dispatch.concurrency import at_once
from tests.gateway import receivers
from tests.gateway.client import Gateway, send
from tests.gateway.conftest import KEY
from tests.stored import everything_stored

SCHEMA = {
    "type": "object",
    "properties": {"to": {"type": "string", "enum": ["a", "b"]}},
    "required": ["to"],
}
NOT_A_SCHEMA = "Field 'json_schema' is not a valid JSON Schema"


def refused(answer, status, error, details=None):
    assert answer.status_code == status, answer.content
    assert answer.json() == {"error": error} | ({"details": details} if details else {})


def invalid(answer, details):
    refused(answer, 400, "Invalid request format", details)


# --- create ---------------------------------------------------------------------------------------


def test_an_action_is_made_after_its_webhook_has_answered_a_test(gateway, hook, acme):
    answer = gateway.create(hook.url, json_schema=SCHEMA)

    assert answer.status_code == 201
    (action,) = answer.json().values()
    assert list(answer.json()) == ["action"]
    for name in ("created_at", "updated_at"):
        moment = action.pop(name)
        assert moment.endswith("Z")
        assert datetime.fromisoformat(moment)
    assert uuid.UUID(action.pop("id")).version == 4
    assert action == {
        "tenant_id": str(acme.tenant_id),
        "name": "send_note",
        "description": "Sends a note.",
        "json_schema": SCHEMA,
        "webhook_url": hook.url,
    }
    ((headers, body),) = hook.seen
    assert b'"action_name":"send_note","parameters":{},"test":true,"timestamp":' in body
    assert receivers.raw(body, KEY)
    assert receivers.go_sample(body, KEY)
    assert headers["content-type"] == "application/json"
    assert headers["x-waybill-test"] == "true"
    assert headers["webhook-signature"].startswith("v1,")


@pytest.mark.parametrize("status", [200, 201, 204, 299])
def test_any_2xx_passes_whatever_its_body(status, gateway, hook):
    hook.answer = web.Response(status=status, body=b"" if status == 204 else b"\xff not JSON")

    assert gateway.create(hook.url).status_code == 201


@pytest.mark.parametrize("status", [301, 400, 401, 404, 429, 500, 503])
def test_any_other_status_is_told_and_nothing_is_stored(status, gateway, hook):
    hook.answer = web.Response(status=status, headers={"location": hook.url})
    before = everything_stored()

    refused(
        gateway.create(hook.url),
        400,
        f"action validation failed: webhook endpoint returned status {status}",
    )
    assert everything_stored() == before
    assert len(hook.seen) == 1


@pytest.mark.parametrize("name", ["a", "0", "_", "a" * 100, "send_email_2"])
def test_names_that_are_good(name, gateway, hook):
    assert gateway.made(hook.url, name)["name"] == name
    assert gateway.call("GET", f"/actions/{name}").json()["action"]["name"] == name


@pytest.mark.parametrize("name", ["", "a" * 101, "Send", "a-b", "a b", "a.b", "é", "a\n", "a/b"])
def test_names_that_are_not(name, gateway, hook):
    answer = gateway.create(hook.url, name)

    assert answer.status_code == 400
    assert answer.json()["error"] == "Invalid request format"
    assert answer.json()["details"].startswith("Field 'name' is invalid: ")
    assert hook.seen == []


@pytest.mark.parametrize("field", ["name", "description", "webhook_url", "json_schema"])
def test_a_field_that_is_missing_is_named(field, gateway, hook):
    body = {
        "name": "send_note",
        "description": "Sends.",
        "webhook_url": hook.url,
        "json_schema": {},
    }
    del body[field]

    invalid(gateway.call("POST", "/actions", body), f"Field '{field}' is required")


def test_every_field_that_is_wrong_is_named(gateway):
    body = {"name": 1, "description": "", "webhook_url": "nowhere", "json_schema": True}

    details = gateway.call("POST", "/actions", body).json()["details"]

    assert [part.split("'")[1] for part in details.split("; ")] == list(body)


def test_descriptions_have_1_to_500_characters(gateway, hook):
    assert gateway.create(hook.url, description="").status_code == 400
    assert gateway.create(hook.url, description="x" * 501).status_code == 400
    assert gateway.create(hook.url, description="é" * 500).status_code == 201


@pytest.mark.parametrize(
    ("schema", "details"),
    [
        ({"type": "text"}, f"{NOT_A_SCHEMA} at /type: "),
        (
            {"$ref": "https://example.com/"},
            f"{NOT_A_SCHEMA} at /$ref",
        ),
        ({"$schema": "nowhere"}, f"{NOT_A_SCHEMA} at /$schema"),
        ({"$ref": "#"}, f"{NOT_A_SCHEMA}: "),
    ],
)
def test_a_schema_that_is_none_is_refused_before_anybody_is_called(schema, details, gateway, hook):
    answer = gateway.create(hook.url, json_schema=schema)

    assert answer.status_code == 400
    assert answer.json()["error"] == "Invalid request format"
    assert answer.json()["details"].startswith(details)
    assert hook.seen == []


def test_what_a_client_says_of_fields_that_are_ours_is_passed_by(gateway, hook, globex):
    theirs = {"id": str(uuid.uuid4()), "tenant_id": str(globex.tenant_id), "deleted_at": "2020"}

    action = gateway.made(hook.url, **theirs, created_at="2020-01-01T00:00:00Z", org_id=globex.pk)

    assert action["id"] != theirs["id"]
    assert action["tenant_id"] != theirs["tenant_id"]
    assert action["created_at"] > "2026"
    assert GatewayAction.objects.get().deleted_at is None


def test_a_name_that_is_taken_is_409_without_a_call(gateway, action, hook):
    hook.seen.clear()

    refused(gateway.create(hook.url), 409, "action with name 'send_note' already exists")
    assert hook.seen == []


def test_a_name_that_the_registry_has_otherwise_is_409(gateway, hook, acme, globex):
    factories.make_definition(acme, "counted", alias=["known_as"])
    factories.make_definition(globex, "theirs")

    for name in ("counted", "known_as"):
        refused(gateway.create(hook.url, name), 409, f"action with name '{name}' already exists")
    assert gateway.create(hook.url, "theirs").status_code == 201


def test_without_a_signing_key_nothing_is_registered(acme, private_networks, hook):
    gateway = Gateway(factories.make_key(acme))

    answer = gateway.create(hook.url)

    assert answer.status_code == 400
    assert "this tenant has no signing key: create one first" in answer.json()["error"]
    assert hook.seen == []


def test_a_signing_key_that_cannot_be_read_says_so(gateway, signing_key, hook):
    signing_key.secret = "lost"
    signing_key.save()

    answer = gateway.create(hook.url)

    assert answer.status_code == 400
    assert "cannot be decrypted" in answer.json()["error"]


def test_a_tenant_has_at_most_as_many_as_the_setting_says(gateway, hook, settings):
    settings.GATEWAY_ACTIONS = 2
    gateway.made(hook.url, "one")
    gateway.made(hook.url, "two")

    refused(
        gateway.create(hook.url, "three"),
        400,
        "action limit reached: a tenant has at most 2 actions",
    )
    assert gateway.call("DELETE", "/actions/one").status_code == 200
    assert gateway.create(hook.url, "three").status_code == 201


@pytest.mark.django_db(transaction=True)
def test_the_limit_and_a_name_hold_for_those_who_ask_at_once(gateway, hook, settings):
    settings.GATEWAY_ACTIONS = 2

    answers = at_once(lambda name: gateway.create(hook.url, name).status_code, "abac")

    assert sorted(answers) in ([201, 201, 400, 400], [201, 201, 400, 409])
    assert GatewayAction.objects.live().count() == 2
    assert Destination.objects.live().filter(protocol="gateway").count() == 2


# --- read -----------------------------------------------------------------------------------------


def test_all_actions_are_listed_oldest_first(gateway, hook):
    assert gateway.call("GET", "/actions").json() == {"actions": []}
    made = [gateway.made(hook.url, name) for name in ("b", "a", "c")]

    assert gateway.call("GET", "/actions").json() == {"actions": made}
    assert gateway.call("GET", "/actions/a").json() == {"action": made[1]}


def test_a_list_takes_the_same_queries_for_any_number(gateway, hook, django_assert_max_num_queries):
    for name in "abcdef":
        gateway.made(hook.url, name)

    with django_assert_max_num_queries(5):
        assert len(gateway.names()) == 6


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "name", ["nothing", "SEND_NOTE", "send-note", "%F0%9F%98%80", "%2e%2e", "a" * 300]
)
def test_what_is_not_there_is_404(method, name, gateway, action):
    refused(gateway.call(method, f"/actions/{name}", {}), 404, "Action not found")


def test_another_tenants_actions_are_not_there(gateway, action, globex, hook):
    factories.make_signing_key(globex)
    other = Gateway(factories.make_key(globex))
    before = everything_stored()

    assert other.names() == []
    for method in ("GET", "PUT", "DELETE"):
        refused(
            other.call(method, "/actions/send_note", {"description": "x"}), 404, "Action not found"
        )
    assert everything_stored() == before
    assert other.made(hook.url)["tenant_id"] == str(globex.tenant_id)
    assert gateway.call("GET", "/actions/send_note").json()["action"] == action


# --- update ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [{}, b"", b"{}", {"name": "other", "id": "1"}])
def test_an_update_that_names_nothing_changes_nothing(body, gateway, action, hook):
    hook.seen.clear()
    before = everything_stored()

    assert gateway.call("PUT", "/actions/send_note", body).json() == {"action": action}
    assert everything_stored() == before
    assert hook.seen == []


def test_an_update_with_what_is_there_already_changes_nothing(gateway, action, hook):
    hook.seen.clear()
    before = everything_stored()
    same = {key: action[key] for key in ("description", "webhook_url", "json_schema")}

    assert gateway.call("PUT", "/actions/send_note", same).json() == {"action": action}
    assert everything_stored() == before
    assert hook.seen == []


def test_a_description_changes_alone(gateway, action, hook, acme):
    hook.seen.clear()

    changed = gateway.call("PUT", "/actions/send_note", {"description": "Other."}).json()["action"]

    assert changed == action | {"description": "Other.", "updated_at": changed["updated_at"]}
    assert changed["updated_at"] > action["updated_at"]
    assert ActionDefinition.objects.get().description == "Other."
    assert hook.seen == []


def test_a_new_schema_is_the_next_version_of_the_definition(gateway, action, hook):
    hook.seen.clear()

    changed = gateway.call("PUT", "/actions/send_note", {"json_schema": SCHEMA}).json()["action"]

    assert changed["json_schema"] == SCHEMA
    assert changed["updated_at"] > action["updated_at"]
    versions = ActionDefinition.objects.order_by("version")
    assert [(one.version, one.description) for one in versions] == [
        (1, "Sends a note."),
        (2, "Sends a note."),
    ]
    assert hook.seen == []


def test_a_new_webhook_is_tested_and_then_applied(gateway, action, hook):
    hook.seen.clear()
    url = hook.url + "v2"

    changed = gateway.call("PUT", "/actions/send_note", {"webhook_url": url}).json()["action"]

    assert changed == action | {"webhook_url": url, "updated_at": changed["updated_at"]}
    ((_, body),) = hook.seen
    assert b'"test":true' in body
    assert receivers.raw(body, KEY)
    assert Destination.objects.get().config["url"] == url


def test_a_new_webhook_that_fails_the_test_changes_nothing_of_what_was_asked(gateway, action, hook):
    hook.answer = web.Response(status=500)
    before = everything_stored()
    body = {"webhook_url": hook.url + "v2", "description": "Other.", "json_schema": SCHEMA}

    refused(
        gateway.call("PUT", "/actions/send_note", body),
        400,
        "action validation failed: webhook endpoint returned status 500",
    )
    assert everything_stored() == before


@pytest.mark.parametrize(
    "body",
    [
        {"description": ""},
        {"description": "x" * 501},
        {"description": None},
        {"webhook_url": "nowhere"},
        {"webhook_url": 1},
        {"json_schema": True},
        {"json_schema": {"type": "text"}},
        [],
        b"nonsense",
    ],
)
def test_an_update_that_is_wrong_is_400_and_changes_nothing(body, gateway, action):
    before = everything_stored()

    answer = gateway.call("PUT", "/actions/send_note", body)

    assert answer.status_code == 400
    assert answer.json()["error"] == "Invalid request format"
    assert answer.json()["details"]
    assert everything_stored() == before


def test_an_action_that_goes_while_its_new_webhook_is_tested_is_404(
    gateway, action, hook, monkeypatch
):
    probed = []

    def probe(**_):
        probed.append(1)
        assert gateway.call("DELETE", "/actions/send_note").status_code == 200

    monkeypatch.setattr("gateway.probes.probe", probe)

    answer = gateway.call("PUT", "/actions/send_note", {"webhook_url": hook.url + "v2"})

    refused(answer, 404, "Action not found")
    assert probed == [1]
    assert gateway.names() == []


# --- delete ---------------------------------------------------------------------------------------


def test_a_deleted_action_is_gone_and_its_name_is_free(gateway, action, hook):
    answer = gateway.call("DELETE", "/actions/send_note")

    assert (answer.status_code, answer.json()) == (200, {"message": "Action deleted successfully"})
    refused(gateway.call("DELETE", "/actions/send_note"), 404, "Action not found")
    assert gateway.names() == []
    assert not Destination.objects.live().exists()
    assert not ActionDefinition.objects.live().exists()
    again = gateway.made(hook.url)
    assert again["id"] != action["id"]
    assert ActionDefinition.objects.live().get().version == 2


# --- bodies, methods and paths --------------------------------------------------------------------


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(
    ("body", "content_type", "status", "error"),
    [
        (b"{", "application/json", 400, "Invalid request format"),
        (b'{"name": NaN}', "application/json", 400, "Invalid request format"),
        (b'{"name": "\\u0000"}', "application/json", 400, "Invalid request format"),
        (b'{"a": "\xff"}', "application/json", 400, "Invalid request format"),
        (b"[" * 100 + b"]" * 100, "application/json", 400, "Invalid request format"),
        (b"[]", "application/json", 400, "Invalid request format"),
        (b"null", "application/json", 400, "Invalid request format"),
        (b"name=a", "application/x-www-form-urlencoded", 415, "Unsupported media type"),
        (b"{}", "text/plain", 415, "Unsupported media type"),
        (b" " * (1_048_576 + 1), "application/json", 413, "Payload too large"),
    ],
)
def test_a_body_that_is_none(method, body, content_type, status, error, gateway, action):
    path = "/actions/send_note" if method == "PUT" else "/actions"

    answer = gateway.call(method, path, body, content_type=content_type)

    assert answer.status_code == status
    assert answer.json()["error"] == error
    assert answer.json()["details"]
    assert answer["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("PATCH", "/actions"),
        ("DELETE", "/actions"),
        ("POST", "/actions/a"),
        ("OPTIONS", "/actions"),
    ],
)
def test_a_method_that_a_path_does_not_have_is_405(method, path, gateway):
    answer = gateway.call(method, path)

    refused(answer, 405, "Method not allowed", f'Method "{method}" not allowed.')


@pytest.mark.parametrize("path", ["", "/", "/nothing", "/actions/a/b", "/token", "/actionsx/"])
@pytest.mark.parametrize("token", [None, "nonsense"])
def test_what_is_not_there_below_the_prefix_is_404_in_its_own_words(path, token, db):
    for method in ("GET", "POST", "PATCH"):
        refused(send(method, path, token=token), 404, "Not found")


def test_a_fault_of_ours_is_500_without_a_word_of_it(gateway, monkeypatch):
    def fail(**_):
        raise RuntimeError("a secret")

    monkeypatch.setattr("gateway.services.list_actions", fail)

    refused(gateway.call("GET", "/actions"), 500, "Internal server error")


def test_a_schema_is_as_large_as_64_kb(gateway, hook):
    def schema(size):
        return {"title": "x" * (size - len('{"title":""}'))}

    made = gateway.made(hook.url, json_schema=schema(65_536))

    assert gateway.call("GET", "/actions").json() == {"actions": [made]}
    hook.seen.clear()
    for answer in (
        gateway.create(hook.url, "larger", json_schema=schema(65_537)),
        gateway.call("PUT", "/actions/send_note", {"json_schema": schema(65_537)}),
    ):
        invalid(answer, "Field 'json_schema' is larger than 65,536 bytes")
    assert hook.seen == []


def test_larger_ones_of_the_registry_are_listed_up_to_what_a_full_gateway_has(
    gateway, action, acme, settings
):
    settings.GATEWAY_ACTIONS = 2
    large = {"title": "ü" * 65_000}
    factories.make_definition(acme, "send_note", schema=large)
    assert gateway.call("GET", "/actions").json()["actions"][0]["json_schema"] == large

    settings.GATEWAY_ACTIONS = 1

    details = "Their schemas have more than 65,536 bytes: fetch the actions one by one"
    refused(gateway.call("GET", "/actions"), 400, "Too much to be listed", details)
    assert gateway.call("GET", "/actions/send_note").json()["action"]["json_schema"] == large


def test_a_member_without_the_permission_is_403(gateway, action, acme):
    acme.memberships.update(permissions=[])

    for method, path in (
        ("GET", "/actions"),
        ("POST", "/actions"),
        ("GET", "/actions/send_note"),
        ("PUT", "/actions/send_note"),
        ("DELETE", "/actions/send_note"),
    ):
        answer = gateway.call(method, path, {})
        assert answer.status_code == 403
        assert answer.json()["error"] == "Permission denied"


def test_paths_answer_with_a_slash_at_their_end(gateway, action):
    assert gateway.call("GET", "/actions/").json() == {"actions": [action]}
    assert gateway.call("GET", "/actions/send_note/").json() == {"action": action}
