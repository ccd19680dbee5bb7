"""`mcp` against real servers: one of the `mcp` package (2026-07-28), the reference one (2025).

Both stand behind a front that notes what comes, and answers in their place what they never would.
"""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import orjson
import pytest
from aiohttp import web

from destinations import kinds
from destinations.mcp import protocol
from destinations.outcomes import NoAnswerError, Verdict
from destinations.outward import outbound
from destinations.outward.clients import Clients
from tests.destinations.kinds.mcp_servers import start_new_server, start_old_server
from tests.destinations.kinds.suite import (
    NUMBER,
    PAYLOAD,
    RECORD_ID,
    VARIANT,
    KindSuite,
    deliver,
    make_attempt,
    make_keys,
)
from tests.destinations.receiver import refusing
from tests.destinations.token_endpoint import give_tokens

TOKEN = "a-token-of-ours"

pytestmark = pytest.mark.usefixtures("private_networks")


@pytest.fixture(scope="module")
def new_server():
    """The front of a server that speaks 2026-07-28."""
    with start_new_server() as front:
        yield front


@pytest.fixture(scope="module")
def old_server():
    """The front of the reference server, which speaks 2025-11-25."""
    with start_old_server() as front:
        yield front


@pytest.fixture
def fresh(new_server):
    new_server.behave()
    return new_server


@pytest.fixture
def old(old_server):
    old_server.behave()
    return old_server


def call(front, tool=VARIANT, **fields):
    """The outcome of one call."""
    (outcome,) = asyncio.run(
        deliver(make_attempt("mcp", {"endpoint": front.url, "tool": tool}, **fields))
    )
    return outcome


def in_one_life(*attempts):
    """The outcomes of attempts that are made one after the other by the same clients."""

    async def run():
        async with (
            outbound.open_session(allow_private=True, connections=10) as session,
            Clients(session) as clients,
        ):
            return [await kinds.deliver(attempt, clients) for attempt in attempts]

    return asyncio.run(run())


class McpSuite(KindSuite):
    """What is the same whichever protocol a server speaks. `tools` names what does what."""

    kind = "mcp"
    tools: dict[str, dict]
    answers = {
        "refused": web.Response(status=403, text="not for you"),
        "rate_limited": web.Response(status=429, headers={"retry-after": "7"}),
    }

    def behave(self, counterpart, behaviour):
        told = self.answers.get(behaviour)
        counterpart.behave(
            answers={"*": told} if told else None,
            token=TOKEN if behaviour == "wrong_credential" else "",
        )
        config = {"endpoint": counterpart.url}
        asked = {"config": config | self.tools.get(behaviour, self.tools["success"])}
        if behaviour == "unreachable":
            with refusing() as url:
                return {"config": {"endpoint": url}}
        if behaviour == "wrong_credential":
            return asked | {"keys": make_keys("http_bearer", token="another")}
        return asked | (self.huge if behaviour == "huge_answer" else {})

    def received(self, counterpart):
        return counterpart.calls()


class TestNew(McpSuite):
    tools = {
        "success": {},
        "signal": {"tool": "fail"},
        "slow": {"tool": "sleep"},
        "huge_answer": {"tool": "repeat"},
    }
    huge = {"payload": b'{"text":"0123456789","times":200000}'}

    @pytest.fixture
    def counterpart(self, new_server):
        return new_server


class TestOld(McpSuite):
    tools = {
        "success": {"tool": "get-tiny-image"},
        "signal": {"tool": "echo"},
        "slow": {"tool": "trigger-long-running-operation"},
        "huge_answer": {"tool": "echo"},
    }
    huge = {"payload": orjson.dumps({"message": "x" * 1_000_000})}

    @pytest.fixture
    def counterpart(self, old_server):
        return old_server


# --- without sessions: 2026-07-28 -----------------------------------------------------------------


def test_a_call_is_one_post_that_says_what_it_is_about(fresh):
    outcome = call(fresh)

    assert outcome.verdict is Verdict.ACK
    assert fresh.called() == ["server/discover", "tools/call"]
    seen = fresh.seen[-1]
    assert seen.headers["mcp-protocol-version"] == "2026-07-28"
    assert seen.headers["mcp-method"] == "tools/call"
    assert seen.headers["mcp-name"] == VARIANT
    assert seen.headers["idempotency-key"] == str(RECORD_ID)
    assert "mcp-session-id" not in seen.headers
    assert b'"arguments":' + PAYLOAD + b"," in seen.body
    meta = seen.message["params"]["_meta"]
    assert meta["x-arklow-actionid"] == str(RECORD_ID)
    assert meta["x-arklow-attempt"] == str(NUMBER)
    assert meta["io.modelcontextprotocol/protocolVersion"] == "2026-07-28"


def test_what_is_shown_of_a_call_is_what_is_sent(fresh):
    keys = make_keys("http_bearer", token=TOKEN)
    attempt = make_attempt("mcp", {"endpoint": fresh.url}, keys=keys)
    shown = kinds.show_request(attempt)
    in_one_life(attempt)

    seen = fresh.seen[-1]
    sent = orjson.loads(seen.body)
    assert (shown.method, shown.url) == ("POST", fresh.url)
    assert orjson.loads(shown.body) == sent | {"id": 1}
    assert shown.headers["authorization"] == "[secret]"
    known = shown.headers.items() - {("authorization", "[secret]")}
    assert known <= {name.lower(): value for name, value in seen.headers.items()}.items()
    by_the_client = {"host", "content-length", "accept-encoding", "user-agent", "authorization"}
    assert {name.lower() for name in seen.headers} - {name for name, _ in known} <= by_the_client


def test_what_cannot_be_called_shows_why():
    attempt = make_attempt("mcp", {"endpoint": "https://tools.example.com/mcp"}, payload=b"[1]")

    with pytest.raises(NoAnswerError, match="not an object"):
        kinds.show_request(attempt)


def test_the_result_is_kept(fresh):
    outcome = call(fresh)

    result = orjson.loads(outcome.result)
    assert result["content"] == [{"type": "text", "text": "1 ä"}]
    assert outcome.message == ""


def test_a_result_that_is_too_large_is_kept_from_its_start(fresh):
    outcome = call(fresh, "repeat", payload=b'{"text":"\\u0000\\"\xc3\xa4","times":8000}')

    assert outcome.verdict is Verdict.ACK
    assert len(outcome.result.encode()) <= protocol.KEPT_RESULT
    kept = orjson.loads(outcome.result)
    assert kept["cut"] is True
    assert kept["bytes"] > protocol.KEPT_RESULT
    assert kept["start"].startswith("{")
    assert "\0" not in outcome.result
    assert "u0000" not in outcome.result


def test_what_a_tool_says_of_its_failure_is_the_message(fresh):
    outcome = call(fresh, "fail", payload=b"{}")

    assert outcome.verdict is Verdict.NACK
    assert "the shop is closed" in outcome.message


def test_a_tool_may_have_a_name_that_no_header_can_carry(fresh):
    assert call(fresh, "größe\u2028", payload=b"{}").verdict is Verdict.ACK


@pytest.mark.parametrize("tool", [{}, {"tool": VARIANT}])
def test_the_tool_is_the_variant_or_that_of_the_config(fresh, tool):
    attempt = make_attempt(
        "mcp", {"endpoint": fresh.url} | tool, variant="other" if tool else VARIANT
    )
    (outcome,) = asyncio.run(deliver(attempt))

    assert outcome.verdict is Verdict.ACK


def test_a_tool_that_is_not_there_fails_at_once(fresh):
    outcome = call(fresh, "nobody")

    assert outcome.verdict in {Verdict.PERMANENT, Verdict.NACK}
    assert "nobody" in outcome.message


def test_an_argument_that_is_wanted_in_a_header_goes_there_as_well(fresh):
    attempts = [
        make_attempt("mcp", {"endpoint": fresh.url, "tool": "route"}, payload=payload)
        for payload in (b'{"region":"eu"}', '{"region":"größe"}'.encode())
    ]
    outcomes = in_one_life(*attempts)

    assert [orjson.loads(o.result)["content"][0]["text"] for o in outcomes] == ["eu", "größe"]
    # Asked for once, when it turned out to be wanted.
    calls = ["tools/call", "tools/list", "tools/call", "tools/call"]
    assert fresh.called() == ["server/discover", *calls]
    assert fresh.seen[-2].headers["mcp-param-region"] == "eu"
    assert "mcp-param-region" not in fresh.seen[1].headers


def test_headers_that_never_suit_a_server_fail_at_once(fresh):
    error = {"code": -32020, "message": "mismatch"}
    body = orjson.dumps({"jsonrpc": "2.0", "id": None, "error": error})
    told = web.Response(status=400, body=body, content_type="application/json")
    fresh.behave(answers={"tools/call": told})

    outcome = call(fresh)

    assert outcome.verdict is Verdict.PERMANENT
    assert fresh.called().count("tools/call") == 2


@pytest.mark.parametrize("payload", [b"null", b"[1]", b'"text"', b"1"])
def test_arguments_are_an_object(fresh, payload):
    outcome = call(fresh, payload=payload)

    assert outcome.verdict is Verdict.PERMANENT
    assert "not an object" in outcome.message
    assert fresh.seen == []


def test_what_is_known_of_a_server_is_asked_once(fresh):
    attempt = make_attempt("mcp", {"endpoint": fresh.url})
    outcomes = in_one_life(attempt, attempt, attempt)

    assert {outcome.verdict for outcome in outcomes} == {Verdict.ACK}
    assert fresh.called() == ["server/discover", *["tools/call"] * 3]


def test_who_call_at_once_ask_once(fresh):
    attempts = [make_attempt("mcp", {"endpoint": fresh.url}) for _ in range(20)]
    outcomes = asyncio.run(deliver(*attempts))

    assert {outcome.verdict for outcome in outcomes} == {Verdict.ACK}
    assert fresh.called() == ["server/discover", *["tools/call"] * 20]


def test_each_version_of_a_credential_asks_for_itself(fresh):
    fresh.behave(token=TOKEN)
    good, bad = (
        make_attempt("mcp", {"endpoint": fresh.url}, keys=make_keys("http_bearer", token=token))
        for token in (TOKEN, "another-token")
    )
    keys = good.keys
    newer = type(keys)(type(keys.credential)(1, 2, "http_bearer", {"token": TOKEN}))
    outcomes = in_one_life(bad, bad, make_attempt("mcp", good.config, keys=newer))

    assert [o.verdict for o in outcomes] == [Verdict.REFUSED, Verdict.REFUSED, Verdict.ACK]
    assert TOKEN not in str(outcomes)


@pytest.mark.parametrize("which", ["new_server", "old_server"])
def test_a_token_that_is_refused_is_fetched_anew(request, which):
    front = request.getfixturevalue(which)
    front.behave(token="token-2")
    tool = {"tool": "get-tiny-image"} if which == "old_server" else {}

    async def run():
        async with (
            give_tokens() as endpoint,
            outbound.open_session(allow_private=True, connections=10) as session,
            Clients(session) as clients,
        ):
            keys = make_keys("oauth2_client_credentials", **endpoint.secret())
            attempt = make_attempt("mcp", {"endpoint": front.url} | tool, keys=keys)
            return await kinds.deliver(attempt, clients), len(endpoint.asked)

    outcome, asked = asyncio.run(run())

    assert (outcome.verdict, asked) == (Verdict.ACK, 2)
    assert len(front.calls()) == 1


@pytest.mark.parametrize("is_test", [False, True])
@pytest.mark.parametrize("failing", [False, True])
def test_a_secret_that_a_tool_echoes_is_kept_nowhere(fresh, failing, is_test):
    result = {"content": [{"type": "text", "text": f"Bearer {TOKEN}"}], "isError": failing}
    body = orjson.dumps({"jsonrpc": "2.0", "id": 2, "result": result})
    fresh.behave(
        answers={"tools/call": web.Response(body=body, content_type="application/json")},
        token=TOKEN,
    )

    outcome = call(fresh, keys=make_keys("http_bearer", token=TOKEN), is_test=is_test)

    assert outcome.verdict is (Verdict.NACK if failing else Verdict.ACK)
    assert TOKEN not in f"{outcome} {outcome.result} {outcome.answer}"
    assert "[secret]" in (outcome.message if failing else outcome.result)


@pytest.mark.parametrize("failing", [False, True])
def test_an_answer_is_read_before_anything_is_masked(fresh, failing):
    # Masked as a number, it would leave no JSON.
    result = {"content": [], "isError": failing, "structuredContent": {"tenant": 10000042}}
    body = orjson.dumps({"jsonrpc": "2.0", "id": 2, "result": result})
    told = web.Response(body=body, content_type="application/json")
    fresh.behave(answers={"tools/call": told})
    keys = make_keys("http_auth_headers", **{"x-tenant": "10000042"})

    outcome = call(fresh, keys=keys, is_test=True)

    assert outcome.verdict is (Verdict.NACK if failing else Verdict.ACK)
    assert "10000042" not in f"{outcome} {outcome.result} {outcome.answer}"


@pytest.mark.parametrize("failing", [False, True])
def test_a_token_that_a_tool_echoes_is_kept_nowhere(fresh, failing):
    result = {"content": [{"type": "text", "text": "Bearer pl4nted-token"}], "isError": failing}
    body = orjson.dumps({"jsonrpc": "2.0", "id": 2, "result": result})
    told = web.Response(body=body, content_type="application/json")
    fresh.behave(answers={"tools/call": told}, token="pl4nted-token")

    async def run():
        async with give_tokens() as endpoint:
            endpoint.gives = {"access_token": "pl4nted-token"}
            keys = make_keys("oauth2_client_credentials", **endpoint.secret())
            config = {"endpoint": fresh.url}
            return await deliver(make_attempt("mcp", config, keys=keys, is_test=True))

    (outcome,) = asyncio.run(run())

    assert outcome.verdict is (Verdict.NACK if failing else Verdict.ACK)
    assert "pl4nted" not in f"{outcome} {outcome.result} {outcome.answer}"
    assert "[secret]" in (outcome.message if failing else outcome.result)


def test_progress_comes_in_a_stream_before_the_answer(fresh):
    outcome = call(fresh, "tell", payload=b"{}")

    assert orjson.loads(outcome.result)["content"][0]["text"] == "told"


def test_a_stream_that_breaks_off_is_ambiguous(fresh):
    told = web.Response(body=b"event: message\ndata: {\n\n", content_type="text/event-stream")
    fresh.behave(answers={"tools/call": told})

    outcome = call(fresh)

    assert (outcome.verdict, outcome.sent) == (Verdict.AMBIGUOUS, True)


@pytest.mark.parametrize(
    ("status", "text", "verdict"),
    [
        # no MCP server at all
        (200, "<html>", Verdict.REFUSED),
        (204, "", Verdict.REFUSED),
        (302, "", Verdict.REFUSED),
        (404, "Not found", Verdict.REFUSED),
        (405, "", Verdict.PERMANENT),
        (503, "later", Verdict.UNAVAILABLE),
    ],
)
def test_an_endpoint_that_speaks_no_mcp_is_judged_by_its_status(fresh, status, text, verdict):
    fresh.behave(answers={"*": web.Response(status=status, text=text)})

    outcome = call(fresh)

    assert outcome.verdict is verdict, outcome
    assert outcome.message


def test_a_server_of_a_later_version_only_fails_at_once(fresh):
    error = {"code": -32022, "message": "Unsupported", "data": {"supported": ["2030-01-01"]}}
    body = orjson.dumps({"jsonrpc": "2.0", "id": None, "error": error})
    told = web.Response(status=400, body=body, content_type="application/json")
    fresh.behave(answers={"*": told})

    outcome = call(fresh)

    assert outcome.verdict is Verdict.PERMANENT
    assert "-32022" in outcome.message


# --- with sessions: 2025-11-25 and before ---------------------------------------------------------


def make_old(front):
    """Have a server that speaks both ways be spoken to in the old one."""
    front.behave(answers={"server/discover": web.Response(status=400, text="Session required")})


def sessions(front):
    return [
        seen.headers.get("mcp-session-id") for seen in front.seen if seen.called == "tools/call"
    ]


MARKS = {"x-arklow-actionid", "x-arklow-attempt", "idempotency-key", "x-waybill-test"}


def marked(front):
    """What of the marks of an attempt has come with which messages."""
    return [
        (seen.called, MARKS & {name.lower() for name in seen.headers})
        for seen in front.seen
        if seen.called != "DELETE"
    ]


@pytest.mark.parametrize("which", ["new_server", "old_server"])
def test_the_key_of_a_call_goes_with_the_call_alone(request, which):
    front = request.getfixturevalue(which)
    front.behave()
    tools = {"new_server": "route", "old_server": "get-tiny-image"}
    config = {"endpoint": front.url, "tool": tools[which]}
    attempt = make_attempt("mcp", config, payload=b'{"region":"eu"}', is_test=True)

    assert in_one_life(attempt)[0].verdict is Verdict.ACK
    came = marked(front)
    assert len(came) >= 3
    assert all(marks == (MARKS if called == "tools/call" else set()) for called, marks in came)


def test_a_session_is_opened_used_and_ended(old):
    attempt = make_attempt("mcp", {"endpoint": old.url, "tool": "get-tiny-image"})
    outcomes = in_one_life(attempt, attempt)

    assert {outcome.verdict for outcome in outcomes} == {Verdict.ACK}
    begin = ["server/discover", "initialize", "notifications/initialized"]
    assert old.called() == [*begin, "tools/call", "tools/call", "DELETE"]
    assert len(set(sessions(old))) == 1
    assert old.seen[-1].headers["mcp-session-id"] == sessions(old)[0]
    assert old.seen[-2].headers["mcp-protocol-version"] == "2025-11-25"


def test_who_call_at_once_share_a_session(old):
    attempts = [
        make_attempt("mcp", {"endpoint": old.url, "tool": "get-tiny-image"}) for _ in range(20)
    ]
    outcomes = asyncio.run(deliver(*attempts))

    assert {outcome.verdict for outcome in outcomes} == {Verdict.ACK}
    assert old.called().count("initialize") == 1
    assert len(sessions(old)) == 20
    assert len(set(sessions(old))) == 1


def test_who_wait_for_a_server_that_is_not_there_are_told_together(fresh):
    with refusing() as url:
        attempts = [make_attempt("mcp", {"endpoint": url}) for _ in range(20)]
        outcomes = asyncio.run(deliver(*attempts))

    assert {(o.verdict, o.sent) for o in outcomes} == {(Verdict.UNAVAILABLE, False)}


def test_the_reference_server_keeps_the_bytes_of_the_arguments(old):
    outcome = call(old, "echo", payload='{"message":"ä \\u0001"}'.encode())

    assert orjson.loads(outcome.result)["content"][0]["text"] == "Echo: ä \x01"


class Ending:
    """Ends the session at the server before the second attempt."""

    def __init__(self, front):
        self.front = front

    async def end(self, session):
        headers = {"mcp-session-id": sessions(self.front)[-1], "mcp-protocol-version": "2025-11-25"}
        async with session.delete(self.front.upstream, headers=headers) as response:
            assert response.status == 200


@pytest.mark.parametrize("which", ["old_server", "new_server"])
def test_a_session_that_has_ended_at_the_server_is_opened_again(request, which):
    # The reference server answers 400 then, the other one 404.
    front = request.getfixturevalue(which)
    make_old(front)
    tool = "get-tiny-image" if which == "old_server" else VARIANT
    attempt = make_attempt("mcp", {"endpoint": front.url, "tool": tool})

    async def run():
        async with (
            outbound.open_session(allow_private=True, connections=10) as session,
            Clients(session) as clients,
        ):
            first = await kinds.deliver(attempt, clients)
            await Ending(front).end(session)
            return [first, await kinds.deliver(attempt, clients)]

    assert [outcome.verdict for outcome in asyncio.run(run())] == [Verdict.ACK, Verdict.ACK]
    opened, refused, reopened = sessions(front)
    assert opened == refused != reopened


def answered(front, told):
    """The outcome of a call that a known server answers so."""
    attempt = make_attempt("mcp", {"endpoint": front.url})

    async def run():
        async with (
            outbound.open_session(allow_private=True, connections=10) as session,
            Clients(session) as clients,
        ):
            # The server is known from here on.
            await kinds.deliver(attempt, clients)
            front.behave(answers={"tools/call": told})
            return await kinds.deliver(attempt, clients)

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("code", "shown"), [([], "?"), ({}, "?"), ("-32601", "-32601"), (None, "?")]
)
def test_an_error_whose_code_is_no_number_is_the_servers(fresh, code, shown):
    body = orjson.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": "no"}})

    outcome = answered(fresh, web.Response(status=400, body=body, content_type="application/json"))

    assert outcome.verdict is Verdict.UNAVAILABLE
    assert outcome.message == f"MCP error {shown}: no"


def test_an_answer_that_is_nested_too_deep_to_be_read_may_be_that_it_was_done(fresh):
    body = b'{"jsonrpc":"2.0","id":2,"result":%s}' % (b"[" * 2_000 + b"]" * 2_000)

    outcome = answered(fresh, web.Response(body=body, content_type="application/json"))

    assert (outcome.verdict, outcome.said, outcome.sent) == (Verdict.PERMANENT, False, True)
    assert outcome.message.startswith("The answer is nested too deep to be read. It may have been")


def test_what_a_server_asks_in_between_is_answered(fresh):
    make_old(fresh)

    outcome = call(fresh, "ask", payload=b"{}")

    assert orjson.loads(outcome.result)["content"][0]["text"] == "refused: -32601"
    assert fresh.called().count("answer") == 2


def test_who_asks_without_end_is_answered_only_so_often(fresh, monkeypatch):
    monkeypatch.setattr("destinations.mcp.line.MOST_ASKED", 3)
    ping = b'data: {"jsonrpc":"2.0","id":1,"method":"ping"}\n\n'
    result = b'data: {"jsonrpc":"2.0","id":2,"result":{}}\n\n'
    told = web.Response(body=ping * 5 + result, content_type="text/event-stream")
    fresh.behave(answers={"tools/call": told})

    assert call(fresh).verdict is Verdict.ACK
    assert fresh.called().count("answer") == 3


def test_a_version_that_nobody_speaks_fails_at_once(old):
    result = {"protocolVersion": "1999-01-01", "capabilities": {}, "serverInfo": {}}
    body = orjson.dumps({"jsonrpc": "2.0", "id": 2, "result": result})
    old.behave(answers={"initialize": web.Response(body=body, content_type="application/json")})

    outcome = call(old)

    assert outcome.verdict is Verdict.PERMANENT
    assert "1999-01-01" in outcome.message


def test_an_id_of_a_session_that_no_header_can_carry_is_refused(old):
    result = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {}}
    body = orjson.dumps({"jsonrpc": "2.0", "id": 2, "result": result})
    headers = {"mcp-session-id": "größe", "content-type": "application/json"}
    old.behave(answers={"initialize": web.Response(body=body, headers=headers)})

    assert call(old).verdict is Verdict.REFUSED


def test_a_server_that_does_not_take_the_start_of_a_session_is_judged_by_that(old):
    old.behave(answers={"notifications/initialized": web.Response(status=503)})

    outcome = call(old)

    assert (outcome.verdict, outcome.status) == (Verdict.UNAVAILABLE, 503)
    assert "tools/call" not in old.called()


def test_a_session_that_cannot_be_ended_does_not_keep_anybody(old, monkeypatch):
    monkeypatch.setattr("destinations.mcp.line.CLOSING_SECONDS", 0.001)

    assert call(old, "get-tiny-image").verdict is Verdict.ACK


@pytest.mark.parametrize("with_credential", [False, True])
def test_each_destination_has_a_session_of_its_own(old, with_credential):
    keys = {"keys": make_keys("http_bearer", token=TOKEN)} if with_credential else {}
    config = {"endpoint": old.url, "tool": "get-tiny-image"}
    one, other = (
        make_attempt("mcp", config, destination_id=destination_id, **keys)
        for destination_id in (1, 2)
    )

    outcomes = in_one_life(one, other, one)

    assert {outcome.verdict for outcome in outcomes} == {Verdict.ACK}
    first, second, third = sessions(old)
    assert first == third != second


def test_only_so_many_servers_are_remembered(old, monkeypatch):
    monkeypatch.setattr("destinations.mcp.sessions.REMEMBERED", 1)
    here = make_attempt("mcp", {"endpoint": old.url, "tool": "get-tiny-image"})
    there = make_attempt("mcp", {"endpoint": old.url + "?again", "tool": "get-tiny-image"})
    outcomes = in_one_life(here, there, here)

    assert {outcome.verdict for outcome in outcomes} == {Verdict.ACK}
    assert old.called().count("initialize") == 3
    assert old.called().count("DELETE") == 3


# --- where it may lead ----------------------------------------------------------------------------


def test_an_endpoint_that_has_become_private_is_refused_at_each_attempt(fresh, settings):
    settings.ALLOW_PRIVATE_NETWORKS = False

    outcome = call(fresh)

    assert (outcome.verdict, outcome.sent) == (Verdict.REFUSED, False)
    assert fresh.seen == []


def test_a_test_tells_what_was_answered(fresh):
    attempt = make_attempt("mcp", {"endpoint": fresh.url}, is_test=True)
    (outcome,) = asyncio.run(deliver(attempt))

    assert (outcome.verdict, outcome.status) == (Verdict.ACK, 200)
    assert b'"1 \\u00e4"' in outcome.answer or "1 ä".encode() in outcome.answer
    seen = fresh.seen[-1]
    assert seen.headers["x-waybill-test"] == "true"
    assert seen.message["params"]["_meta"]["x-waybill-test"] == "true"
    assert urlsplit(fresh.url).path == "/mcp"
