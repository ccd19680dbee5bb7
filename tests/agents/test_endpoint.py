"""The endpoint: who gets in, what a message is, and which headers it needs."""

from __future__ import annotations

from datetime import timedelta

import orjson
import pytest
from django.db import InternalError, OperationalError
from django.db.models.functions import Now

from agents import methods, protocol, server
from agents.protocol import (
    HEADER_MISMATCH,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    UNSUPPORTED_VERSION,
)
from orgs.models import ApiKey, AuditEntry, Organization, User
from tests import factories
from tests.agents.agent import META, Agent, refusal

LIST = {"jsonrpc": "2.0", "id": 7, "method": "tools/list", "params": {"_meta": META}}
ROUTED = {"mcp_method": "tools/list"}


@pytest.fixture
def older(acme, key):
    """A client of the generation that begins with a handshake."""
    return Agent("acme", key, protocol.WITH_HANDSHAKE[0])


# --- who gets in ----------------------------------------------------------------------------------


@pytest.mark.parametrize("key", [None, "", "api_" + "0" * 40, "x" * 10_000, "api_é"])
def test_without_a_live_key_it_is_401(acme, tool, key):
    answer = Agent("acme", key).ask("tools/list")

    assert refusal(answer) == (401, INVALID_REQUEST)
    said = ', error="invalid_token"' if key else ""
    assert answer["WWW-Authenticate"] == f'Bearer realm="Waybill"{said}'


def test_the_key_comes_by_authorization_alone(acme, tool, key):
    agent = Agent("acme", None)

    assert agent.ask("tools/list", x_arklow_auth=key).status_code == 401
    assert agent.ask("tools/list", authorization=f"Basic {key}").status_code == 401
    assert agent.ask("tools/list", authorization=f"bearer  {key} ").status_code == 200


@pytest.mark.parametrize("held", ["viewer", "editor"])
def test_who_may_not_hand_in_calls_no_tools(acme, tool, agent, held):
    acme.memberships.update(permissions=[held])

    answer = agent.ask("tools/list")

    assert refusal(answer) == (403, INVALID_REQUEST)
    assert "This needs the permission 'operator'." in answer.content.decode()


def test_a_key_that_is_bound_to_variants_calls_no_tools(acme, tool, agent):
    ApiKey.objects.update(variants=["count"])

    assert refusal(agent.ask("tools/list")) == (403, INVALID_REQUEST)


def test_the_key_of_a_member_who_has_left_opens_nothing(acme, tool, agent):
    acme.memberships.update(deleted_at=Now())

    assert refusal(agent.ask("tools/list")) == (401, INVALID_REQUEST)


def test_too_many_wrong_keys_are_429(acme, tool, settings):
    settings.WRONG_KEYS_PER_MINUTE = 2
    answers = [Agent("acme", f"api_{n:040}").ask("tools/list") for n in range(3)]

    assert [answer.status_code for answer in answers] == [401, 401, 429]
    assert answers[-1]["Retry-After"] == "60"


def test_another_organizations_slug_is_404_as_if_there_were_none(acme, globex, key):
    foreign, none = (Agent(slug, key).ask("tools/list") for slug in ("globex", "nobody"))

    assert refusal(foreign) == refusal(none) == (404, INVALID_REQUEST)
    assert foreign.content.replace(b"globex", b"?") == none.content.replace(b"nobody", b"?")


@pytest.mark.parametrize(
    "end",
    [
        lambda: ApiKey.objects.update(deleted_at=Now()),
        lambda: ApiKey.objects.update(expires_at=Now() - timedelta(seconds=1)),
        lambda: User.objects.update(is_active=False),
        lambda: Organization.objects.update(deleted_at=Now()),
    ],
)
def test_a_key_that_has_ended_opens_nothing(agent, tool, end):
    assert agent.names() == ["get_action", "count"]

    end()

    assert agent.ask("tools/list").status_code == 401


@pytest.mark.parametrize("path", ["/mcp", "/mcp/", "/mcp/a%00b", "/mcp/acme/more", "/mcp/ä"])
def test_no_other_path_is_an_endpoint(agent, tool, path):
    agent.path = path

    assert agent.ask("tools/list").status_code == 404


def test_a_trailing_slash_does_not_matter(agent, tool):
    agent.path = "/mcp/acme/"

    assert agent.names() == ["get_action", "count"]


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("http://localhost:6274", 200),
        ("http://127.0.0.1", 200),
        ("http://[::1]:80", 200),
        ("http://evil.example", 403),
        ("https://localhost.evil.example", 403),
        ("http://[::1", 403),
        ("null", 403),
        ("", 403),
    ],
)
def test_pages_of_other_sites_may_not_call(agent, tool, origin, status):
    agent.client.defaults["SERVER_NAME"] = "localhost"

    assert agent.ask("tools/list", origin=origin).status_code == status


def test_a_name_that_is_not_this_hosts_is_refused(agent, tool):
    assert agent.ask("tools/list", host="evil.example").status_code == 400


# --- what a message is ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b" ", PARSE_ERROR),
        (b"{", PARSE_ERROR),
        (b"\xff\xfe", PARSE_ERROR),
        (b'{"jsonrpc":"2.0","id":1,"method":"a\\u0000b"}', PARSE_ERROR),
        (b'{"jsonrpc":"2.0","id":1,"method":"\\ud800"}', PARSE_ERROR),
        (b'{"jsonrpc":"2.0","id":NaN,"method":"ping"}', PARSE_ERROR),
        (b'{"jsonrpc":"2.0","id":18446744073709551616,"method":"ping"}', PARSE_ERROR),
        (b"[" * 100_000, PARSE_ERROR),
        # A batch, of one and of none.
        (orjson.dumps([LIST]), INVALID_REQUEST),
        (b"[]", INVALID_REQUEST),
        (b"1", INVALID_REQUEST),
        (b"null", INVALID_REQUEST),
        # What is no request.
        (b"{}", INVALID_REQUEST),
        (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1}', INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"result":{}}', INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"method":7}', INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":[],"method":"ping"}', INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}', INVALID_REQUEST),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":null}', INVALID_REQUEST),
    ],
)
def test_what_is_no_message_is_refused(agent, older, body, code):
    for client in (agent, older):
        assert refusal(client.send(body)) == (400, code)


def test_a_refusal_bears_the_id_where_it_can_be_read(agent):
    asked = {"jsonrpc": "2.0", "id": "mine", "method": "tools/list", "params": [1]}

    assert agent.send(asked).json()["id"] == "mine"
    assert agent.send(b"{").json()["id"] is None


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content_type": "text/plain"}, 415),
        ({"content_type": "application/x-www-form-urlencoded"}, 415),
        ({"content_type": "application/json; charset=utf-8"}, 200),
        ({"accept": "text/html"}, 406),
        ({"accept": "text/event-stream"}, 406),
        ({"accept": "application/json"}, 200),
        ({"accept": "*/*"}, 200),
        ({"accept": None}, 200),
    ],
)
def test_types_are_looked_at(agent, tool, headers, status):
    assert agent.ask("tools/list", **headers).status_code == status


def test_a_body_of_no_length_or_of_too_much_is_refused(agent):
    assert agent.send(b" " * 1_048_577).status_code == 413
    sent = agent.client.generic(
        "POST",
        "/mcp/acme",
        headers={"authorization": f"Bearer {agent.key}"},
        CONTENT_TYPE="application/json",
        CONTENT_LENGTH="",
    )
    assert sent.status_code == 411


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "HEAD"])
def test_other_methods_are_405(agent, older, method):
    for client in (agent, older):
        answer = client.send(b"", method)

        assert answer.status_code == 405
        assert answer["Allow"] == "GET, POST"


def test_a_get_without_a_handshake_or_without_a_stream_is_405(agent, older):
    assert agent.send(b"", "GET").status_code == 405
    assert older.send(b"", "GET", accept="application/json").status_code == 405


def test_a_notification_is_taken_and_no_more(agent, older):
    note = {"jsonrpc": "2.0", "method": "notifications/initialized"}

    for client in (agent, older):
        answer = client.send(note)
        assert (answer.status_code, answer.content) == (202, b"")


# --- versions and headers -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "meta", "refused"),
    [
        # The envelope.
        (ROUTED, {protocol.VERSION_KEY: protocol.STATELESS}, INVALID_PARAMS),
        (ROUTED, {protocol.CAPABILITIES_KEY: {}}, INVALID_PARAMS),
        (ROUTED, None, INVALID_PARAMS),
        (ROUTED, "meta", INVALID_PARAMS),
        # Headers that are missing, or at odds.
        (ROUTED | {"mcp_protocol_version": None}, META, HEADER_MISMATCH),
        (ROUTED | {"mcp_protocol_version": "2025-11-25"}, META, HEADER_MISMATCH),
        ({}, META, HEADER_MISMATCH),
        ({"mcp_method": "tools/call"}, META, HEADER_MISMATCH),
        ({"mcp_method": "=?base64?!!?="}, META, HEADER_MISMATCH),
        # A version that is none of ours, or no text.
        (
            ROUTED | {"mcp_protocol_version": "2099-01-01"},
            META | {protocol.VERSION_KEY: "2099-01-01"},
            UNSUPPORTED_VERSION,
        ),
        (ROUTED, META | {protocol.VERSION_KEY: 7}, HEADER_MISMATCH),
    ],
)
def test_without_a_handshake_the_envelope_is_checked(agent, headers, meta, refused):
    message = LIST | {"params": {"_meta": meta}}

    assert refusal(agent.send(message, **headers)) == (400, refused)


def test_an_unsupported_version_is_told_which_there_are(agent):
    meta = META | {protocol.VERSION_KEY: "2099-01-01"}
    answer = agent.send(
        LIST | {"params": {"_meta": meta}}, mcp_protocol_version="2099-01-01", **ROUTED
    )

    data = answer.json()["error"]["data"]
    assert data == {"supported": list(protocol.VERSIONS), "requested": "2099-01-01"}


def test_the_name_of_a_tool_is_in_a_header_too(agent, tool):
    call = {"name": "count", "arguments": {"n": 1}}

    assert agent.error("tools/call", call, mcp_name=None) == (400, HEADER_MISMATCH)
    assert agent.error("tools/call", call, mcp_name="other") == (400, HEADER_MISMATCH)
    assert agent.ask("tools/call", call, mcp_name="=?base64?Y291bnQ=?=").status_code == 200


@pytest.mark.parametrize(
    ("asked", "agreed"),
    [
        ("2025-11-25", "2025-11-25"),
        ("2025-03-26", "2025-03-26"),
        ("2026-07-28", "2025-11-25"),
        ("1999-01-01", "2025-11-25"),
        (None, "2025-11-25"),
        ({}, "2025-11-25"),
    ],
)
def test_a_handshake_comes_to_a_version(older, asked, agreed):
    older.version = None
    result = older.result("initialize", {"protocolVersion": asked})

    assert result["protocolVersion"] == agreed
    assert result["serverInfo"]["name"] == "waybill"
    assert result["capabilities"]["tools"] == {"listChanged": True}


def test_each_generation_has_its_own_methods(agent, older):
    assert older.result("ping") == {}
    assert agent.result("server/discover")["supportedVersions"] == list(protocol.VERSIONS)
    assert agent.error("ping") == agent.error("initialize") == (404, METHOD_NOT_FOUND)
    assert older.error("server/discover") == (200, METHOD_NOT_FOUND)
    assert older.error("subscriptions/listen") == (200, METHOD_NOT_FOUND)


def test_there_are_no_prompts_and_no_resources(agent):
    assert agent.result("prompts/list")["prompts"] == []
    assert agent.result("resources/list")["resources"] == []
    assert agent.result("resources/templates/list")["resourceTemplates"] == []
    assert agent.error("prompts/get", {"name": "x"}) == (400, INVALID_PARAMS)
    assert agent.error("resources/read", {"uri": "x"}, mcp_name="x") == (400, INVALID_PARAMS)


@pytest.mark.parametrize(
    ("params", "headers", "status"),
    [
        ({}, {}, 400),
        ({"notifications": []}, {}, 400),
        ({"notifications": {}}, {"accept": "application/json"}, 406),
    ],
)
def test_listening_is_refused_where_it_is_asked_wrongly(agent, params, headers, status):
    assert agent.ask("subscriptions/listen", params, **headers).status_code == status


# --- whose changes they are -----------------------------------------------------------------------


def test_what_a_call_changes_is_changed_by_its_key(acme, agent, tool, settings):
    settings.MCP_WAIT_SECONDS = 0
    agent.call("count", {"n": 1})

    # The first action without a destination makes the sink.
    entry = AuditEntry.objects.filter(kind="destination").latest("pk")
    caller = acme.keys.get()
    assert (entry.event, entry.actor, entry.via) == ("created", f"key {caller.pk}", "api")
    assert (entry.key_id, entry.user_id) == (caller.pk, caller.member.user_id)
    assert (entry.address, entry.path) == ("127.0.0.1", "POST /mcp/acme")
    factories.make_org("Next")
    assert AuditEntry.objects.latest("pk").via == "database"


# --- the database ---------------------------------------------------------------------------------


def failing(error):
    def fail(*_):
        raise error

    return fail


def test_a_database_out_of_reach_is_503(agent, monkeypatch):
    monkeypatch.setattr(methods, "answer", failing(OperationalError("gone")))

    assert agent.error("tools/list") == (503, INTERNAL_ERROR)


def test_a_database_that_takes_no_writes_is_503_and_what_is_our_fault_500(agent, monkeypatch):
    monkeypatch.setattr(methods, "answer", failing(InternalError("bad")))

    assert agent.ask("tools/list").status_code == 500
    monkeypatch.setattr(server, "is_read_only", lambda error: True)
    assert agent.error("tools/list") == (503, INTERNAL_ERROR)


def test_the_name_of_a_tool_in_a_header_is_read_as_it_was_meant():
    assert protocol.decode_header(" count ") == "count"
    assert protocol.decode_header("=?base64?Z3LDtsOfZQ==?=") == "größe"
    assert protocol.decode_header("=?base64?/w==?=") is None
    assert protocol.decode_header("=?base64?=") == "=?base64?="


def test_listing_costs_the_same_however_many_tools_there_are(
    acme, agent, django_assert_num_queries
):
    for number in range(12):
        factories.make_definition(acme, f"count-{number}")
        factories.make_tool(acme, f"count-{number}")
    agent.names()

    # The caller, its organization, its choice, the tools, their contracts.
    with django_assert_num_queries(5):
        assert len(agent.names()) == 13
