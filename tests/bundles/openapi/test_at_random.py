"""Whatever a document describes, its contracts mean what it says.

Payloads are judged twice: by the contract, and taken apart again as docs/importing.md tells it,
each part by the document's own schema of it and a validator of another project.
"""

from __future__ import annotations

import random
from collections import Counter
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions import contracts
from bundles.openapi import convert
from config.errors import pointer
from tests.bundles.openapi.described import JSON, UNLINKED, Judge, describe, parameter, split
from tests.bundles.openapi.test_documents import GITHUB, STRIPE, imported, read

NAMES = st.sampled_from(["id", "name", "tag", "size"])
TYPES = st.sampled_from(["string", "integer", "boolean", "array", "object", "number"])
OTHERS = [None, True, 0, 1.5, "a", [], {}, {"id": 1}, ["a"]]
PAYLOADS = 5
FORMATTED = {"date-time": "2026-01-02T03:04:05Z", "date": "2026-01-02", "uri": "https://e.example"}


def make_schemas(version):
    """Schemas of that version, which refer to each other."""
    leaf = st.fixed_dictionaries({"type": TYPES}, optional={"description": st.just("a")})
    if version == "3.0.3":
        leaf = st.one_of(
            leaf,
            leaf.map(lambda schema: schema | {"nullable": True}),
            st.just({"type": "integer", "minimum": 0, "exclusiveMinimum": True}),
            st.just({"type": "string", "readOnly": True}),
        )
    else:
        leaf = st.one_of(leaf, st.just({"type": ["string", "null"]}), st.just({"const": "a"}))
    leaf = leaf | st.sampled_from(["A", "B"]).map(
        lambda name: {"$ref": "#/components/schemas/" + name}
    )

    def nest(inner):
        named = st.dictionaries(NAMES, inner, max_size=3)
        return st.one_of(
            st.fixed_dictionaries(
                {"type": st.just("object"), "properties": named},
                optional={
                    "required": st.lists(NAMES, unique=True, max_size=2),
                    "additionalProperties": st.booleans() | inner,
                },
            ),
            st.fixed_dictionaries({"type": st.just("array"), "items": inner}),
            st.fixed_dictionaries({"allOf": st.lists(inner, min_size=1, max_size=2)}),
            st.fixed_dictionaries({"anyOf": st.lists(inner, min_size=1, max_size=2)}),
        )

    return st.recursive(leaf, nest, max_leaves=6)


@st.composite
def documents(draw):
    """A document of one operation."""
    version = draw(st.sampled_from(["3.0.3", "3.1.0"]))
    schemas = make_schemas(version)
    places = draw(
        st.lists(st.tuples(NAMES, st.sampled_from(["query", "header"])), unique=True, max_size=2)
    )
    listed = [parameter(*one, draw(schemas), required=draw(st.booleans())) for one in places]
    operation = {"operationId": "do", "parameters": listed}
    if draw(st.integers(0, 4)):
        content = {JSON: {"schema": draw(schemas)}}
        operation["requestBody"] = {"required": draw(st.booleans()), "content": content}
    # The other judge does not follow a reference to see whether a property is read only.
    named = schemas.filter(lambda schema: "readOnly" not in schema)
    components = {"schemas": {"A": draw(named), "B": draw(named)}}
    return describe(version=version, paths={"/": {"post": operation}}, components=components)


class Apart:
    """Judges the payloads of an operation, taken apart."""

    def __init__(self, document, path, properties):
        self._judge = Judge(document)
        self._properties = properties
        item, operation = self._judge.locate(path[:-1])[0], self._judge.locate(path)[0]
        self._parameters = self._list(item, path[:-1]) | self._list(operation, path)
        self._body = None
        if "requestBody" in operation:
            self._body = self._judge.locate((*path, "requestBody"))

    def admits(self, payload):
        """Whether all parts are there that have to be, and each is what it has to be."""
        left, verdicts = dict(payload), []
        for one, at in self._parameters.values():
            name = self._find_name(one)
            if name in left:
                verdicts.append(self._judge.admits(at + "/schema", left.pop(name)))
            else:
                verdicts.append(not one.get("required", one["in"] == "path"))
        return all(verdicts) and (self._body is None or self._admits_body(left))

    def _list(self, value, path):
        indexes = range(len(value.get("parameters", [])))
        found = [self._judge.locate((*path, "parameters", index)) for index in indexes]
        return {(one["name"], one["in"]): (one, at) for one, at in found}

    def _admits_body(self, left):
        body, at = self._body
        at += pointer(["content", next(iter(body["content"])), "schema"])
        may_be_missing = not body.get("required", False)
        if "body" in self._properties:
            return self._judge.admits(at, left["body"]) if "body" in left else may_be_missing
        return (not left and may_be_missing) or self._judge.admits(at, left)

    def _find_name(self, one):
        said = self._properties.get(one["name"], {}).get("$comment")
        return one["name"] if said == f"in {one['in']}" else f"{one['in']}_{one['name']}"


class Maker:
    """Makes values that have a fair chance to be what a contract asks for."""

    def __init__(self, contract, chance):
        self._defs = contract.get("$defs", {})
        self._chance = chance

    def make(self, schema, depth=0):
        """A value for a schema of the contract."""
        if not isinstance(schema, dict) or depth > 12:
            return self._chance.choice(OTHERS)
        if "$ref" in schema:
            return self.make(follow(self._defs, schema["$ref"]), depth + 1)
        if "enum" in schema or "const" in schema:
            return self._chance.choice(schema.get("enum") or [schema.get("const")])
        branches = schema.get("anyOf") or schema.get("oneOf")
        if branches and "properties" not in schema:
            return self.make(self._chance.choice(branches), depth + 1)
        kind = schema.get("type", "object")
        return self._make_of(kind[0] if isinstance(kind, list) else kind, schema, depth)

    def _make_of(self, kind, schema, depth):
        if kind == "object":
            parts = [self.make(part, depth + 1) for part in schema.get("allOf", [])]
            wrong = [part for part in parts if not isinstance(part, dict)]
            return wrong[0] if wrong else self._make_object(schema, parts, depth)
        if kind == "array":
            item = self.make(schema.get("items"), depth + 1)
            return [item] * self._chance.choice([0, 1])
        text = FORMATTED.get(schema.get("format"), "a")
        return {"integer": 1, "number": 1.5, "boolean": True, "null": None}.get(kind, text)

    def _make_object(self, schema, parts, depth):
        made = {key: value for part in parts for key, value in part.items()}
        for name, inner in schema.get("properties", {}).items():
            if name in schema.get("required", []) or (depth < 4 and self._chance.random() < 0.4):
                made[name] = self.make(inner, depth + 1)
        return made


def follow(defs, reference):
    (name,) = split(unquote(reference.removeprefix("#/$defs")))
    return defs[name]


def change(payload, chance):
    """The payload with one thing about it changed."""
    changed = dict(payload)
    name = chance.choice([*changed, "id", "body"])
    if name in changed and chance.random() < 0.4:
        del changed[name]
    else:
        changed[name] = chance.choice(OTHERS)
    return changed


def count_verdicts(document, path, schema, chance, payloads):
    """How many payloads the contract admits, and how many it does not; both judges agree."""
    contract, apart = contracts.admit(schema), Apart(document, path, schema["properties"])
    verdicts, maker = Counter(), Maker(schema, chance)
    for number in range(payloads):
        made = maker.make(schema)
        payload = made if isinstance(made, dict) else {}
        payload = change(payload, chance) if number % 2 else payload
        verdict = contract.is_valid(payload)
        assert verdict == apart.admits(payload), (path, payload, schema)
        verdicts[verdict] += 1
    return verdicts


@settings(max_examples=100)
@given(documents(), st.integers(0, 2**32))
def test_a_contract_says_what_the_document_says(document, seed):
    converted = convert(document, UNLINKED)
    assert len(converted.document["actions"]) + len(converted.left_out) == 1
    assert convert(document, UNLINKED) == converted
    for action in converted.document["actions"]:
        chance = random.Random(seed)
        count_verdicts(document, ("paths", "/", "post"), action["schema"], chance, PAYLOADS)


@pytest.mark.parametrize("name", [GITHUB, STRIPE], ids=["github", "stripe"])
def test_so_do_those_of_documents_that_nobody_here_wrote(name):
    document, converted, chance = read(name), imported(name), random.Random(7)
    verdicts = Counter()
    found = zip(converted.document["actions"], converted.pointers, strict=True)
    # Comments have a property that is called `body`, like a body which is one property.
    plain = [one for one in found if "body" not in one[0]["schema"]["properties"]]
    for action, at in chance.sample(plain, 120):
        path = tuple(split(at))
        verdicts += count_verdicts(document, path, action["schema"], chance, 4)
    assert min(verdicts[True], verdicts[False]) > 60
