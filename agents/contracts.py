"""A contract as the `inputSchema` of a tool, or why it cannot be one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

# More of a schema than a model should be made to read with every conversation.
MAX_SCHEMA = 65_536
HEADER = "x-mcp-header"


@dataclass(frozen=True, slots=True)
class InputSchema:
    """What is shown to a client: `schema`, unless there is a `problem` with it."""

    schema: dict[str, Any] | None
    problem: str = ""


def show_contract(contract: bytes) -> InputSchema:
    """The contract with `type: object` at its top, which MCP asks for.

    A tool's arguments are an object: a contract that says nothing of its type, or allows others
    as well, means just that here. One that takes no object can never be called.
    """
    if len(contract) > MAX_SCHEMA:
        return InputSchema(None, f"The contract is larger than {MAX_SCHEMA:,} bytes.")
    schema = orjson.loads(contract)
    if schema is True:
        return InputSchema({"type": "object"})
    if not _takes_objects(schema):
        return InputSchema(None, "The contract takes no object, which arguments of tools are.")
    if _asks_for_headers(schema):
        return InputSchema(None, f"The contract has {HEADER!r}, which Waybill does not serve.")
    return InputSchema({**schema, "type": "object"})


def _takes_objects(schema: Any) -> bool:
    if not isinstance(schema, dict):
        return False
    types = schema.get("type", "object")
    return "object" in ([types] if isinstance(types, str) else types)


def _asks_for_headers(node: Any) -> bool:
    """Whether a client would send arguments in headers as well, which then had to be compared."""
    if isinstance(node, list):
        return any(map(_asks_for_headers, node))
    if not isinstance(node, dict):
        return False
    return isinstance(node.get(HEADER), str) or any(map(_asks_for_headers, node.values()))
