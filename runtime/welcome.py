"""What `manage.py run` tells its operator."""

import json
import shlex
from typing import Any


def write_welcome(base_url: str) -> str:
    return (
        f"\nWaybill is running; Ctrl-C stops it.\n\n"
        f"  API       {base_url}/v1\n"
        f"  Docs      {base_url}/docs\n"
        f"  OpenAPI   {base_url}/openapi.json\n"
        f"  Admin     {base_url}/admin/\n"
    )


def write_first_steps(base_url: str, facts: dict[str, Any]) -> str:
    """Return the secrets of a new organization, and a request that works when pasted."""
    return (
        f"\nShown only this once:\n\n"
        f"  Admin login   {facts['admin']['email']}\n"
        f"  Password      {facts['admin']['password']}\n"
        f"  API key       {facts['api_key']}\n"
        f"  Signing key   {facts['signing_key']}\n"
        f"\nDefine your first action:\n\n{_write_curl(base_url, facts)}\n\n"
    )


def write_reminder() -> str:
    return (
        "\nLogin and API key were shown on the first run. For a fresh key:\n\n"
        "  .venv/bin/python manage.py bootstrap --org Demo\n\n"
    )


def _write_curl(base_url: str, facts: dict[str, Any]) -> str:
    definition = {
        "variant": "hello",
        "schema": {
            "type": "object",
            "properties": {"name": {"type": "string"}},
            "required": ["name"],
        },
    }
    return " \\\n    ".join(
        (
            f"  curl -X PUT {base_url}/v1/orgs/{facts['org_id']}/actions/definitions",
            f"-H 'x-arklow-auth: {facts['api_key']}'",
            "-H 'content-type: application/json'",
            f"-d {shlex.quote(json.dumps(definition))}",
        )
    )
