"""The wire format of MCP: what is written, what is read, what it means."""

import orjson
import pytest

from destinations.mcp import protocol
from destinations.mcp.protocol import EventStream, TooLargeError
from destinations.outcomes import Verdict


def answer(**fields):
    return {"jsonrpc": "2.0", "id": 1} | fields


@pytest.mark.parametrize(
    ("code", "verdict"),
    [
        # JSON-RPC: what was sent is no good, and never will be
        (-32700, Verdict.PERMANENT),
        (-32600, Verdict.PERMANENT),
        (-32601, Verdict.PERMANENT),
        (-32602, Verdict.PERMANENT),
        # MCP: headers, capabilities, versions, a page to be visited
        (-32020, Verdict.PERMANENT),
        (-32021, Verdict.PERMANENT),
        (-32022, Verdict.PERMANENT),
        (-32042, Verdict.PERMANENT),
        # the server's own
        (-32603, Verdict.UNAVAILABLE),
        (-32000, Verdict.UNAVAILABLE),
        (-32001, Verdict.UNAVAILABLE),
        (7, Verdict.UNAVAILABLE),
        # no code that anybody knows
        (None, Verdict.UNAVAILABLE),
        ([], Verdict.UNAVAILABLE),
    ],
)
def test_errors_by_their_code(code, verdict):
    outcome = protocol.judge_message(answer(error={"code": code, "message": "so it is"}))

    assert outcome.verdict is verdict
    assert "so it is" in outcome.message


@pytest.mark.parametrize(
    ("result", "verdict", "said"),
    [
        ({"content": []}, Verdict.ACK, ""),
        ({}, Verdict.ACK, ""),
        ({"content": [], "isError": False}, Verdict.ACK, ""),
        ({"resultType": "complete"}, Verdict.ACK, ""),
        ({"resultType": "input_required"}, Verdict.PERMANENT, "input"),
        ({"isError": True, "content": [{"type": "text", "text": "no"}]}, Verdict.NACK, "no"),
        (
            {"isError": True, "content": [{"text": "a"}, {"type": "image"}, 7, {"text": "b"}]},
            Verdict.NACK,
            "a\nb",
        ),
        ({"isError": True, "content": "?"}, Verdict.NACK, "does not say why"),
        ({"isError": True}, Verdict.NACK, "does not say why"),
        ([], Verdict.REFUSED, "not an object"),
        (None, Verdict.REFUSED, "not an object"),
    ],
)
def test_results(result, verdict, said):
    outcome = protocol.judge_message(answer(result=result))

    assert outcome.verdict is verdict
    assert said in outcome.message
    assert (outcome.result is not None) == (verdict is Verdict.ACK)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (rb'"a\u0000b"', '"a\\ufffdb"'),
        (rb'"\u0000\u0000"', '"\\ufffd\\ufffd"'),
        # an escaped backslash before a `u0000` is no NUL
        (rb'"\\u0000"', '"\\\\u0000"'),
        (rb'"\\\u0000"', '"\\\\\\ufffd"'),
        # halves of surrogate pairs
        (rb'"\ud83d"', '"?"'),
        (b'"\xf0\x9f\x98\x80"', '"\U0001f600"'),
        (rb'"\ud83d\ude00"', '"\U0001f600"'),
        (b"1.0", "1.0"),
    ],
)
def test_what_a_result_is_kept_as(data, text):
    message = protocol.read_message(b'{"jsonrpc":"2.0","id":1,"result":{"a":%s}}' % data)

    kept = protocol.keep_result(message["result"])

    assert kept == f'{{"a":{text}}}'
    assert orjson.loads(kept)


@pytest.mark.parametrize("unit", ["x", '"', "\\", "ä", "\U0001f600", "\n", "\x01"])
def test_a_large_result_is_cut_to_what_is_kept(unit):
    result = {"content": [{"type": "text", "text": unit * 100_000}]}

    kept = protocol.keep_result(result)

    assert len(kept.encode()) <= protocol.KEPT_RESULT
    read = orjson.loads(kept)
    assert (read["cut"], read["bytes"]) == (True, len(orjson.dumps(result)))
    assert orjson.dumps(result).decode().startswith(read["start"])
    assert len(read["start"]) > 10_000


def nested(depth):
    return b"[" * depth + b"]" * depth


@pytest.mark.parametrize(("depth", "is_cut"), [(63, False), (64, True), (253, True), (500, True)])
def test_a_result_that_is_nested_too_deep_is_a_success_all_the_same(depth, is_cut):
    deep = b'{"jsonrpc":"2.0","id":1,"result":{"a":%s}}' % nested(depth)

    outcome = protocol.judge_message(protocol.read_message(deep))

    assert outcome.verdict is Verdict.ACK
    assert ("cut" in orjson.loads(outcome.result)) is is_cut


@pytest.mark.parametrize("field", ["code", "message"])
def test_what_is_no_word_is_not_written_however_deep_it_is(field):
    deep = b'{"jsonrpc":"2.0","id":1,"error":{"%s":%s}}' % (field.encode(), nested(1_000))

    outcome = protocol.judge_message(protocol.read_message(deep))

    assert (outcome.verdict, outcome.message) == (Verdict.UNAVAILABLE, "MCP error ?: ?")


def test_what_is_nested_deeper_than_anything_is_read_is_told_from_no_message():
    with pytest.raises(TooLargeError, match="nested too deep"):
        protocol.read_message(b' {"jsonrpc":"2.0","id":1,"result":%s}' % nested(1_100))


@pytest.mark.parametrize(
    "data",
    [b"", b"<html>", b"[]", b"1", b"{}", b'{"jsonrpc":"1.0"}', b"[" * 5_000, b'{"a":NaN}'],
)
def test_what_is_no_message(data):
    assert protocol.read_message(data) is None


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"id": 1, "result": {}}, True),
        ({"id": 1, "error": {}}, True),
        # a server that could not read the request knows no id
        ({"id": None, "error": {}}, True),
        ({"error": {}}, True),
        ({"id": None, "result": {}}, False),
        ({"id": 2, "result": {}}, False),
        ({"id": 1, "method": "ping"}, False),
        ({"id": 1, "error": "no"}, False),
    ],
)
def test_which_message_is_the_answer(message, expected):
    assert protocol.is_answer(message, 1) is expected


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("orders.created", "orders.created"),
        ("a b", "a b"),
        ("größe", "=?base64?Z3LDtsOfZQ==?="),
        (" edge", "=?base64?IGVkZ2U=?="),
        ("=?base64?YQ==?=", "=?base64?PT9iYXNlNjQ/WVE9PT89?="),
    ],
)
def test_names_in_headers(name, header):
    assert protocol.write_routing("tools/call", name)["mcp-name"] == header


STREAMS = [
    (b"data: 1\n\n", [b"1"]),
    (b"data:1\r\n\r\ndata: 2\r\n\r\n", [b"1", b"2"]),
    (b"event: message\rid: 7\rdata: 1\r\rdata: 2\r\r:", [b"1", b"2"]),
    (b": a comment\n\ndata: a\ndata: b\n\n", [b"a\nb"]),
    (b"data: 1\n", []),
    (b"id: 1\ndata\n\n", [b""]),
    (b"\n\n\n", []),
    (b"retry: 5\n\ndata:  two\n\n", [b" two"]),
]


@pytest.mark.parametrize(("stream", "expected"), STREAMS)
@pytest.mark.parametrize("size", [1, 2, 3, 1_000])
def test_events_however_their_bytes_come_in(stream, expected, size):
    events = EventStream()

    found = [
        data
        for start in range(0, len(stream), size)
        for data in events.feed(stream[start : start + size])
    ]

    assert found == expected


@pytest.mark.parametrize(
    "piece",
    [
        b"data: " + b"x" * 20_000,
        b"data: " + b"x" * 20_000 + b"\ndata: ",
        # lines that say nothing are kept as well
        b"data:\n" * 3_000,
    ],
)
def test_an_event_without_end_is_too_large(piece):
    events = EventStream()

    with pytest.raises(TooLargeError, match="1,048,576"):
        feed_often(events, piece, 100)


def test_what_follows_an_event_is_not_counted_with_it():
    events = EventStream()
    large = b"x" * 1_000_000

    assert events.feed(b"data: %s\n\ndata: %s" % (large, large)) == [large]


@pytest.mark.parametrize("piece", [b"data: 1\n\n", b": nothing\n", b"\n", b"event: a\r\n\r\n"])
def test_a_stream_without_end_is_too_large(piece):
    events = EventStream()

    with pytest.raises(TooLargeError, match="4,194,304"):
        feed_often(events, piece * 1_000, 5_000)


def feed_often(events, piece, times):
    for _ in range(times):
        events.feed(piece)


def test_each_byte_of_a_stream_is_read_once(monkeypatch):
    searched = []
    line_end = protocol._LINE_END

    class Counting:
        def split(self, text):
            searched.append(len(text))
            return line_end.split(text)

    monkeypatch.setattr(protocol, "_LINE_END", Counting())
    events = EventStream()
    feed_often(events, b"x", 10_000)

    assert sum(searched) == 10_000
    assert events.feed(b"\ndata: 1\r\n\r\n") == [b"1"]


def test_what_is_quoted_is_concealed_before_it_is_cut():
    def hide(text):
        return text.replace("pl4nted-secret", "*")

    long = "x" * 992 + "pl4nted-secret"
    failed = {"isError": True, "content": [{"text": long}]}
    large = {"n": "x" * (protocol.KEPT_START - 12) + "pl4nted-secret" + "x" * 60_000}

    outcomes = [
        protocol.judge_message(answer(result=failed), hide),
        protocol.judge_message(answer(error={"code": 1, "message": long[20:]}), hide),
        protocol.judge_message(answer(result=large), hide),
    ]

    verdicts = [Verdict.NACK, Verdict.UNAVAILABLE, Verdict.ACK]
    assert [outcome.verdict for outcome in outcomes] == verdicts
    assert not any("pl4" in f"{outcome.message}{outcome.result}" for outcome in outcomes)


def test_what_a_server_asks_is_answered_or_refused():
    ping = {"jsonrpc": "2.0", "id": "a", "method": "ping"}
    elicit = {"jsonrpc": "2.0", "id": 5, "method": "elicitation/create"}

    assert protocol.is_request(ping)
    assert protocol.is_request(elicit)
    assert not protocol.is_request({"jsonrpc": "2.0", "method": "notifications/progress"})
    assert orjson.loads(protocol.answer_request(ping)) == answer(id="a", result={})
    refused = orjson.loads(protocol.answer_request(elicit))
    assert (refused["id"], refused["error"]["code"]) == (5, -32601)
