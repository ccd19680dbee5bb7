"""The tools of an MCP server as a bundle: one action for each, which goes to that server."""

from __future__ import annotations

from bundles.tools.conversion import Converted as Converted
from bundles.tools.conversion import Wanted as Wanted
from bundles.tools.conversion import convert as convert
from bundles.tools.listing import list_tools as list_tools
