"""What schema registries say of pairs of schemas, and the page about where they differ from us.

`python -m tests.actions.compatibility.registries` writes the page anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "tests" / "data" / "compatibility"
PAGE = ROOT / "docs" / "compatibility-differences.md"
TOP = """# Where registries judge otherwise

{total} pairs of schemas whose verdict a schema registry publishes were put to
Waybill's comparison (`STRICT` about open content). The same verdict: {same}. Each of the other
{others} is listed here, and argued. The pairs, and where they come from:
[tests/data/compatibility](../tests/data/compatibility/README.md). A test holds this page to them.
"""


@dataclass(frozen=True)
class Case:
    """One pair, what a registry says of it, and why we say otherwise, if we do."""

    registry: str
    name: str
    old: Any
    new: Any
    direction: str
    expected: str
    ours: str
    differs: str | None

    def __str__(self) -> str:
        return f"{self.registry}: {self.name}"


@dataclass(frozen=True)
class Registry:
    """A registry's cases, and the arguments about those that are judged otherwise here."""

    name: str
    cases: list[Case]
    arguments: dict[str, str]

    def arguing(self, argument: str) -> list[Case]:
        """The cases that an argument is about."""
        return [case for case in self.cases if case.differs == argument]


def read_registries() -> list[Registry]:
    """All that is in the folder."""
    return [_read(json.loads(path.read_text())) for path in sorted(FOLDER.glob("*.json"))]


def _read(data: dict[str, Any]) -> Registry:
    def schema(case: dict[str, Any], side: str) -> Any:
        found = case[side]
        found = data["schemas"][found] if isinstance(found, str) else found
        dialect = case.get("dialect", data["dialect"])
        return {"$schema": dialect, **found} if isinstance(found, dict) else found

    cases = [
        Case(
            data["registry"],
            case["name"],
            schema(case, "old"),
            schema(case, "new"),
            case["direction"],
            case["expected"],
            case.get("ours", case["expected"]),
            case.get("differs"),
        )
        for case in data["cases"]
    ]
    return Registry(data["registry"], cases, data["arguments"])


def describe(registries: list[Registry]) -> str:
    """The page."""
    cases = [case for registry in registries for case in registry.cases]
    others = sum(case.differs is not None for case in cases)
    top = TOP.format(total=len(cases), same=len(cases) - others, others=others)
    return "\n".join([top, *(line for registry in registries for line in _about(registry))])


def _about(registry: Registry) -> Iterator[str]:
    others = sum(case.differs is not None for case in registry.cases)
    yield f"## {registry.name}\n"
    yield f"{len(registry.cases)} pairs, {others} of them judged otherwise.\n"
    yield "| pairs | there | here | why | old → new |"
    yield "| --- | --- | --- | --- | --- |"
    for name, argument in registry.arguments.items():
        arguing = registry.arguing(name)
        first = arguing[0]
        shown = f"`{_shown(first.old)}` → `{_shown(first.new)}`"
        more = f" and {len(arguing) - 1} more" if len(arguing) > 1 else ""
        yield (f"| {len(arguing)} | {first.expected} | {first.ours} | {argument} | {shown}{more} |")
    yield ""


def _shown(schema: Any) -> str:
    """The schema as JSON, without its dialect."""
    if isinstance(schema, dict):
        schema = {word: value for word, value in schema.items() if word != "$schema"}
    return json.dumps(schema).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(describe(read_registries()))
