"""Pages of Markdown: complete, and nothing of what a tenant writes is markup."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from markdown_it import MarkdownIt

from actions import services
from actions.consumers import markdown, offers, pages
from actions.services import with_links
from tests import factories
from tests.actions.consumers.hostile import TEXTS

SCHEMA = {
    "title": "An email",
    "type": "object",
    "required": ["recipient"],
    "properties": {
        "recipient": {"type": "string", "format": "email", "description": "Who gets it."},
        "parts": {"type": "array", "items": {"$ref": "#/$defs/part"}},
        "size": {"type": "array", "prefixItems": [{"type": "integer", "minimum": 1}]},
        "more": {"type": "object", "additionalProperties": {"type": "string", "maxLength": 9}},
        "kind": {"anyOf": [{"enum": ["a", 1]}, {"type": "null"}]},
    },
    "$defs": {"part": {"type": "object", "properties": {"text": {"type": "string"}}}},
}
ROWS = [
    '| `/recipient` | string | yes | `format: "email"` | Who gets it. |',
    "| `/parts` | array of Part | no | - | - |",
    "| `/size` | array | no | - | - |",
    "| `/size/0` | integer | no | `minimum: 1` | - |",
    "| `/more` | object | no | - | - |",
    "| `/more/*` | string | no | `maxLength: 9` | - |",
    '| `/kind` | "a" or 1 or null | no | - | - |',
    "### `Part`",
    "| `/text` | string | no | - | - |",
]
RENDERERS = {
    "CommonMark": MarkdownIt("commonmark"),
    "GitHub": MarkdownIt("gfm-like", {"linkify": False}).disable("linkify"),
}
# What a page may consist of; a link, an image or anything raw is not among it.
TAGS = {
    *("h1", "h2", "h3", "p", "code", "pre", "strong", "ul", "li"),
    *("table", "thead", "tbody", "tr", "th", "td"),
}


def render(text, renderer="GitHub"):
    return RENDERERS[renderer].render(text)


def write_page(definition):
    found = with_links(type(definition).objects).get(pk=definition.pk)
    return offers.draft_page(found).finish().text


def page_of(text):
    """The page of a version that says the text wherever it can, without a database."""
    names = SimpleNamespace(all=lambda: [SimpleNamespace(name=text)])
    label = SimpleNamespace(destination=SimpleNamespace(label=text), is_default=True, pk=1)
    definition = SimpleNamespace(
        pk=1,
        variant=text,
        version=1,
        description=text,
        schema_digest=b"x" * 32,
        names=names,
        links=SimpleNamespace(all=lambda: [label]),
        requires_approval=False,
        variant_compatibility="none",
        deprecated_at=None,
        sunset_at=None,
        created_at=SimpleNamespace(date=lambda: A_DAY),
    )
    schema = {"properties": {text: {"description": text, "const": text, "pattern": text}}}
    shapes = offers.read_shapes(schema, text)
    page = pages.write_page(definition, [definition], shapes)
    return page + pages.write_example(definition, [{"payload": {text: text}}])


A_DAY = SimpleNamespace(isoformat=lambda: "2026-11-26")


def test_a_page_tells_what_there_is_to_know(acme, webhook):
    definition = factories.make_definition(
        acme, "send_email", webhook, schema=SCHEMA, alias=["mail.send"], description="Sends one."
    )

    page = write_page(definition)

    assert page.startswith("# `send_email`\n\nSends one.\n")
    assert "| aliases | `mail.send` |" in page
    assert f"| goes to | `{webhook.label}` (default) |" in page
    assert [line for line in ROWS if line not in page.split("\n")] == []
    assert "| **1** |" in page


def test_a_page_lists_the_live_versions_newest_first(acme):
    versions = [factories.make_definition(acme, schema={"const": number}) for number in range(3)]
    first = versions[0]
    services.update_definition(
        definition=first,
        deprecated_at=datetime(2026, 3, 1, tzinfo=UTC),
        sunset_at=datetime(2026, 9, 30, tzinfo=UTC),
    )
    factories.actions.delete_definition(definition=versions[1])

    page = write_page(versions[0])

    assert re.findall(r"^\| (\**\d\**) \| \d{4}", page, re.MULTILINE) == ["3", "**1**"]
    assert "| 2026-03-01 | 2026-09-30 |" in page


def test_a_page_without_an_example_says_so(acme):
    assert "None was found." in write_page(factories.make_definition(acme, schema=False))


def test_a_page_has_an_end(acme, monkeypatch):
    monkeypatch.setattr(pages, "MAX_PROPERTIES", 2)

    page = write_page(factories.make_definition(acme, schema=SCHEMA))

    assert "/parts" in page
    assert "/size" not in page
    assert "The first 2 properties." in page


@pytest.mark.parametrize("renderer", RENDERERS)
@pytest.mark.parametrize("number", range(len(TEXTS)))
def test_nothing_that_a_tenant_writes_is_markup(number, renderer):
    page = page_of(TEXTS[number])

    rendered = render(page, renderer)

    assert {name.lower() for name in re.findall(r"</?(\w+)", rendered)} <= TAGS
    # Of tags with attributes there are only blocks of code, which say their language.
    assert set(re.findall(r"<\w+ [^>]*>", rendered)) <= {
        '<code class="language-json">',
        '<code class="language-sh">',
    }
    assert rendered.count("<h2>") == 4
    assert rendered.count("<h1>") == 1
    assert rendered.count("<pre>") == 2
    assert all(char.isprintable() or char == "\n" for char in page)


@pytest.mark.parametrize("number", range(len(TEXTS)))
def test_what_a_tenant_writes_is_to_be_read_as_it_was_written(number):
    text = " ".join(markdown.clean(TEXTS[number]).split())

    found = [one for one in MarkdownIt().parse(markdown.escape(text)) if one.type == "inline"]

    assert "".join(one.content for inline in found for one in inline.children) == text


def test_no_bare_address_becomes_a_link():
    for text in ("http://planted.example", "www.planted.example", "me@planted.example"):
        escaped = markdown.escape(text)

        assert re.search(r"(?<!\\):|(?<!\\)@|www\.", escaped) is None, escaped


def test_cells_hold_pipes_and_lines():
    told = markdown.table(("a", "b"), [(markdown.code("x|y"), markdown.cell("one\ntwo|three"))])

    assert re.findall("<td>(.*?)</td>", render(told)) == ["x|y", "one two|three"]
