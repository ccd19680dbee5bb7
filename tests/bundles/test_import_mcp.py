"""`manage.py import_mcp`: the tools of real servers, and what is made of those that lie."""

from __future__ import annotations

import asyncio
import io
import json
from functools import partial

import aiohttp
import orjson
import pytest
from aiohttp import web
from django.core.management import CommandError, call_command

from actions.models import ActionDefinition
from bundles import tools
from bundles.tools import Wanted, listing
from config.commands import Exit, UnableError
from destinations.keys import NO_KEYS, Keys, Secret
from destinations.mcp import sessions
from destinations.models import Destination
from tests import factories
from tests.bundles.liar import Liar
from tests.destinations.kinds.mcp_servers import start_new_server, start_old_server
from tests.destinations.receiver import refusing
from tests.destinations.token_endpoint import give_tokens

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("private_networks")]

OBJECT = {"type": "object"}


@pytest.fixture(scope="module")
def new_server():
    """The front of a server of the `mcp` package."""
    with start_new_server() as front:
        yield front


@pytest.fixture(scope="module")
def old_server():
    """The front of the reference server, which has sessions."""
    with start_old_server() as front:
        yield front


def run(endpoint, *options, ends=Exit.DONE):
    """What the command tells as JSON."""
    out = io.StringIO()
    arguments = ("import_mcp", endpoint, "--org", "acme", "--json", *options)
    if ends is Exit.DONE:
        call_command(*arguments, stdout=out, stderr=io.StringIO())
    else:
        with pytest.raises(SystemExit) as ended:
            call_command(*arguments, stdout=out, stderr=io.StringIO())
        assert ended.value.code == ends
    return orjson.loads(out.getvalue())


def fail(endpoint, *options):
    """How the command ends, and what it says."""
    with pytest.raises(CommandError) as failed:
        call_command("import_mcp", endpoint, "--org", "acme", *options)
    return failed.value.returncode, str(failed.value)


def tell(*named, **more):
    """A result that lists tools of these names."""
    return {"tools": [{"name": name, "inputSchema": OBJECT} for name in named], **more}


def definitions(org):
    return dict(ActionDefinition.objects.filter(org=org).values_list("variant", "version"))


def test_every_tool_of_a_server_becomes_a_definition(acme, new_server):
    new_server.behave()
    told = run(new_server.url)

    assert told["created"] == 8
    assert told["left_out"] == [
        {
            "what": "tool 'größe\\u2028'",
            "reason": "'größe\\u2028': A variant or alias is printable text.",
            "pointer": "/2",
        }
    ]
    row = ActionDefinition.objects.get(org=acme, variant="orders.created")
    schema = orjson.loads(row.schema)
    assert schema["required"] == ["n", "text"]
    assert row.description == "What the suite's payload is for."
    target = Destination.objects.get(org=acme, type="mcp")
    assert target.config == {"endpoint": new_server.url}
    assert target.label == new_server.url.split("/")[2]
    assert [link.destination for link in row.links.all()] == [target]
    assert all(version == 1 for version in definitions(acme).values())


def test_the_reference_server_is_listed_in_its_session(acme, old_server):
    old_server.behave()
    told = run(old_server.url, "--label", "everything")

    assert told["left_out"] == []
    assert {"echo", "get-sum"} <= definitions(acme).keys()
    assert old_server.called()[:3] == ["server/discover", "initialize", "notifications/initialized"]
    assert old_server.called()[-1] == "DELETE"
    assert Destination.objects.get(org=acme, type="mcp").label == "everything"


def test_run_again_it_changes_nothing_and_a_tool_that_changed_has_a_new_version(acme):
    schema = {"type": "object", "properties": {"a": {"type": "string"}}}
    known = tell("one", "two")
    known["tools"][0] = {"name": "one", "inputSchema": schema}
    with Liar(lambda _: known) as server:
        assert run(server.url, "--dry-run", ends=Exit.CHANGES)["created"] == 3
        assert definitions(acme) == {}
        assert run(server.url)["created"] == 3
        again = run(server.url, "--dry-run")
        assert (again["created"], again["updated"], again["kept"]) == (0, 0, 3)
        known["tools"][0]["inputSchema"] = OBJECT
        assert run(server.url)["created"] == 1

    assert definitions(acme) == {"one": 2, "two": 1}


def test_a_prefix_has_destinations_that_say_the_tool(acme):
    with Liar(lambda _: tell("a", "shop/b")) as server:
        run(server.url, "--prefix", "shop.", "--label", "shop")
        run(server.url, "--label", "plain")

    made = Destination.objects.filter(org=acme, type="mcp")
    assert {one.label: one.config.get("tool") for one in made} == {
        "shop: a": "a",
        "shop: shop/b": "shop/b",
        "plain": None,
        "plain: shop/b": "shop/b",
    }
    assert definitions(acme).keys() == {"shop.a", "shop.shop.b", "a", "shop.b"}


def test_a_credential_is_used_and_found_again(acme, globex, new_server):
    factories.make_credential(
        acme, "http_bearer", label="token", secret={"token": "a-token-of-ours"}
    )
    factories.make_credential(globex, "http_bearer", label="theirs")
    factories.make_credential(acme, "aws_access_key", label="aws")
    new_server.behave(token="a-token-of-ours")

    assert fail(new_server.url)[0] == Exit.UNABLE
    assert "who are you?" in fail(new_server.url)[1]
    assert "no credential 'theirs'" in fail(new_server.url, "--credential", "theirs")[1]
    assert "aws_access_key" in fail(new_server.url, "--credential", "aws")[1]
    assert run(new_server.url, "--credential", "token")["created"] == 8
    assert Destination.objects.get(org=acme, type="mcp").credential.label == "token"
    assert run(new_server.url)["kept"] == 8


def test_no_other_destination_lends_its_credential(acme, new_server):
    """One whose label only begins alike is another one's, also at the same endpoint."""
    theirs = factories.make_credential(acme, "http_bearer", label="a", secret={"token": "theirs"})
    ours = factories.make_credential(acme, "http_bearer", label="b", secret={"token": "ours"})
    make = partial(factories.make_destination, acme, "mcp")
    address = {"endpoint": new_server.url}
    make(label="shop2", config=address, credential_id=theirs.pk)
    make(label="shop: b", config=address, credential_id=theirs.pk)
    make(label="shop: c", config=address | {"tool": "b"}, credential_id=theirs.pk)
    new_server.behave(token="theirs")
    assert "who are you?" in fail(new_server.url, "--label", "shop")[1]

    new_server.behave(token="ours")
    make(label="shop: d/e", config=address | {"tool": "d/e"}, credential_id=ours.pk)
    assert run(new_server.url, "--label", "shop", "--prefix", "p.", "--dry-run", ends=Exit.CHANGES)


def test_all_pages_are_read():
    def page(params):
        number = int(params.get("cursor", "0"))
        return tell(f"tool{number}", **({"nextCursor": str(number + 1)} if number < 30 else {}))

    with Liar(page) as server:
        listed = tools.list_tools(server.url, NO_KEYS)
    assert [tool["name"] for tool in listed] == [f"tool{number}" for number in range(31)]


def endless(params):
    return tell("a", nextCursor=params.get("cursor", "") + "x")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        (endless, "The list of tools has no end"),
        (lambda _: tell("a", nextCursor="again"), "The list of tools has no end"),
        (lambda _: tell("a" * 1_100_000), "The answer is larger than 1,048,576 bytes."),
        (
            lambda params: tell("a" * 1_000_000, nextCursor=params.get("cursor", "") + "x"),
            "The answer is larger than 4,194,304 bytes.",
        ),
        (lambda _: {"tools": "none"}, "What it answers to tools/list is no list of tools"),
        (lambda _: None, "What it answers to tools/list is no list of tools"),
        (lambda _: web.Response(text="<html>"), "without an MCP answer"),
        (lambda _: web.Response(status=500, text="oh"), "oh"),
        (lambda _: web.Response(status=401, text="who are you?"), "who are you?"),
        (
            lambda _: web.Response(status=302, headers={"location": "https://elsewhere.example/"}),
            "it redirects to https://elsewhere.example/, which is not followed",
        ),
    ],
)
def test_a_server_that_lists_nothing_is_told(acme, told, said):
    with Liar(told) as server:
        code, message = fail(server.url)

    assert code == Exit.UNABLE
    assert said in message
    assert server.url in message
    assert definitions(acme) == {}


OURS = "Waybill speaks 2026-07-28, 2025-11-25, 2025-06-18, 2025-03-26, 2024-11-05."


@pytest.mark.parametrize(
    ("discovered", "begun", "said"),
    [
        (
            {"supportedVersions": ["2099-01-01", 7, "2100-01-01"]},
            None,
            f"The server speaks MCP 2099-01-01, 2100-01-01; {OURS}",
        ),
        (
            {"supportedVersions": []},
            {"protocolVersion": "1999-01-01"},
            f"The server speaks MCP 1999-01-01; {OURS}",
        ),
        (None, [], "What it answers to initialize is no object."),
    ],
)
def test_a_version_that_nobody_speaks_is_told(discovered, begun, said):
    with Liar(
        lambda _: tell("a"), **{"server/discover": discovered, "initialize": begun}
    ) as server:
        with pytest.raises(UnableError) as failed:
            tools.list_tools(server.url, NO_KEYS)
        assert str(failed.value) == f"{server.url} tells no tools: {said}"
        assert server.asked == 0


def test_a_server_that_is_slow_is_told_by_what_it_is_slow_in(monkeypatch):
    async def wait(*_):
        await asyncio.sleep(60)

    async def refuse(*_):
        raise aiohttp.ConnectionTimeoutError("Connection timeout to host")

    for act, said in ((wait, "too slow to agree on a protocol"), (refuse, "Connection timeout")):
        monkeypatch.setattr(sessions, "AGREEING_SECONDS", 0.05)
        monkeypatch.setattr(sessions.Server, "_discover", act)
        with pytest.raises(UnableError, match=said):
            tools.list_tools("http://127.0.0.1:1/mcp", NO_KEYS)


def test_a_tool_with_half_of_a_surrogate_pair_is_left_out(acme):
    named = [
        {"name": "a\ud83d", "inputSchema": OBJECT},
        {"name": "b", "inputSchema": {"type": "object", "required": ["\ud83d"]}},
        {"name": "c", "inputSchema": OBJECT, "description": "cut \ud83d"},
        {"name": "d?", "inputSchema": OBJECT},
    ]

    def answer(params):
        body = {"jsonrpc": "2.0", "id": 2, "result": {"tools": named}}
        return web.json_response(text=json.dumps(body))

    with Liar(answer) as server:
        told = run(server.url)
    assert definitions(acme).keys() == {"c", "d?"}
    assert ActionDefinition.objects.get(variant="c").description == "cut ?"
    assert [one["what"] for one in told["left_out"]] == ["tool 'a\\ud83d'", "tool 'b'"]
    reasons = [one["reason"] for one in told["left_out"]]
    assert reasons[0] == "'a\\ud83d': A variant or alias is printable text."
    assert reasons[1].endswith("It holds half of a surrogate pair, which is no character.")


def test_a_server_that_is_not_there_or_never_answers_is_told(monkeypatch):
    with refusing() as url, pytest.raises(UnableError) as told:
        tools.list_tools(url, NO_KEYS)
    # And by no class of ours or a library's.
    assert str(told.value).startswith(f"{url}: Cannot connect to host ")

    async def hang(*_):
        await listing.asyncio.sleep(60)

    monkeypatch.setattr(listing, "_ask", hang)
    with pytest.raises(UnableError, match=r"within 0\.1 seconds"):
        tools.list_tools("http://127.0.0.1:1/mcp", NO_KEYS, seconds=0.1)


def test_what_cannot_authenticate_is_told():
    with pytest.raises(UnableError, match="no key opens it"):
        tools.list_tools("https://x.example/mcp", Keys(fault="no key opens it"))

    with refusing() as url, Liar(lambda _: tell("a")) as server:
        secret = {"token_url": url, "client_id": "a", "client_secret": "b"}
        oauth = Keys(Secret(1, 1, "oauth2_client_credentials", secret))
        with pytest.raises(UnableError, match=server.url):
            tools.list_tools(server.url, oauth)
    assert server.asked == 0


def test_a_token_that_is_refused_is_fetched_anew():
    async def list_it():
        async with give_tokens() as endpoint:
            kept = Keys(Secret(1, 1, "oauth2_client_credentials", endpoint.secret()))
            return await asyncio.to_thread(tools.list_tools, server.url, kept)

    refused = [web.Response(status=401), tell("a")]
    with Liar(lambda _: refused.pop(0)) as server:
        assert [tool["name"] for tool in asyncio.run(list_it())] == ["a"]


def test_an_address_that_may_not_be_called_is_refused(acme, settings):
    settings.ALLOW_PRIVATE_NETWORKS = False
    code, message = fail("http://127.0.0.1/mcp")

    assert code == Exit.REFUSED
    assert "ADDRESS_REFUSED" in message


@pytest.mark.parametrize(
    ("tool", "reason"),
    [
        ("a", "It has no name"),
        ({"inputSchema": OBJECT}, "It has no name"),
        ({"name": "", "inputSchema": OBJECT}, "It has no name"),
        ({"name": "a" * 256, "inputSchema": OBJECT}, "It has no name"),
        ({"name": "a\n", "inputSchema": OBJECT}, "is printable text"),
        ({"name": "known", "inputSchema": OBJECT}, "Another tool is called 'known' already."),
        ({"name": "a"}, "Its inputSchema is no JSON Schema of objects."),
        ({"name": "a", "inputSchema": True}, "Its inputSchema is no JSON Schema of objects."),
        ({"name": "a", "inputSchema": {"type": "objekt"}}, "(at /schema/type)"),
        ({"name": "a", "inputSchema": {"$ref": "https://x.example/"}}, "schema"),
        ({"name": "a", "inputSchema": {"$schema": "x"}}, "(at /schema/$schema)"),
        ({"name": "a", "inputSchema": {"title": "\0"}}, "NUL"),
    ],
)
def test_what_is_no_tool_is_left_out_with_the_reason(tool, reason):
    known = {"name": "known", "inputSchema": OBJECT, "title": "Known"}
    made = tools.convert([known, tool], Wanted("https://x.example/mcp"))

    assert [one["variant"] for one in made.document["actions"]] == ["known"]
    assert made.document["actions"][0]["description"] == "Known"
    (left,) = made.left_out
    assert reason in left.reason
    assert left.pointer == "/1"


def test_a_schema_that_is_nested_too_deep_is_left_out():
    deep = OBJECT
    for _ in range(300):
        deep = {"not": deep}
    made = tools.convert([{"name": "a", "inputSchema": deep}], Wanted("https://x.example/mcp"))

    assert "nested too deep" in made.left_out[0].reason
