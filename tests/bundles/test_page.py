"""The walk of docs/bundles.md does what it says, and its tables name what there is."""

from __future__ import annotations

import io
import re
import shlex

from django.conf import settings
from django.core.management import call_command

from bundles import documents, services
from bundles.reading.faults import MAX_BYTES, MAX_MEMORY, MAX_TEXT
from bundles.revisions.services import KEPT

PAGE = (settings.BASE_DIR / "docs/bundles.md").read_text()
IMPORTING = (settings.BASE_DIR / "docs/importing.md").read_text()
BLOCKS = dict(enumerate(re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)))
CONSOLE = "".join(re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL))


def run(command):
    """What a line of the walk tells."""
    _, *arguments = shlex.split(command)
    out, code = io.StringIO(), 0
    try:
        call_command(*arguments, stdout=out, stderr=io.StringIO())
    except SystemExit as ended:
        code = ended.code
    # A dry run has found something.
    assert code == (3 if "--dry-run" in arguments else 0)
    return out.getvalue()


def test_the_walk_tells_what_the_page_says(acme, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    bundle, pruned = BLOCKS.values()
    changed = bundle.replace("receipt.send", "receipt.mail").replace(
        "order: {type: string}", "order: {type: string}\n      note: {}"
    )
    for name, text in (("bundle", bundle), ("changed", changed), ("pruned", pruned)):
        (tmp_path / f"{name}.yaml").write_text(text)

    steps = re.findall(r"^\$ (.*)\n((?:[^$].*\n)*)", CONSOLE, re.MULTILINE)
    assert len(steps) == 5
    for command, told in steps:
        assert run(command) == told, command


def test_the_tables_name_every_field():
    section = PAGE.partition("## The document")[2].partition("## Import")[0]
    named = set(re.findall(r"`(\w+)`", section))
    shapes = (documents.ACTION, documents.VERSION, documents.DESTINATION, documents.CREDENTIAL)
    fields = set().union(*(shape["properties"] for shape in shapes))
    assert fields - {"metadata", "expires_at"} <= named


def test_the_bounds_are_the_ones_there_are():
    bounds = (services.MOST_AT_ONCE, KEPT)
    assert all(f"{number:,}" in PAGE for number in bounds)
    for page in (PAGE, IMPORTING):
        assert f"{MAX_BYTES // 2**20} MiB" in page
        assert f"{MAX_MEMORY // 10**6} MB" in page
    assert f"{MAX_TEXT:,} characters" in IMPORTING
