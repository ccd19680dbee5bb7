"""The contract of an operation: its parameters and its body as one object.

Parameters are properties by their names. Where the body is an object, and to have the parameters
beside its own properties changes nothing of what it means, its properties stand beside them;
else it is one property, `body`.
"""

from __future__ import annotations

from typing import Any

from bundles.openapi import shapes
from bundles.openapi.bodies import Body, find_body
from bundles.openapi.faults import Path, UnconvertibleError
from bundles.openapi.operations import Operation
from bundles.openapi.parameters import Parameter, Parameters
from bundles.openapi.schemas import Schemas

# What the property of a body is called, where a parameter is called so, too.
_BODY_NAMES = ("body", "request_body")
# What belongs beside `properties`, and holds whether there is a body or none.
_ALWAYS = frozenset(
    ["type", "properties", "additionalProperties", "unevaluatedProperties", "title", "description"]
)
# What a body says of itself is no longer true of it and the parameters.
_OF_BODY_ONLY = frozenset(["default", "deprecated", "examples", "readOnly", "writeOnly"])
_NONE: tuple[str, list[str]] = ("required", [])
Schema = dict[str, Any]


class Contracts:
    """The contracts of a document's operations, written with the same schemas."""

    def __init__(self, schemas: Schemas) -> None:
        self._schemas = schemas
        self._parameters = Parameters(schemas)

    def write(self, operation: Operation) -> Schema:
        """The contract of an operation; `UnconvertibleError` where it can have none."""
        parameters = self._parameters.of(operation)
        body = find_body(operation, self._schemas.specification)
        contract = _of_parameters(parameters, operation)
        references = [path for one in parameters for path in one.references]
        if body is not None:
            contract, found = self._add(contract, body, operation)
            references += found
        if references:
            contract["$defs"] = self._schemas.bundle(references, operation.path)
        return contract

    def _add(
        self, contract: Schema, body: Body, operation: Operation
    ) -> tuple[Schema, tuple[Path, ...]]:
        """The contract with the body in it, and the paths of what that refers to."""
        fragment = self._schemas.translate(body.schema, body.path)
        schema = shapes.unfold(fragment.schema, self._schemas.look_up)
        names = contract["properties"]
        shape = shapes.Shape(self._schemas.look_up)
        if shape.is_object(schema) and (not names or shape.leaves_alone(schema, names)):
            # Of a component that was unfolded, what it refers to is needed, not itself.
            return _beside(contract, schema, required=body.required), self._found_in(schema)
        return _inside(contract, fragment.schema, body, operation), fragment.references

    def _found_in(self, schema: Schema) -> tuple[Path, ...]:
        return tuple(self._schemas.path_of(reference) for reference in shapes.references(schema))


def _of_parameters(parameters: list[Parameter], operation: Operation) -> Schema:
    properties: Schema = {}
    required = []
    for one in parameters:
        name, schema = one.name, one.schema
        if name in properties:
            name = f"{one.place}_{name}"
            schema = schema | {"$comment": f"in {one.place}, where it is {one.name}"}
        if name in properties:
            raise UnconvertibleError(f"Two of its parameters would be {name!r}.", operation.path)
        properties[name] = schema
        if one.required:
            required.append(name)
    contract: Schema = {"type": "object", "properties": properties}
    return contract | {"required": required} if required else contract


def _beside(contract: Schema, schema: Schema, *, required: bool) -> Schema:
    """The properties of a body beside those of the parameters, and all it demands of them."""
    names = list(contract["properties"])
    merged = {"type": "object"}
    merged |= {key: value for key, value in schema.items() if key in _ALWAYS and key != "type"}
    merged["properties"] = contract["properties"] | schema.get("properties", {})
    demanded = {
        key: value
        for key, value in schema.items()
        if key not in _ALWAYS and key not in _OF_BODY_ONLY and (key, value) != _NONE
    }
    if demanded and not required:
        nothing = {"propertyNames": {"enum": names}} if names else {"maxProperties": 0}
        demanded = {"anyOf": [demanded, nothing]}
    needed = [*contract.get("required", []), *demanded.pop("required", [])]
    return merged | ({"required": needed} if needed else {}) | demanded


def _inside(contract: Schema, schema: Any, body: Body, operation: Operation) -> Schema:
    """The body as one property."""
    name = next((name for name in _BODY_NAMES if name not in contract["properties"]), None)
    if name is None:
        said = f"Its parameters are called {' and '.join(_BODY_NAMES)}: none is left for its body."
        raise UnconvertibleError(said, operation.path)
    properties = contract["properties"] | {name: schema}
    needed = [*contract.get("required", []), *([name] if body.required else [])]
    return contract | {"properties": properties} | ({"required": needed} if needed else {})
