"""OpenAPI links: what an answer leads to, found from the paths and what the answers hold.

Whoever reads the document, a person or a program, sees by them that the `id` of a created
destination is what `GET .../destinations/{id}` takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Schema = dict[str, Any]
Operation = dict[str, Any]
GOOD = ("200", "201")
METHODS = frozenset({"get", "put", "post", "delete", "patch"})
# What settles an action names it, and the attempt that is settled, so.
SETTLED = frozenset({"action_record_id", "attempt"})


def link_document(
    result: dict[str, Any],
    generator: Any,
    request: Any,
    public: bool,  # noqa: FBT001 -- the hook's signature
) -> dict[str, Any]:
    """A drf-spectacular postprocessing hook: the document with links, while schemas are inline."""
    add_links(result["paths"])
    return result


def add_links(paths: dict[str, dict[str, Any]]) -> None:
    """Gives the answer of each operation its `links`, where there is something to follow it."""
    for path, method, operation in list(_operations(paths)):
        status = next((code for code in GOOD if code in operation["responses"]), "")
        answer = _answer(operation, status)
        if answer is None:
            continue
        found = dict(_links_below(path, method, *answer, paths))
        found |= dict(_links_beside(path, method, *answer, paths))
        found |= dict(_links_to_settle(*answer, paths))
        if found:
            operation["responses"][status]["links"] = dict(sorted(found.items()))


def _operations(paths: dict[str, dict[str, Any]]) -> Iterator[tuple[str, str, Operation]]:
    for path, item in paths.items():
        for method, operation in item.items():
            if method in METHODS:
                yield path, method, operation


def _answer(operation: Operation, status: str) -> tuple[str, Schema] | None:
    """Where in the body the answer stands, and its schema: enveloped, or under its one name."""
    content = operation["responses"].get(status, {}).get("content", {})
    schema = content.get("application/json", {}).get("schema")
    if schema is None:
        return None
    parts = schema.get("properties", {})
    if "data" in parts:
        return "#/data", parts["data"]
    named = [name for name, part in parts.items() if part.get("type") == "object"]
    if len(parts) == 1 and named:
        return f"#/{named[0]}", parts[named[0]]
    return "#", schema


def _links_below(
    path: str, method: str, at: str, answer: Schema, paths: dict[str, dict[str, Any]]
) -> Iterator[tuple[str, Schema]]:
    """To what is done with a row of a collection: from its creation, and from its list."""
    if method == "get":
        at, answer = f"{at}/items/0", _property(answer, "items").get("items", {})
    for below, _, operation in _operations(paths):
        parameter = re.match(re.escape(path) + r"/\{(\w+)\}(?:/|$)", below)
        if parameter is None or not (name := _name_of(answer, parameter[1])):
            continue
        parameters = {parameter[1]: f"$response.body{at}/{name}"}
        yield _link(operation, parameters=_same(path) | parameters)


def _links_beside(
    path: str, method: str, at: str, answer: Schema, paths: dict[str, dict[str, Any]]
) -> Iterator[tuple[str, Schema]]:
    """From a list to what adds to it."""
    if method == "get" and _property(answer, "items"):
        for name in paths[path].keys() & {"put", "post"}:
            yield _link(paths[path][name], parameters=_same(path))


def _same(path: str) -> Schema:
    """The parameters of a path, for a link that keeps them."""
    return {word: f"$request.path.{word}" for word in re.findall(r"\{(\w+)\}", path)}


def _name_of(answer: Schema, parameter: str) -> str:
    """The property of a row that a parameter of a path below asks for; empty where it has none.

    An organization is none that is led to: each has keys of its own.
    """
    if parameter == "org_id":
        return ""
    names = (parameter, "id") if parameter.endswith("id") else (parameter,)
    return next((name for name in names if _property(answer, name)), "")


def _links_to_settle(
    at: str, answer: Schema, paths: dict[str, dict[str, Any]]
) -> Iterator[tuple[str, Schema]]:
    """From an action, or the first of a list, to what settles it."""
    first = _property(answer, "items").get("items")
    row, at = (answer, at) if first is None else (first, f"{at}/items/0")
    if _property(row, "state"):
        action, attempt = f"{at}/id", f"{at}/state/attempt"
    elif all(_property(row, name) for name in SETTLED):
        action, attempt = f"{at}/action_record_id", f"{at}/attempt"
    else:
        return
    body = {"action_record_id": f"$response.body{action}", "attempt": f"$response.body{attempt}"}
    for _, _, operation in _operations(paths):
        if _takes(operation) >= SETTLED:
            yield _link(operation, requestBody=body)


def _takes(operation: Operation) -> frozenset[str]:
    """What a body must hold."""
    content = operation.get("requestBody", {}).get("content", {})
    return frozenset(content.get("application/json", {}).get("schema", {}).get("required", ()))


def _link(operation: Operation, **what: Any) -> tuple[str, Schema]:
    name = operation["operationId"]
    return name, {"operationId": name, "description": operation["summary"] + ".", **what}


def _property(schema: Schema, name: str) -> Schema:
    """The schema of a property, wherever a union or an intersection has it; empty if none has."""
    if name in schema.get("properties", {}):
        return schema["properties"][name] or {"description": ""}
    parts = [*schema.get("allOf", ()), *schema.get("anyOf", ())]
    return next((found for part in parts if (found := _property(part, name))), {})
