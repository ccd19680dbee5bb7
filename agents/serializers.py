"""Rows of this app as the API shows them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from agents import catalog
from agents.models import KeyTools, Tool
from orgs.models import ApiKey

TEXTS = ("title", "description", "read_only", "destructive", "idempotent", "enabled")
# A PUT replaces: what is left out is as if it had never been said.
UNSAID: dict[str, Any] = {
    "title": "",
    "description": "",
    "read_only": False,
    "destructive": True,
    "idempotent": False,
    "enabled": True,
}


class Marked(NamedTuple):
    """A tool, and why agents do not see it; empty where they do."""

    tool: Tool
    problem: str


def judge_tools(tools: Iterable[Tool]) -> Iterator[Marked]:
    """The tools of a page with their problems, in two queries."""
    marked = list(tools)
    problems = catalog.find_problems(marked)
    return (Marked(tool, problems[tool.pk]) for tool in marked)


def show_marked(marked: Marked) -> dict[str, Any]:
    """A tool."""
    tool = marked.tool
    return {
        "id": str(tool.pk),
        "org_id": str(tool.org_id),
        "variant": tool.variant,
        "name": tool.name,
        **{name: getattr(tool, name) for name in TEXTS},
        "problem": marked.problem or None,
        "created_at": tool.created_at,
        "updated_at": tool.updated_at,
    }


def show_tool(tool: Tool) -> dict[str, Any]:
    """One tool."""
    (marked,) = judge_tools([tool])
    return show_marked(marked)


def show_key_tools(key: ApiKey) -> dict[str, Any]:
    """What a key may call as tools."""
    chosen = KeyTools.objects.filter(key=key).first()
    return {"variants": None if chosen is None else chosen.variants}
