"""The SDK's README: its code is Python, names what there is, and says the options' defaults."""

from __future__ import annotations

import ast
import re
from dataclasses import fields

import waybill_sdk
from django.conf import settings
from waybill_sdk.handlers import Options

README = (settings.BASE_DIR / "sdk" / "python" / "README.md").read_text()


def test_what_it_imports_and_calls_is_there():
    blocks = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    nodes = [node for block in blocks for node in ast.walk(ast.parse(block))]

    imported = {
        name.name for node in nodes if isinstance(node, ast.ImportFrom) for name in node.names
    }
    assert imported <= set(waybill_sdk.__all__)
    called = {
        node.attr
        for node in nodes
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "client"
    }
    assert called
    assert all(hasattr(waybill_sdk.Client, name) for name in called)


def test_both_clients_and_both_workers_have_the_same_methods():
    def methods(kind):
        return {name for name in vars(kind) if not name.startswith("_")}

    assert methods(waybill_sdk.Client) == methods(waybill_sdk.AsyncClient)
    assert methods(waybill_sdk.Worker) == methods(waybill_sdk.AsyncWorker)


def test_the_options_of_a_worker_are_those_it_has():
    table = dict(re.findall(r"^\| `(\w+)` \| [^|]* \| ([^|]+) \|$", README, re.MULTILINE))

    options = {field.name: field.default for field in fields(Options) if field.name != "namespace"}
    assert table.keys() == options.keys()
    assert {name: float(table[name]) for name in options if name != "name"} == {
        name: float(default) for name, default in options.items() if name != "name"
    }
