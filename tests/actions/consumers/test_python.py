"""Python types: what comes out is types and nothing else, whatever a contract says."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actions import samples
from actions.consumers import python
from actions.consumers.checking import is_only_types
from actions.consumers.generator import write_types
from actions.contracts import InvalidSchemaError, admit, dialect_of
from config.errors import BusyError
from tests.actions.consumers.hostile import PLANTED, STRUCTURES
from tests.actions.test_random_schemas import MEANT, VALUES
from tests.end_to_end import github

# Reads modules and payloads of them, and tells which do not fit, and what else has happened.
CHILD = """
import builtins, importlib, json, os, sys
from typing_extensions import TypedDict
import typing
# On Python 3.11 pydantic wants this one, which is the same.
typing.TypedDict = TypedDict
from pydantic import TypeAdapter
before = set(os.environ) | set(dir(builtins))
sys.path.insert(0, os.getcwd())
found = []
for name, payloads in json.load(sys.stdin).items():
    try:
        adapter = TypeAdapter(importlib.import_module(name).ThePayload)
        for payload in payloads:
            adapter.validate_python(payload)
    except Exception as error:
        found.append(f"{name}: {error!r:.500}")
found += sorted((set(os.environ) | set(dir(builtins))) - before)
print(json.dumps(found))
"""
FINE = "from __future__ import annotations\nfrom typing import Any, TypedDict, TypeAlias, Literal\n"
ATTACKS = (
    "import os",
    "import typing",
    "from os import system",
    "from typing import get_type_hints",
    "from typing import Any as str",
    "from .typing import Any",
    "print(1)",
    "'text'",
    "x = 1",
    "x = print(1)",
    "x = TypedDict('x', {'a': print(1)})",
    "x = TypedDict('x', {print(1): str})",
    "x = TypedDict('x', {'a': str}, total=print(1))",
    "x = TypedDict('x', {**y})",
    "x = TypedDict(*y)",
    "x = y = TypedDict('x', {'a': str})",
    "x.y = TypedDict('x', {'a': str})",
    "x: TypeAlias = print(1)",
    "x: TypeAlias = __import__('os').system",
    "x: TypeAlias = list['print(1)']",
    "x: TypeAlias = list[lambda: 1]",
    "x: TypeAlias = Literal[print(1)]",
    "x: TypeAlias = Literal[1.5]",
    "x: TypeAlias = (Any := print)",
    "x: TypeAlias = Any[0]()",
    "x: TypeAlias = __builtins__",
    "x: TypeAlias",
    "x: int = 1",
    "@print\nclass X(TypedDict):\n    a: str",
    "class X(object):\n    a: str",
    "class X(TypedDict, metaclass=print):\n    a: str",
    "class X(TypedDict):\n    a: str = print(1)",
    "class X(TypedDict):\n    a: print",
    "class X(TypedDict):\n    def a(self): ...",
    "class X(TypedDict):\n    print(1)",
    "def f(): ...",
    "del Any",
    "if True:\n    x: TypeAlias = Any",
    "async def f(): ...",
    "try:\n    pass\nfinally:\n    pass",
)


def read_types(modules, folder):
    """Import modules in a process of its own, judge payloads by their types, and tell what failed.

    `modules` are texts and payloads, by name.
    """
    for name, (text, _) in modules.items():
        (folder / f"{name}.py").write_text(text)
    asked = json.dumps({name: payloads for name, (_, payloads) in modules.items()})
    done = subprocess.run(
        [sys.executable, "-c", CHILD],
        cwd=folder,
        input=asked,
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"]},
    )
    return json.loads(done.stdout)


def with_samples(schema, payloads):
    """The payloads, and some that are made from the contract."""
    return [*payloads, *samples.generate(schema, dialect=dialect_of(schema), limit=4)]


def test_whatever_a_contract_says_its_types_are_only_types_and_take_its_payloads(tmp_path):
    modules = {
        f"hostile{number}": (write_types(schema, "the payload"), with_samples(schema, payloads))
        for number, (schema, payloads) in enumerate(STRUCTURES.values())
    }

    assert all(is_only_types(text) for text, _ in modules.values())
    assert all(char.isprintable() or char == "\n" for text, _ in modules.values() for char in text)
    # What is escaped means the same: their literals take the payloads that hold it.
    assert read_types(modules, tmp_path) == []
    assert not list(tmp_path.glob(f"{PLANTED}*"))


def test_types_of_contracts_that_nobody_would_write_take_their_payloads(tmp_path):
    modules = {}

    @settings(max_examples=40)
    @given(MEANT, st.lists(VALUES, min_size=3, max_size=8))
    def gather(schema, payloads):
        try:
            validator = admit(schema)
        except InvalidSchemaError:
            return
        valid = list(filter(validator.is_valid, payloads))
        modules[f"random{len(modules)}"] = write_types(schema, "the payload"), valid

    gather()

    assert len(modules) > 20
    assert all(is_only_types(text) for text, _ in modules.values())
    assert read_types(modules, tmp_path) == []


def test_types_of_githubs_webhooks_take_the_payloads_that_github_publishes(tmp_path):
    modules = {
        event: (
            write_types(schema, "the payload"),
            with_samples(
                schema,
                [one.payload for one in github.read_examples_of(event) if one.faults == []],
            ),
        )
        for event, schema in list(github.read_schemas().items())[::7]
    }

    assert all(is_only_types(text) for text, _ in modules.values())
    assert sum(len(payloads) for _, payloads in modules.values()) > 20
    assert read_types(modules, tmp_path) == []


def test_what_types_can_refuse_they_do(tmp_path):
    schema = {
        "type": "object",
        "required": ["a", "class"],
        "properties": {"a": {"type": "string"}, "class": {"enum": ["x", 1]}, "_b": {"const": None}},
    }
    text = write_types(schema, "the payload")
    wrong = [{"a": "x"}, {"a": 1, "class": "x"}, {"a": "x", "class": 2}, [], None]
    wrong.append({"a": "x", "class": "x", "_b": 1})
    modules = {f"wrong{number}": (text, [payload]) for number, payload in enumerate(wrong)}

    found = read_types(modules | {"right": (text, [{"a": "x", "class": 1, "_b": None}])}, tmp_path)

    assert [line.partition(":")[0] for line in found] == list(modules)


@pytest.mark.parametrize("attack", ATTACKS)
def test_what_is_more_than_types_is_found(attack):
    assert is_only_types(FINE)
    assert not is_only_types(f"{FINE}{attack}\n")


def write(schema, heading=()):
    return python.write_python(orjson.dumps(schema), "ship", heading, 1)


def test_the_types_are_written_in_a_process_of_their_own():
    written = write(
        {"type": "object", "properties": {"a": {"type": "string"}}}, ["One.", "", "Two."]
    )

    assert written.startswith("# One.\n#\n# Two.\n\nfrom __future__ import annotations\n")
    assert "class Ship(TypedDict):\n    a: NotRequired[str]\n" in written


def test_a_contract_that_is_too_intricate_is_refused(monkeypatch):
    monkeypatch.setattr(python, "SECONDS", 1)
    alternatives = [{"type": "object", "required": [f"k{n}"]} for n in range(1_500)]

    with pytest.raises(python.UnwritableError):
        write({"anyOf": alternatives})


def test_when_it_takes_too_long_it_is_to_be_tried_again(monkeypatch):
    monkeypatch.setattr(python, "SECONDS_TO_WAIT", 0.01)

    with pytest.raises(BusyError) as raised:
        write({"const": "never written before"})
    assert raised.value.retry_after == 5


def test_so_many_are_written_at_once(monkeypatch):
    monkeypatch.setattr(python.seats, "count", 0)

    with pytest.raises(BusyError):
        write({})
