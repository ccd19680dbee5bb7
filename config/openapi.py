"""The OpenAPI 3.1 document: plain JSON Schema in, named components and one root security out.

A schema with a `title` becomes the component of that name; everything else stays inline.
"""

from __future__ import annotations

import copy
import re
from typing import Any, Protocol, cast

from drf_spectacular.openapi import AutoSchema

from config import validation

ROW_ID: dict[str, Any] = {"type": "string", "pattern": "^[0-9]+$"}
TIMESTAMP: dict[str, Any] = {"type": "string", "format": "date-time"}
ERRORS: dict[str, Any] = {
    "title": "Errors",
    "type": "object",
    "required": ["data", "errors"],
    "properties": {
        "data": {"type": "null"},
        "errors": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["code", "message"],
                "properties": {
                    "code": {"type": "string"},
                    "message": {"type": "string"},
                    "pointer": {
                        "type": "string",
                        "description": "RFC 6901 JSON Pointer to the fault, where there is one.",
                    },
                    "finding": {
                        "type": "object",
                        "description": "What shows the fault, where a sentence is not enough: of "
                        "contracts that are not compatible the rule, the pointers into both, and "
                        "a payload that one takes and the other refuses.",
                    },
                },
            },
        },
    },
}
REASONS = {
    400: "Not JSON, or with what cannot be kept (NUL, lone surrogates, integers beyond 64 bits, "
    "more than 64 levels), or not of the shape this call takes",
    401: "No valid key",
    403: "The key lacks the permission, or gives one that it has not",
    404: "Not there, or another organization's",
    409: "At odds with what is stored",
    411: "A body without Content-Length",
    413: "The body is too large",
    415: "The body is not application/json",
    422: "Well-formed, but against a rule",
    429: "Too much; `Retry-After` says when to try again",
    500: "Our fault",
    503: "The database is out of reach, or was too slow",
}


TAGS = {
    "actions": "Kinds of work, and each piece of it.",
    "api_keys": "What callers authenticate with.",
    "audit": "Who changed what.",
    "billing": "What an organization uses.",
    "config": "All of it as one document: planned, then applied.",
    "credentials": "What Waybill shows to destinations.",
    "destinations": "Where work goes.",
    "gateway": "The same registry with the face of the published gateway API.",
    "ingress": "Handing work in, and reporting how it ended.",
    "invites": "Asking people in.",
    "members": "Who is in an organization.",
    "orgs": "Organizations.",
    "sdk": "Pulling work from workers of one's own.",
    "settings": "How an organization is kept.",
    "signing_keys": "What deliveries to webhooks are signed with.",
    "tools": "What agents may call.",
    "users": "Who is asking.",
}


# What is said of an operation that does not need a permission, but a key.
NEEDS = {"any": " Needs a key, but no permission."}
# What in a path is no id.
WORDS = ("variant", "namespace", "identifier")
SLUG: dict[str, Any] = {"type": "string", "pattern": "^[a-z0-9_]+$"}


def nullable(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema, or null."""
    return {"anyOf": [schema, {"type": "null"}]}


def envelope(data: dict[str, Any]) -> dict[str, Any]:
    """The `{data, errors}` envelope around the schema of one answer."""
    error = copy.deepcopy(ERRORS["properties"]["errors"]["items"])
    del error["properties"]["pointer"], error["properties"]["finding"]
    return {
        "type": "object",
        "required": ["data", "errors"],
        "properties": {
            "data": nullable(data),
            "errors": nullable({"type": "array", "items": error}),
        },
    }


def page_of(item: dict[str, Any]) -> dict[str, Any]:
    """The schema of one page of a list."""
    return {
        "type": "object",
        "required": ["items", "count"],
        "properties": {
            "items": {"type": "array", "items": item},
            "count": {"type": "integer", "minimum": 0},
            "count_exact": {
                "type": "boolean",
                "description": "false when there are more than the 10,000 that `count` says.",
            },
        },
    }


class Documented(Protocol):
    """What a view says of its operations."""

    tag: str
    # Where it differs from the document's own; `[]` for a public view.
    security: list[dict[str, list[str]]] | None

    def required_permission(self, method: str, path: str) -> str | None:
        """What a caller of the operation has to have; None where it is open to everybody."""


class OperationSchema(AutoSchema):
    """Names operations as the published API does and takes raw JSON Schema for bodies."""

    def get_operation_id(self) -> str:
        """`put_v1_orgs_by_org_id_actions_definitions` for that method and path."""
        path = re.sub(r"\{(\w+)\}", r"by_\1", self.path).strip("/")
        return f"{self.method.lower()}_" + re.sub(r"\W+", "_", path)

    def get_tags(self) -> list[str]:
        """The one tag that the view names."""
        return [cast("Documented", self.view).tag]

    def get_auth(self) -> list[dict[str, Any]]:
        """The view's own security, `[]` for a public one; the usual one stands at the root."""
        return []

    def get_operation(self, *args: Any, **kwargs: Any) -> dict[str, Any] | None:
        """The operation with what it needs, and `security` only where it is not the document's."""
        operation: dict[str, Any] | None = super().get_operation(*args, **kwargs)
        view = cast("Documented", self.view)
        if operation is not None and view.security is not None:
            operation["security"] = view.security
        needed = view.required_permission(self.method, self.path)
        if operation is not None and needed is not None:
            operation["x-required-permission"] = needed
            operation["description"] += NEEDS.get(needed, f" Needs the permission `{needed}`.")
        return operation

    def _get_request_body(self, direction: Any = "request") -> dict[str, Any] | None:
        body: dict[str, Any] | None = super()._get_request_body(direction)  # type: ignore[no-untyped-call]
        return body and {**body, "required": not _may_be_left_out(body)}

    def _resolve_path_parameters(self, variables: list[str]) -> list[dict[str, Any]]:
        return [
            {
                "in": "path",
                "name": name,
                "required": True,
                "schema": _schema_of(name),
            }
            for name in variables
        ]


def _schema_of(name: str) -> dict[str, Any]:
    """The schema of a parameter in a path."""
    if name == "name":
        return SLUG
    return {"type": "string", "minLength": 1} if name in WORDS else ROW_ID


def _may_be_left_out(body: dict[str, Any]) -> bool:
    """Whether `{}` fits: no body at all is read as that."""
    schema = body["content"]["application/json"]["schema"]
    return bool(validation.compile_schema(schema).is_valid({}))


def finish_document(
    result: dict[str, Any],
    generator: Any,
    request: Any,
    public: bool,  # noqa: FBT001 -- the hook's signature
) -> dict[str, Any]:
    """A drf-spectacular postprocessing hook: components by title, security at the root."""
    components: dict[str, Any] = {}
    result["paths"] = _hoist(copy.deepcopy(result["paths"]), components)
    result["security"] = [{"apiKey": []}]
    result["tags"] = [{"name": name, "description": text} for name, text in TAGS.items()]
    result["servers"] = [{"url": "/", "description": "This Waybill"}]
    result["components"] = {
        "schemas": dict(sorted(components.items())),
        "securitySchemes": {
            "apiKey": {"type": "apiKey", "name": "x-arklow-auth", "in": "header"},
            "authorization": {"type": "http", "scheme": "bearer"},
        },
    }
    return result


def _hoist(node: Any, components: dict[str, Any]) -> Any:
    """The node with every titled schema replaced by a reference to its component."""
    if isinstance(node, list):
        return [_hoist(item, components) for item in node]
    if not isinstance(node, dict):
        return node
    node = {key: _hoist(value, components) for key, value in node.items()}
    title = node.get("title")
    if not isinstance(title, str):
        return node
    if components.setdefault(title, node) != node:
        raise ValueError(f"Two different schemas are titled {title!r}.")
    return {"$ref": f"#/components/schemas/{title}"}
