"""`manage.py describe_contracts`: pages and types in a folder, whole or not at all."""

from __future__ import annotations

import json
import os
import stat
import tracemalloc

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from actions import services
from actions.consumers import folders, offers, python
from tests import factories

ANYTHING = {"type": "object", "properties": {"a": {"type": "string"}}}


# Two versions of so many variants, with contracts of a hundred thousand characters.
FILL = """
    INSERT INTO actions_actiondefinition (
        org_id, variant, version, schema, schema_digest, description, requires_approval,
        compatibility, open_content, created_at, updated_at
    )
    SELECT %s, 'v' || variant, version, json_build_object('title', repeat('x', 100000)),
        sha256(variant::text::bytea), '', false, 'none', 'strict', now(), now()
    FROM generate_series(1, %s) variant, generate_series(1, 2) version
"""


@pytest.fixture
def count(acme):
    return factories.make_definition(acme, "count")


def describe(org, folder, *options):
    """The exit code; 0 where the command simply returns."""
    try:
        call_command("describe_contracts", str(org), "--to", str(folder), *options)
    except SystemExit as ended:
        return ended.code
    return 0


def files(folder):
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_there_is_a_page_for_each_variant_and_one_that_lists_them(acme, globex, count, tmp_path):
    factories.make_definition(acme, "count", schema=ANYTHING, description="Counts | things.")
    factories.make_definition(acme, "mail.send", schema=ANYTHING)
    gone = factories.make_definition(acme, "gone")
    services.delete_definition(definition=gone)
    factories.make_definition(globex, "theirs")

    assert describe("acme", tmp_path / "new" / "docs") == 0

    written = files(tmp_path / "new" / "docs")
    assert set(written) == {"README.md", "count.md", "mail.send.md"}
    assert written["count.md"].startswith("# `count`\n")
    assert "| version | 2 |" in written["count.md"]
    assert "| [`count`](count.md) | 2 | Counts \\| things. |" in written["README.md"]


def test_one_contract_is_in_memory_at_once(acme, globex, tmp_path, monkeypatch):
    described = []

    def make_examples(definition, **how):
        described.append((definition.variant, definition.version, len(definition.schema)))
        return {"items": [], "complete": True}

    monkeypatch.setattr(offers, "make_examples", make_examples)
    # The first one does, once, what takes memory for good.
    for org, variants in ((globex, 1), (acme, 30)):
        with connection.cursor() as cursor:
            cursor.execute(FILL, [org.pk, variants])
        tracemalloc.start()
        describe(org.pk, tmp_path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert sorted(described[1:]) == sorted((f"v{n}", 2, 100_014) for n in range(1, 31))
    # All of them together take 12 MB.
    assert peak < 5_000_000


def test_types_lie_beside_the_pages(acme, count, tmp_path):
    assert describe(acme.pk, tmp_path, "--types") == 0

    written = files(tmp_path)
    assert set(written) == {"README.md", "count.md", "count.ts", "count.py"}
    assert "export type Count = {" in written["count.ts"]
    assert "class Count(TypedDict):" in written["count.py"]


def test_only_what_differs_is_written(acme, count, tmp_path, capsys):
    describe("acme", tmp_path)
    (tmp_path / "README.md").write_text("mine")
    before = (tmp_path / "count.md").stat().st_ino
    capsys.readouterr()

    assert describe("acme", tmp_path, "--json") == 0

    assert json.loads(capsys.readouterr().out) == {
        "dry_run": False,
        "written": [str(tmp_path / "README.md")],
        "kept": [str(tmp_path / "count.md")],
        "without_types": [],
    }
    assert (tmp_path / "count.md").stat().st_ino == before
    assert stat.S_IMODE((tmp_path / "README.md").stat().st_mode) == 0o644


def test_a_dry_run_tells_what_would_be_written_and_writes_nothing(acme, count, tmp_path, capsys):
    folder = tmp_path / "docs"

    assert describe("acme", folder, "--dry-run") == 3

    assert f"+ {folder}/count.md\n" in capsys.readouterr().out
    assert not folder.exists()
    describe("acme", folder)
    assert describe("acme", folder, "--dry-run") == 0


def test_one_contract_without_types_keeps_nobody_from_the_others(
    acme, count, tmp_path, monkeypatch, capsys
):
    def refuse(definition):
        raise python.UnwritableError("Too intricate.")

    monkeypatch.setattr(offers, "make_python", refuse)

    assert describe("acme", tmp_path, "--types") == 0
    assert set(files(tmp_path)) == {"README.md", "count.md", "count.ts"}
    assert "No Python types of count: Too intricate." in capsys.readouterr().err


@pytest.mark.parametrize("org", ["nobody", "99999999999999999999", "0"])
def test_an_organization_that_is_not_there_ends_with_2(db, org, tmp_path):
    with pytest.raises(CommandError, match="There is no organization") as raised:
        describe(org, tmp_path)

    assert raised.value.returncode == 2


def test_where_nothing_can_be_written_it_ends_with_2_and_leaves_nothing(
    acme, count, tmp_path, monkeypatch
):
    def full(file, text):
        raise OSError(28, "No space left on device", "count.md")

    monkeypatch.setattr(folders.os, "replace", full)
    monkeypatch.setattr(type(tmp_path), "replace", full)

    with pytest.raises(CommandError, match=r"count.md: No space left on device") as raised:
        describe("acme", tmp_path)

    assert raised.value.returncode == 2
    assert os.listdir(tmp_path) == []


def test_a_break_leaves_files_that_are_whole(acme, count, tmp_path, monkeypatch):
    def interrupt(definitions):
        raise KeyboardInterrupt

    monkeypatch.setattr(folders, "write_index", interrupt)

    with pytest.raises(CommandError, match="Broken off") as raised:
        describe("acme", tmp_path)

    assert raised.value.returncode == 130
    assert set(files(tmp_path)) == {"count.md"}


@pytest.mark.parametrize(
    ("variant", "name"),
    [
        ("mail.send", "mail.send"),
        ("readme", "readme-"),
        ("Mail", "mail-"),
        ("..", "variant-"),
        (".hidden", "hidden-"),
        ("a b", "a-b-"),
        ("Größe", "gr--e-"),
        ("\\..\\x", "x-"),
        ("名前", "variant-"),
        ("x" * 255, "x" * 100),
    ],
)
def test_a_variant_names_a_file_in_the_folder(variant, name):
    given = folders.name_files(variant)

    assert given.startswith(name)
    assert len(given) <= 110
    assert not set(given) & set("/\\ ")
    assert not given.startswith(".")


def test_no_two_variants_have_one_file_also_where_capitals_are_alike():
    variants = ["mail", "Mail", "MAIL", "ma-il", "ma il", "ma/il", "x" * 101, "x" * 102, "readme"]

    assert len({folders.name_files(variant).lower() for variant in variants}) == len(variants)


def test_the_help_teaches(capsys):
    with pytest.raises(SystemExit):
        call_command("describe_contracts", "--help")

    told = capsys.readouterr().out
    assert "exit codes:" in told
    assert "examples:" in told
