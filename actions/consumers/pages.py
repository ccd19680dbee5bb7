"""A page of Markdown about a variant: what it is for, what it takes, and how to send it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any
from urllib.parse import quote

import orjson

from actions.consumers import markdown, properties
from actions.consumers.shapes import Definition
from actions.models import ActionDefinition

MAX_PROPERTIES = 2_000
MAX_VERSIONS = 200


def write_page(
    definition: ActionDefinition,
    versions: Sequence[ActionDefinition],
    definitions: Iterable[Definition],
) -> str:
    """The page of a version, but for its end, which is `write_example`.

    `versions` are the live ones of its variant, the newest first.
    """
    parts = [
        f"# {markdown.code(definition.variant)}\n",
        markdown.paragraphs(definition.description) + "\n" if definition.description else "",
        _facts(definition),
        "## Versions\n",
        _versions(definition, versions),
        "## Properties\n",
        *_properties(definitions),
        "## Example\n\n",
    ]
    return "\n".join(filter(None, parts))


def write_example(definition: ActionDefinition, examples: Sequence[dict[str, Any]] | None) -> str:
    """The end of a page. With None, there was no time for examples."""
    if examples is None:
        return f"There was no time to make one: `GET {_path_to_examples(definition)}` has some.\n"
    if not examples:
        return "None was found.\n"
    return "\n".join(_example(definition, examples[0]["payload"]))


def _path_to_examples(definition: Any) -> str:
    return f"/v1/orgs/{definition.org_id}/actions/definitions/{definition.pk}/examples"


def _facts(definition: Any) -> str:
    """What there is to say of a definition `with_links`."""
    names = [markdown.code(name.name) for name in definition.names.all()]
    links = sorted(definition.links.all(), key=lambda link: (not link.is_default, link.pk))
    leads = [
        markdown.code(link.destination.label) + (" (default)" if link.is_default else "")
        for link in links
    ]
    rows = [
        ("version", str(definition.version)),
        ("contract", f"sha256 {markdown.code(bytes(definition.schema_digest).hex())}"),
        ("aliases", ", ".join(names) or "none"),
        ("goes to", ", ".join(leads) or "nowhere: it is kept, and ends at once"),
        ("compatibility", definition.variant_compatibility.replace("_", " ")),
        ("approval", "needed" if definition.requires_approval else "not needed"),
    ]
    return markdown.table(("", ""), rows)


def _versions(definition: ActionDefinition, versions: Sequence[ActionDefinition]) -> str:
    rows = [
        (
            f"**{one.version}**" if one.pk == definition.pk else str(one.version),
            one.created_at.date().isoformat(),
            _day(one.deprecated_at),
            _day(one.sunset_at),
            markdown.code(bytes(one.schema_digest).hex()[:12]),
            markdown.cell(one.description) or "-",
        )
        for one in versions[:MAX_VERSIONS]
    ]
    heads = ("version", "published", "deprecated", "sunset", "contract", "description")
    return markdown.table(heads, rows)


def _day(moment: datetime | None) -> str:
    return "-" if moment is None else moment.date().isoformat()


def _properties(definitions: Iterable[Definition]) -> Iterator[str]:
    """A table for each definition; the first one is the payload's."""
    left = MAX_PROPERTIES
    for number, definition in enumerate(definitions):
        rows = list(islice(properties.list_properties(definition), left))
        left -= len(rows)
        if number:
            yield f"### {markdown.code(definition.name)}\n"
        yield f"{markdown.cell(properties.tell_type(definition.shape))}\n"
        yield _described(rows)
        if left <= 0:
            yield f"The first {MAX_PROPERTIES:,} properties.\n"
            return


def _described(rows: Sequence[properties.Property]) -> str:
    if not rows:
        return ""
    heads = ("pointer", "type", "required", "constraints", "description")
    return markdown.table(heads, map(_row, rows))


def _row(row: properties.Property) -> tuple[str, ...]:
    return (
        markdown.code(row.pointer),
        markdown.cell(row.type),
        "yes" if row.required else "no",
        ", ".join(map(markdown.code, row.limits)) or "-",
        ". ".join(map(markdown.cell, row.docs)) or "-",
    )


def _example(definition: ActionDefinition, payload: Any) -> list[str]:
    """A payload, and how to send it."""
    indented = orjson.dumps(payload, option=orjson.OPT_INDENT_2).decode()
    body = orjson.dumps({"input": payload, "version": definition.version}).decode()
    path = f"/v1/ingress/{quote(definition.variant, safe='')}"
    told = (
        f'curl "$WAYBILL_URL{path}" \\\n'
        '  -H "x-arklow-auth: $WAYBILL_KEY" -H "content-type: application/json" \\\n'
        f"  --data-binary @- <<'PAYLOAD'\n{body}\nPAYLOAD"
    )
    return [markdown.block("json", indented), "## Sending it\n", markdown.block("sh", told)]
