"""`manage.py import_mcp`: the tools of a live MCP server as definitions."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Mapping
from typing import Any

from bundles import tools
from bundles.console import EXIT_CODES, ImportCommand, Imported
from bundles.tools import Wanted
from config.commands import UnableError
from destinations import keys
from destinations.keys import NO_KEYS, Keys
from destinations.kinds import mcp
from destinations.models import Credential, Destination
from orgs.console import find_org
from orgs.models import Organization

LESSON = f"""
The server is asked for its tools (MCP over streamable HTTP, 2024-11-05 to 2026-07-28), and each of
them becomes a definition:

  variant   the tool's name, after --prefix, with . for /
  contract  its inputSchema, and its description
  goes to   one mcp destination for the endpoint, which calls the tool of the variant's name; where
            the two differ, a destination of its own, whose config says the tool

What cannot be a definition is listed with the reason. Run again, it publishes a new version where a
tool has changed, and leaves everything else as it is; it deletes nothing. Without --credential, the
one is used that the destination has already.

examples:
  manage.py import_mcp https://tools.example.com/mcp --org acme --dry-run
  manage.py import_mcp https://tools.example.com/mcp --org acme --credential tools-token
  manage.py import_mcp https://tools.example.com/mcp --org acme --prefix shop. --label shop --json
{EXIT_CODES}"""


class Command(ImportCommand):
    """Imports the tools of an MCP server."""

    help = "Import the tools of an MCP server: plan, show, apply."
    lesson = LESSON

    def add_source(self, parser: ArgumentParser) -> None:
        """Which server, and how what comes of it is called."""
        parser.add_argument("endpoint", help="the URL of the server")
        parser.add_argument("--credential", metavar="LABEL", help="what to authenticate with")
        parser.add_argument("--label", help="of the destination; else the server's host")
        parser.add_argument("--prefix", default="", help="put before the name of each variant")

    def read_document(self, options: Mapping[str, Any]) -> Imported:
        """The tools as a bundle."""
        wanted = Wanted(
            options["endpoint"], options["label"], options["credential"], options["prefix"]
        )
        found = _find_keys(find_org(options["org"]), wanted)
        converted = tools.convert(tools.list_tools(wanted.endpoint, found), wanted)
        return Imported(converted.document, converted.left_out)


def _find_keys(org: Organization, wanted: Wanted) -> Keys:
    """What to authenticate with: the credential that is named, or the destination's."""
    if wanted.credential is None:
        return _find_keys_there(org, wanted)
    named = Credential.objects.filter(org=org, deleted_at=None, label=wanted.credential).first()
    if named is None:
        raise UnableError(f"There is no credential {wanted.credential!r}.")
    if named.type not in mcp.CREDENTIALS:
        raise UnableError(f"A credential of the type {named.type} is none for an MCP server.")
    return keys.of_credential(named.pk)


def _find_keys_there(org: Organization, wanted: Wanted) -> Keys:
    """What a destination has that the command makes for this server, under this label."""
    there = Destination.objects.of_org(org.pk).filter(type="mcp", config__endpoint=wanted.endpoint)
    for one in there.exclude(credential=None).order_by("id"):
        if one.label == wanted.find_label(one.config.get("tool")):
            return keys.of_destination(one.pk)
    return NO_KEYS
