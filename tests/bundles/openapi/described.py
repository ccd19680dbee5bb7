"""Small OpenAPI documents for tests, and what is in them judged by the document itself.

The judge is the validator of another project: it reads the document's own schemas, and no contract.
"""

from __future__ import annotations

from urllib.parse import quote

from jsonschema import Draft202012Validator, FormatChecker
from openapi_schema_validator import OAS30Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from bundles.openapi import Options, convert
from bundles.openapi.servers import Wanted
from config.errors import pointer

UNLINKED = Options(wanted=Wanted(linked=False))
JSON = "application/json"


def describe(*, version="3.0.3", paths=None, **rest):
    """A document; one path without parameters, if no other is named."""
    return {"openapi": version, "info": {"title": "Pets", "version": "1"}, "paths": paths} | rest


def post(schema=None, *, parameters=(), required=True, media=JSON, **rest):
    """The paths of a document whose one operation is called `do`."""
    operation = {"operationId": "do", "parameters": list(parameters), "responses": {}} | rest
    if schema is not None:
        operation["requestBody"] = {"required": required, "content": {media: {"schema": schema}}}
    return {"/pets": {"post": operation}}


def parameter(name, place="query", schema=None, **rest):
    """A parameter, a text by default."""
    schema = {"type": "string"} if schema is None else schema
    return {"name": name, "in": place, "schema": schema} | rest


def contract_of(document):
    """The contract of the one operation of a document."""
    converted = convert(document, UNLINKED)
    assert not converted.left_out
    (action,) = converted.document["actions"]
    return action["schema"]


def reason_of(document):
    """Why its one operation is left out, and where that stands."""
    converted = convert(document, UNLINKED)
    assert not converted.document["actions"]
    (left_out,) = converted.left_out
    return left_out.reason, left_out.pointer


class Judge:
    """Judges values by the schemas of a document, where they stand."""

    def __init__(self, document):
        self._document = document
        self._old = document["openapi"].startswith("3.0")
        resource = Resource(contents=document, specification=DRAFT202012)
        self._registry = Registry().with_resource("urn:document", resource)

    def admits(self, pointer, value):
        """Whether the schema at that pointer admits the value."""
        kind = OAS30Validator if self._old else Draft202012Validator
        schema = {"$ref": "urn:document#" + quote(pointer, safe="/~")}
        judge = kind(schema, registry=self._registry, format_checker=FormatChecker())
        return judge.is_valid(value)

    def locate(self, path):
        """What stands at a path of the document, and its pointer, at the end of its references."""
        at = pointer(path)
        while True:
            value = self._document
            for part in split(at):
                value = value[int(part)] if isinstance(value, list) else value[part]
            if not isinstance(value, dict) or "$ref" not in value:
                return value, at
            at = value["$ref"].removeprefix("#")


def split(at):
    """The parts of a JSON Pointer."""
    return [part.replace("~1", "/").replace("~0", "~") for part in at.split("/")[1:]]
