"""The Model Context Protocol over streamable HTTP, as values: bytes to send, bytes to read.

Two generations are spoken. From 2026-07-28 on there is no connection to set up: a request is one
POST that carries its version, what the client can do, and in its headers what it is about. Before
that, `initialize` opens a session whose id goes with every request.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from config import strictjson
from config.strictjson import MAX_DEPTH
from destinations.outcomes import Outcome, Verdict

STATELESS = "2026-07-28"
# What `initialize` may come to; the first is what we ask for.
WITH_SESSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
CLIENT = {"name": "waybill", "version": "0.1.0"}
JSON, EVENTS = "application/json", "text/event-stream"
# Of what a server sends at once: an answer, or an event of a stream.
MAX_MESSAGE = 1_048_576
# Of a whole stream of events, whatever they are.
MAX_STREAM = 4_194_304
KEPT_RESULT = 65_536
# Quotes and backslashes double, and a character may take four bytes.
KEPT_START = KEPT_RESULT // 4 - 64
METHOD_NOT_FOUND = -32_601
# The headers of a call are at odds with its body: a tool may want some of its arguments in them.
HEADER_MISMATCH = -32_020
# Of JSON-RPC (parse error, invalid request, no such method, invalid params) and of MCP (headers
# that are at odds with the body, a capability or a version that we lack, a page to be visited).
PERMANENT = frozenset(
    {-32_700, -32_600, METHOD_NOT_FOUND, -32_602, HEADER_MISMATCH, -32_021, -32_022, -32_042}
)
# These speak of the call itself; all others may mean that the server knows the session no more.
ABOUT_THE_CALL = frozenset({METHOD_NOT_FOUND, -32_602, HEADER_MISMATCH, -32_021, -32_042})
_LINE_END = re.compile(rb"\r\n|\n|\r")
# In JSON text as orjson writes it: an escape, not an escaped backslash before a `u0000`.
_NUL = re.compile(r"((?<!\\)(?:\\\\)*)\\u0000")
_ENCODED_NAME = re.compile(r"=\?base64\?.*\?=")


class TooLargeError(Exception):
    """What a server says at once, or in one stream, is more than we read."""

    def __init__(self, most: int = MAX_MESSAGE) -> None:
        super().__init__(f"The answer is larger than {most:,} bytes.")


class TooDeepError(TooLargeError):
    """What a server says is nested deeper than anything is read."""

    def __init__(self) -> None:
        Exception.__init__(self, "The answer is nested too deep to be read.")


class EndlessError(TooLargeError):
    """A list has more pages than are read."""

    def __init__(self) -> None:
        Exception.__init__(self, "The list of tools has no end: its pages repeat, or are too many.")


# --- what is sent ---------------------------------------------------------------------------------


def write_request(id: int, method: str, params: bytes) -> bytes:
    """A JSON-RPC request; the bytes of `params` are its own."""
    return b'{"jsonrpc":"2.0","id":%d,"method":%s,"params":%s}' % (id, _json(method), params)


def write_notification(method: str) -> bytes:
    """A JSON-RPC notification."""
    return _json({"jsonrpc": "2.0", "method": method})


def write_call(tool: str, arguments: bytes, meta: Mapping[str, Any]) -> bytes:
    """The params of `tools/call`; the bytes of `arguments` are embedded as they are."""
    return b'{"name":%s,"arguments":%s,"_meta":%s}' % (_json(tool), arguments, _json(meta))


def write_initialize() -> bytes:
    """The params of `initialize`: no capabilities, for there is nobody to ask."""
    return _json({"protocolVersion": WITH_SESSIONS[0], "capabilities": {}, "clientInfo": CLIENT})


def write_discover() -> bytes:
    """The params of `server/discover`."""
    return _json({"_meta": write_envelope()})


def write_list(cursor: str | None, *, stateless: bool = True) -> bytes:
    """The params of `tools/list`: its first page, or that of a cursor."""
    meta: dict[str, Any] = {"_meta": write_envelope()} if stateless else {}
    return _json(meta | ({} if cursor is None else {"cursor": cursor}))


def write_envelope() -> dict[str, Any]:
    """What the `_meta` of every request holds where there are no sessions."""
    prefix = "io.modelcontextprotocol"
    return {
        f"{prefix}/protocolVersion": STATELESS,
        f"{prefix}/clientInfo": CLIENT,
        f"{prefix}/clientCapabilities": {},
    }


def answer_request(message: Mapping[str, Any]) -> bytes:
    """The answer to what a server asks in the middle of a call: a ping, or a refusal."""
    answer: dict[str, Any] = {"jsonrpc": "2.0", "id": message["id"]}
    if message["method"] == "ping":
        return _json(answer | {"result": {}})
    said = "Waybill hands in work: nobody is there to be asked, and no model."
    return _json(answer | {"error": {"code": METHOD_NOT_FOUND, "message": said}})


def write_headers(version: str = "", *, session: str = "") -> dict[str, str]:
    """The headers of every message."""
    headers = {"content-type": JSON, "accept": f"{JSON}, {EVENTS}"}
    if version:
        headers["mcp-protocol-version"] = version
    if session:
        headers["mcp-session-id"] = session
    return headers


def write_routing(method: str, name: str = "") -> dict[str, str]:
    """The headers that say what a request is about, where there are no sessions."""
    return {"mcp-method": method} | ({"mcp-name": encode_header(name)} if name else {})


def encode_header(name: str) -> str:
    """A text as a header can carry it: as it is, else in base64 between marks."""
    plain = name.isascii() and name.isprintable() and name == name.strip()
    if plain and not _ENCODED_NAME.fullmatch(name):
        return name
    return f"=?base64?{base64.b64encode(name.encode()).decode()}?="


def _json(value: Any) -> bytes:
    return orjson.dumps(value)


# --- what is read ---------------------------------------------------------------------------------


def read_message(data: bytes) -> dict[str, Any] | None:
    """A JSON-RPC message; None where it is none."""
    try:
        message = orjson.loads(data)
    except orjson.JSONDecodeError:
        message = _read_leniently(data)
    return message if isinstance(message, dict) and message.get("jsonrpc") == "2.0" else None


def _read_leniently(data: bytes) -> Any:
    """JSON with halves of surrogate pairs, as JavaScript may cut a text; they become `?`."""
    if data.lstrip().startswith(b"{") and strictjson.depth(data) > MAX_DEPTH:
        raise TooDeepError
    try:
        text = json.dumps(json.loads(data), ensure_ascii=False)
        return orjson.loads(text.encode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def read_exactly(data: bytes) -> Any:
    """What `read_message` has taken, with halves of surrogate pairs as they came."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        return json.loads(data)


def is_answer(message: Mapping[str, Any], id: int) -> bool:
    """Whether it answers our request of this id; a server that could not read it names none."""
    if not ("result" in message or isinstance(message.get("error"), dict)):
        return False
    answered = message.get("id")
    return answered == id or (answered is None and "error" in message)


def is_request(message: Mapping[str, Any]) -> bool:
    """Whether the server asks something and waits for the answer."""
    return isinstance(message.get("method"), str) and isinstance(message.get("id"), int | str)


def read_versions(message: Mapping[str, Any] | None) -> list[str]:
    """The versions that the answer to `server/discover` names."""
    result = (message or {}).get("result")
    versions = result.get("supportedVersions") if isinstance(result, dict) else None
    listed = versions if isinstance(versions, list) else []
    return [version for version in listed if isinstance(version, str)]


class EventStream:
    """Server-sent events as their bytes come in (the HTML standard, section 9.2.6)."""

    def __init__(self) -> None:
        # Of the line that has not ended yet. Only what is new is searched for its end.
        self._rest = bytearray()
        self._after_cr = False
        self._data: list[bytes] = []
        # The bytes of the lines in `_data`, and of all that came.
        self._size = 0
        self._total = 0

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data of the events that are complete now."""
        self._total += len(chunk)
        if self._total > MAX_STREAM:
            raise TooLargeError(MAX_STREAM)
        complete = []
        for line in self._split(chunk):
            if not line:
                if self._data:
                    complete.append(b"\n".join(self._data))
                self._data, self._size = [], 0
                continue
            name, _, value = line.partition(b":")
            if name == b"data":
                self._data.append(value.removeprefix(b" "))
                self._size += len(line) + 1
            _check_size(self._size)
        _check_size(self._size + len(self._rest))
        return complete

    def _split(self, chunk: bytes) -> list[bytes]:
        """The lines that are complete with it."""
        if not chunk:
            return []
        # The rest of a `\r\n` that came in two pieces ends no line of its own.
        text = chunk.removeprefix(b"\n") if self._after_cr else chunk
        self._after_cr = chunk.endswith(b"\r")
        *lines, rest = _LINE_END.split(text)
        if lines:
            lines[0] = bytes(self._rest) + lines[0]
            self._rest.clear()
        self._rest += rest
        return lines


def _check_size(size: int) -> None:
    if size > MAX_MESSAGE:
        raise TooLargeError


# --- what it means --------------------------------------------------------------------------------


def judge_message(message: Mapping[str, Any], conceal: Callable[[str], str] = str) -> Outcome:
    """What the answer to a `tools/call` means for the action; what it quotes is concealed first.

    | answer | class |
    | --- | --- |
    | a result | ack; the result is kept |
    | a result with `isError` | nack: retried by the schedule; its text is the message |
    | a result that asks for more input | permanent: nobody is there to give it |
    | -32700, -32600, -32601, -32602, -32020, -32021, -32022, -32042 | permanent |
    | -32603, and every other error | unavailable: retried, and the lane backs off |
    """
    error = message.get("error")
    if isinstance(error, dict):
        return judge_error(error, conceal)
    result = message["result"]
    if not isinstance(result, dict):
        return Outcome(Verdict.REFUSED, "The result is not an object: no MCP server says that.")
    if result.get("resultType", "complete") != "complete":
        return Outcome(
            Verdict.PERMANENT,
            "The tool wants to be given more input first, and there is nobody to ask.",
        )
    if result.get("isError") is True:
        said = conceal(_read_text(result)) or "The tool failed, and does not say why."
        return Outcome(Verdict.NACK, said)
    return Outcome(Verdict.ACK, result=keep_result(result, conceal))


def judge_error(error: Mapping[str, Any], conceal: Callable[[str], str] = str) -> Outcome:
    """What an error of the protocol means, by the table of `judge_message`."""
    code, said = error.get("code"), error.get("message")
    is_final = isinstance(code, int) and code in PERMANENT
    verdict = Verdict.PERMANENT if is_final else Verdict.UNAVAILABLE
    return Outcome(verdict, conceal(f"MCP error {write_scalar(code)}: {write_scalar(said)}"))


def write_scalar(value: Any) -> str:
    """What a server says where a word or a number belongs; whatever else stands there is none."""
    return str(value) if isinstance(value, str | int) else "?"


def keep_result(result: Mapping[str, Any], conceal: Callable[[str], str] = str) -> str:
    """The result as JSON text that PostgreSQL holds; too long or too deep a one only its start.

    Only what is cut is concealed, before that: the whole one has to stay JSON.
    """
    try:
        encoded = _json(result)
    except orjson.JSONEncodeError:
        # Nested too deep to be written again.
        return '{"cut":true,"bytes":null,"start":""}'
    text = _NUL.sub(r"\1\\ufffd", encoded.decode())
    if len(encoded) <= KEPT_RESULT and strictjson.depth(encoded) <= MAX_DEPTH:
        return text
    start = conceal(text)[:KEPT_START]
    return _json({"cut": True, "bytes": len(encoded), "start": start}).decode()


def _read_text(result: Mapping[str, Any]) -> str:
    """What the blocks of text say."""
    content = result.get("content")
    blocks = content if isinstance(content, list) else []
    texts = [block.get("text") for block in blocks if isinstance(block, dict)]
    return "\n".join(text for text in texts if isinstance(text, str)).strip()
