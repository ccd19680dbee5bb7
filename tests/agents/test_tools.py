"""Marking variants as tools: by the API, what can be marked, and how agents see it."""

from __future__ import annotations

import orjson
import pytest
from django.db import IntegrityError

from actions import services as actions
from agents import contracts
from agents import services as tools
from agents.models import KeyTools, Tool
from tests import factories
from tests.client import ApiClient, codes

HINTS = {"readOnlyHint": False, "destructiveHint": True, "idempotentHint": False}


def listed(agent, name="count"):
    """The tool of that name, as an agent sees it."""
    (found,) = [one for one in agent.result("tools/list")["tools"] if one["name"] == name]
    return found


def test_a_marked_variant_is_a_tool(api, agent, definition):
    made = api.data(api.put("~/tools", {"variant": "count"}))

    assert (made["name"], made["enabled"], made["problem"]) == ("count", True, None)
    assert listed(agent) == {
        "name": "count",
        "description": "Hands in the action 'count'.",
        "inputSchema": factories.SCHEMA,
        "annotations": HINTS,
    }


def test_a_tool_says_since_when_it_is_deprecated_and_when_it_goes(api, agent, definition):
    api.data(api.put("~/tools", {"variant": "count"}))
    moments = {"deprecated_at": "2026-03-01T00:00:00Z", "sunset_at": "2026-09-01T00:00:00Z"}
    api.data(api.post(f"~/actions/definitions/{definition.pk}", moments))

    assert listed(agent)["_meta"] == {
        "waybill/deprecatedAt": "2026-03-01T00:00:00+00:00",
        "waybill/sunsetAt": "2026-09-01T00:00:00+00:00",
    }


def test_a_mark_says_what_agents_are_told(api, agent, definition):
    told = {
        "variant": "count",
        "name": "Count.it-up_2",
        "title": "Count it up",
        "description": "Counts one up.",
        "read_only": True,
        "destructive": False,
        "idempotent": True,
        "enabled": True,
    }

    made = api.data(api.put("~/tools", told))

    assert {name: made[name] for name in told} == told
    assert listed(agent, "Count.it-up_2") == {
        "name": "Count.it-up_2",
        "title": "Count it up",
        "description": "Counts one up.",
        "inputSchema": factories.SCHEMA,
        "annotations": {"readOnlyHint": True, "destructiveHint": False, "idempotentHint": True},
    }


def test_a_mark_is_replaced_and_what_is_left_out_is_unsaid(api, definition):
    first = api.data(api.put("~/tools", {"variant": "count", "name": "n", "title": "t"}))

    second = api.data(api.put("~/tools", {"variant": "count"}))

    assert second["id"] == first["id"]
    assert (second["name"], second["title"]) == ("count", "")
    assert Tool.objects.count() == 1


def test_a_mark_survives_a_new_version_whose_contract_is_shown(api, agent, acme, tool):
    factories.make_definition(acme, schema={"type": "object"}, description="Anything goes.")

    assert listed(agent)["inputSchema"] == {"type": "object"}
    assert listed(agent)["description"] == "Anything goes."


def test_a_tool_that_is_off_is_not_seen(api, agent, definition):
    made = api.data(api.put("~/tools", {"variant": "count", "enabled": False}))

    assert made["enabled"] is False
    assert agent.names() == ["get_action"]


def test_a_tool_can_be_fetched_listed_and_removed(api, agent, tool):
    shown = api.data(api.get(f"~/tools/{tool.pk}"))

    assert api.data(api.get("~/tools")) == {"items": [shown], "count": 1}
    assert api.data(api.delete(f"~/tools/{tool.pk}")) == shown
    assert api.get(f"~/tools/{tool.pk}").status_code == 404
    assert agent.names() == ["get_action"]


@pytest.mark.parametrize(
    ("variant", "name"),
    [
        ("send_email", "send_email"),
        ("orders.created", "orders_created"),
        ("größe messen", "gr__e_messen"),
        ("x" * 255, "x" * 64),
    ],
)
def test_a_tool_is_named_after_its_variant_as_clients_take_it(variant, name):
    assert tools.make_name(variant) == name


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"variant": "nobody"}, 422, ("UNKNOWN_VARIANT", "/variant")),
        ({"variant": "alias"}, 422, ("UNKNOWN_VARIANT", "/variant")),
        ({"variant": "count", "name": "get_action"}, 409, ("NAME_TAKEN", "/name")),
        ({"variant": "count", "name": "other"}, 409, ("NAME_TAKEN", "/name")),
        ({"variant": "count", "name": "a b"}, 400, ("INVALID_BODY", "/name")),
        ({"variant": "count", "name": "a\n"}, 400, ("INVALID_BODY", "/name")),
        ({"variant": "count", "name": ""}, 400, ("INVALID_BODY", "/name")),
        ({"variant": "count", "name": "x" * 129}, 400, ("INVALID_BODY", "/name")),
        ({"variant": "count", "read_only": "yes"}, 400, ("INVALID_BODY", "/read_only")),
        ({"variant": "count", "org": 7}, 400, ("INVALID_BODY", "/org")),
        ({}, 400, ("INVALID_BODY", "/variant")),
    ],
)
def test_what_cannot_be_marked_is_refused(api, acme, definition, body, status, code):
    factories.make_definition(acme, "other", alias=["alias"])
    factories.make_tool(acme, "other")

    answer = api.put("~/tools", body)

    assert (answer.status_code, codes(answer)) == (status, [code])
    assert Tool.objects.count() == 1


def test_the_service_refuses_a_name_that_is_none(acme, definition):
    with pytest.raises(tools.RuleError):
        factories.make_tool(acme, name="a b")


def test_the_database_keeps_the_rules(acme, tool):
    with pytest.raises(IntegrityError, match="tool_name_is_one"):
        Tool.objects.create(org=acme, variant="x", name="a b")


def test_an_organization_has_so_many_tools(api, acme, tool, monkeypatch):
    monkeypatch.setattr(tools, "MAX_TOOLS", 1)
    factories.make_definition(acme, "other")

    assert codes(api.put("~/tools", {"variant": "other"})) == [("TOO_MANY_TOOLS", "/variant")]
    assert api.put("~/tools", {"variant": "count"}).status_code == 200


def test_names_of_other_organizations_are_free(api, globex, definition):
    factories.make_definition(globex)
    factories.make_tool(globex)

    assert api.put("~/tools", {"variant": "count"}).status_code == 200


# --- contracts ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contract", "shown"),
    [
        ({"type": "object", "minProperties": 1}, {"type": "object", "minProperties": 1}),
        # What says nothing of its type, or allows others too.
        ({}, {"type": "object"}),
        (True, {"type": "object"}),
        ({"type": ["null", "object"]}, {"type": "object"}),
        ({"properties": {"a": {}}}, {"properties": {"a": {}}, "type": "object"}),
        # A property of that name is no annotation.
        (
            {"properties": {"x-mcp-header": {"type": "string"}}},
            {"properties": {"x-mcp-header": {"type": "string"}}, "type": "object"},
        ),
    ],
)
def test_a_contract_for_objects_is_shown_as_one(contract, shown):
    assert contracts.show_contract(orjson.dumps(contract)) == contracts.InputSchema(shown)


@pytest.mark.parametrize(
    ("contract", "problem"),
    [
        ({"type": "array"}, "takes no object"),
        ({"type": ["array", "null"]}, "takes no object"),
        (False, "takes no object"),
        ({"description": "x" * 65_536}, "larger than 65,536 bytes"),
        ({"properties": {"a": {"x-mcp-header": "A", "type": "string"}}}, "x-mcp-header"),
        ({"allOf": [{"x-mcp-header": "A"}]}, "x-mcp-header"),
    ],
)
def test_any_other_contract_is_refused_and_hides_a_tool(api, agent, acme, tool, contract, problem):
    factories.make_definition(acme, "other", schema=contract)
    answer = api.put("~/tools", {"variant": "other"})
    factories.make_definition(acme, schema=contract)

    assert answer.status_code == 422
    assert codes(answer) == [("UNSUITABLE_CONTRACT", "/variant")]
    assert problem in answer.json()["errors"][0]["message"]
    assert problem in api.data(api.get(f"~/tools/{tool.pk}"))["problem"]
    assert agent.names() == ["get_action"]
    assert agent.ask("tools/call", {"name": "count"}).status_code == 400


def test_a_variant_without_a_live_definition_hides_its_tool(api, agent, tool):
    actions.delete_definition(definition=tool.org.definitions.get())

    assert "no live definition" in api.data(api.get(f"~/tools/{tool.pk}"))["problem"]
    assert agent.names() == ["get_action"]


# --- pages ----------------------------------------------------------------------------------------


def test_a_long_list_comes_in_pages(agent, acme, monkeypatch):
    monkeypatch.setattr("agents.catalog.PAGE", 2)
    for number in range(5):
        factories.make_definition(acme, f"n{number}")
        factories.make_tool(acme, f"n{number}")
    seen, cursor = [], {}
    while True:
        page = agent.result("tools/list", cursor)
        seen.append([one["name"] for one in page["tools"]])
        if "nextCursor" not in page:
            break
        cursor = {"cursor": page["nextCursor"]}

    assert seen == [["get_action", "n0", "n1"], ["n2", "n3"], ["n4"]]


@pytest.mark.parametrize("cursor", ["", "a b", 7, [], "x" * 200, "a\n"])
def test_a_cursor_that_is_none_is_refused(agent, tool, cursor):
    assert agent.ask("tools/list", {"cursor": cursor}).json()["error"]["code"] == -32602


# --- keys -----------------------------------------------------------------------------------------


def test_a_keys_tools_are_chosen_and_let_go(api, acme):
    path = f"~/keys/{acme.keys.get().pk}/tools"
    assert api.data(api.get(path)) == {"variants": None}

    assert api.data(api.put(path, {"variants": ["b", "a", "b"]})) == {"variants": ["b", "a"]}
    assert api.data(api.put(path, {"variants": []})) == {"variants": []}
    assert api.data(api.get(path)) == {"variants": []}
    assert api.data(api.delete(path)) == {"variants": None}
    assert not KeyTools.objects.exists()


def test_nobody_chooses_for_a_key_that_may_do_more_than_they_may(api, acme):
    admin = ApiClient(acme, factories.make_key(acme, member=factories.make_member(acme, "admin")))
    owners, narrow = (
        api.data(api.put("~/keys", {"description": "agent", **limits}))["id"]
        for limits in ({}, {"permissions": ["viewer"]})
    )

    for method, body in (("PUT", {"variants": []}), ("DELETE", None)):
        refused = admin.call(method, f"~/keys/{owners}/tools", body)
        assert (refused.status_code, codes(refused)) == (403, [("PERMISSION_TOO_HIGH", "/id")])
        message = refused.json()["errors"][0]["message"]
        assert message == "Nobody can give 'owner' without having it."
        admin.data(admin.call(method, f"~/keys/{narrow}/tools", body))


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"variants": None},
        {"variants": "a"},
        {"variants": [""]},
        {"variants": [1]},
        {"variants": ["a"] * 201},
        {"variants": ["x" * 256]},
        {"variants": [], "key": 7},
    ],
)
def test_a_choice_is_a_list_of_variants(api, acme, body):
    answer = api.put(f"~/keys/{acme.keys.get().pk}/tools", body)

    assert answer.status_code == 400
    assert not KeyTools.objects.exists()


def test_a_choice_with_a_nul_is_refused(api, acme):
    body = b'{"variants": ["a\\u0000b"]}'

    assert api.call("PUT", f"~/keys/{acme.keys.get().pk}/tools", body).status_code == 400


def test_a_deleted_key_has_no_choice(api, acme):
    factories.make_key(acme)
    other = acme.keys.latest("id")
    api.delete(f"~/keys/{other.pk}")

    assert api.get(f"~/keys/{other.pk}/tools").status_code == 404
    assert api.put(f"~/keys/{other.pk}/tools", {"variants": []}).status_code == 404
