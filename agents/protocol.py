"""The Model Context Protocol as a server speaks it: a message in, and what may be answered.

Two generations are served. From 2026-07-28 on each request carries its version and says in its
headers what it is about; before that, `initialize` agrees on a version. Neither has a session
here: every request stands for itself.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from config import strictjson
from config.errors import BadRequestError

STATELESS = "2026-07-28"
# The first is what `initialize` comes to with a client that asks for none of them.
WITH_HANDSHAKE = ("2025-11-25", "2025-06-18", "2025-03-26")
VERSIONS = (STATELESS, *WITH_HANDSHAKE)
SERVER = {"name": "waybill", "title": "Waybill", "version": "0.1.0"}

PREFIX = "io.modelcontextprotocol/"
VERSION_KEY = f"{PREFIX}protocolVersion"
CAPABILITIES_KEY = f"{PREFIX}clientCapabilities"
SERVER_KEY = f"{PREFIX}serverInfo"
SUBSCRIPTION_KEY = f"{PREFIX}subscriptionId"

PARSE_ERROR = -32_700
INVALID_REQUEST = -32_600
METHOD_NOT_FOUND = -32_601
INVALID_PARAMS = -32_602
INTERNAL_ERROR = -32_603
HEADER_MISMATCH = -32_020
UNSUPPORTED_VERSION = -32_022
# What HTTP says of these where there is no handshake.
STATUSES = {
    PARSE_ERROR: 400,
    INVALID_REQUEST: 400,
    INVALID_PARAMS: 400,
    HEADER_MISMATCH: 400,
    UNSUPPORTED_VERSION: 400,
    METHOD_NOT_FOUND: 404,
}
# The parameter of a method that its headers repeat.
NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
_MARKS = "=?base64?", "?="

Id = str | int | None


class ProtocolError(Exception):
    """A message that is answered with a JSON-RPC error."""

    def __init__(
        self, code: int, message: str, *, data: Any = None, status: int | None = None, id: Id = None
    ) -> None:
        super().__init__(message)
        self.code, self.data, self.id = code, data, id
        self.status = STATUSES.get(code, 200) if status is None else status

    def as_dict(self) -> dict[str, Any]:
        """The error's own part of the answer."""
        error = {"code": self.code, "message": str(self)}
        return error if self.data is None else error | {"data": self.data}


@dataclass(frozen=True, slots=True)
class Message:
    """One request, or, without an id, a notification."""

    id: Id
    method: str
    params: dict[str, Any]
    is_notification: bool
    version: str | None

    @property
    def is_stateless(self) -> bool:
        """Whether it is of the generation that has no handshake."""
        return self.version not in (None, *WITH_HANDSHAKE) or VERSION_KEY in self.meta

    @property
    def meta(self) -> dict[str, Any]:
        """What goes with the params."""
        meta = self.params.get("_meta")
        return meta if isinstance(meta, dict) else {}

    def result(self, result: Mapping[str, Any]) -> dict[str, Any]:
        """A result as this message's client reads it."""
        if self.is_stateless:
            meta = {**result.get("_meta", {}), SERVER_KEY: SERVER}
            return {"resultType": "complete", **result, "_meta": meta}
        return dict(result)


def read_message(body: bytes, version: str | None) -> Message:
    """The one message of a body; `ProtocolError` where it is none, or several."""
    try:
        read = strictjson.parse(body)
    except BadRequestError as error:
        raise ProtocolError(PARSE_ERROR, str(error)) from error
    if isinstance(read, list):
        raise ProtocolError(INVALID_REQUEST, "A body holds one message, not a batch of them.")
    if not isinstance(read, dict):
        raise ProtocolError(INVALID_REQUEST, "A message of JSON-RPC is an object.")
    own_id = read.get("id")
    is_notification = "id" not in read
    if not is_notification and (isinstance(own_id, bool) or not isinstance(own_id, str | int)):
        raise ProtocolError(INVALID_REQUEST, "An id is a string or an integer.")
    method, params = read.get("method"), read.get("params", {})
    if read.get("jsonrpc") != "2.0" or not isinstance(method, str):
        text = 'A message has `jsonrpc`: "2.0", and the name of a `method`.'
        raise ProtocolError(INVALID_REQUEST, text, id=own_id)
    if not isinstance(params, dict):
        raise ProtocolError(INVALID_REQUEST, "`params` are an object.", id=own_id)
    return Message(own_id, method, params, is_notification, version)


def check_envelope(message: Message, headers: Mapping[str, str]) -> None:
    """Refuse a request without a handshake whose `_meta` or headers are not as they have to be."""
    meta = message.meta
    missing = [key for key in (VERSION_KEY, CAPABILITIES_KEY) if key not in meta]
    if missing:
        raise ProtocolError(INVALID_PARAMS, f"`params._meta` lacks {' and '.join(missing)}.")
    version = meta[VERSION_KEY]
    _compare(headers, "MCP-Protocol-Version", version)
    _compare(headers, "Mcp-Method", message.method)
    named = message.params.get(NAMED.get(message.method, ""))
    if named is not None:
        _compare(headers, "Mcp-Name", named)
    if version != STATELESS:
        said = {"supported": list(VERSIONS), "requested": version}
        raise ProtocolError(UNSUPPORTED_VERSION, "Unsupported protocol version", data=said)


def _compare(headers: Mapping[str, str], name: str, said: Any) -> None:
    sent = headers.get(name)
    if sent is None:
        raise ProtocolError(HEADER_MISMATCH, f"The header {name} is missing.")
    if decode_header(sent) != said:
        raise ProtocolError(HEADER_MISMATCH, f"The header {name} is at odds with the body.")


def decode_header(value: str) -> str | None:
    """The text that a header stands for; None where it is marked as base64 and is none."""
    value = value.strip(" \t")
    first, last = _MARKS
    if not (value.startswith(first) and value.endswith(last) and len(value) >= len(first + last)):
        return value
    try:
        return base64.b64decode(value[len(first) : -len(last)], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def agree(asked: Any) -> str:
    """The version that `initialize` comes to."""
    return asked if asked in WITH_HANDSHAKE else WITH_HANDSHAKE[0]


def write_result(message: Message, result: Mapping[str, Any]) -> bytes:
    """The answer to a request."""
    return orjson.dumps({"jsonrpc": "2.0", "id": message.id, "result": message.result(result)})


def write_error(error: ProtocolError, id: Id) -> bytes:
    """The refusal of a request; the id is null where it could not be read."""
    return orjson.dumps({"jsonrpc": "2.0", "id": id, "error": error.as_dict()})


def write_notification(method: str, params: Mapping[str, Any]) -> bytes:
    """What a server says unasked."""
    return orjson.dumps({"jsonrpc": "2.0", "method": method, "params": params})


def write_event(data: bytes) -> bytes:
    """A message as an event of a stream."""
    return b"event: message\ndata: " + data + b"\n\n"
