"""What a server says of its tools, as definitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson

from actions import contracts, names
from bundles.documents import LeftOut
from config import strictjson
from config.errors import BadRequestError, RuleError, pointer

MAX_LABEL = 255
MAX_DESCRIPTION = 10_000
MAX_TOOL = 255
HALF = "It holds half of a surrogate pair, which is no character."
NO_SCHEMA = "Its inputSchema is no JSON Schema of objects."


class _SkippedError(ValueError):
    """A tool cannot be a definition; the message says why."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """The server, and how what is made of it is called. `label`: else its host."""

    endpoint: str
    label: str | None = None
    # The label of a credential; None leaves the destination's as it is.
    credential: str | None = None
    prefix: str = ""

    def find_label(self, tool: str | None = None) -> str:
        """That of the destination; of one that says the tool, with its name."""
        label = (self.label or urlsplit(self.endpoint).netloc)[:MAX_LABEL]
        if not tool:
            return label
        return f"{label[: MAX_LABEL - len(tool) - 2]}: {tool}"[-MAX_LABEL:]


@dataclass(slots=True)
class Converted:
    """The bundle, and the tools that are not in it."""

    document: dict[str, Any]
    left_out: list[LeftOut] = field(default_factory=list)


def convert(tools: Sequence[Any], wanted: Wanted) -> Converted:
    """The tools as a bundle: a definition each, its variant the tool's name after the prefix.

    All go to one destination; where the variant is not the tool's name, to one that says the tool.
    """
    actions: dict[str, dict[str, Any]] = {}
    targets: dict[str, dict[str, Any]] = {}
    left_out = []
    for index, tool in enumerate(tools):
        try:
            name, schema = _read(tool)
            variant = _name(name, wanted, actions)
        except _SkippedError as error:
            left_out.append(LeftOut(_what(tool), str(error), pointer([index])))
            continue
        target = _write_target(name, variant, wanted)
        targets.setdefault(target["label"], target)
        described = _describe(tool)
        actions[variant] = {
            "variant": variant,
            **({"description": described} if described else {}),
            "schema": schema,
            "destinations": [target["label"]],
            "default": target["label"],
        }
    resources = {"destinations": list(targets.values())}
    return Converted({"actions": list(actions.values()), "resources": resources}, left_out)


def _read(tool: Any) -> tuple[str, Any]:
    """The name and the contract of a tool."""
    name = tool.get("name") if isinstance(tool, dict) else None
    if not isinstance(name, str) or not 1 <= len(name) <= MAX_TOOL:
        raise _SkippedError(f"It has no name of 1 to {MAX_TOOL} characters.")
    schema = tool.get("inputSchema")
    if not isinstance(schema, dict):
        raise _SkippedError(NO_SCHEMA)
    try:
        schema = strictjson.parse(orjson.dumps(schema))
        contracts.admit(schema)
    except orjson.JSONEncodeError as error:
        why = HALF if "surrogate" in str(error) else "It is nested too deep."
        raise _SkippedError(f"{NO_SCHEMA} {why}") from error
    except (BadRequestError, RuleError) as error:
        fault = error.faults[0]
        at = f" (at {fault.pointer})" if fault.pointer else ""
        raise _SkippedError(f"{NO_SCHEMA} {fault.message}{at}") from error
    return name, schema


def _name(name: str, wanted: Wanted, taken: dict[str, dict[str, Any]]) -> str:
    """The variant of a tool."""
    variant = wanted.prefix + name.replace("/", ".")
    try:
        names.check_name(variant, pointer="/variant")
    except RuleError as error:
        raise _SkippedError(f"{variant!r}: {error}") from error
    if variant in taken:
        raise _SkippedError(f"Another tool is called {variant!r} already.")
    return variant


def _write_target(name: str, variant: str, wanted: Wanted) -> dict[str, Any]:
    tool = None if variant == name else name
    config = {"endpoint": wanted.endpoint} | ({"tool": tool} if tool else {})
    target = {"label": wanted.find_label(tool), "type": "mcp", "config": config}
    return target | ({"credential": wanted.credential} if wanted.credential else {})


def _describe(tool: dict[str, Any]) -> str:
    """What the server says of it, where that can be kept."""
    said = tool.get("description") or tool.get("title")
    if not isinstance(said, str):
        return ""
    return said[:MAX_DESCRIPTION].replace("\0", "").encode("utf-8", "replace").decode()


def _what(tool: Any) -> str:
    name = tool.get("name") if isinstance(tool, dict) else None
    return f"tool {name[:MAX_TOOL]!r}" if isinstance(name, str) else "a tool"
