"""`manage.py import_schemas`: a folder of schemas, imported, and what is wrong with it told."""

from __future__ import annotations

import io

import orjson
import pytest
from django.core.management import CommandError, call_command

from actions.models import ActionDefinition
from config.commands import Exit
from tests.bundles.test_folders import write


def run(folder, *options):
    out = io.StringIO()
    call_command(
        "import_schemas", str(folder), "--org", "acme", "--json", *options, stdout=out,
        stderr=io.StringIO(),
    )  # fmt: skip
    return orjson.loads(out.getvalue())


@pytest.mark.django_db
def test_the_command_imports_and_run_again_changes_nothing(acme, tmp_path):
    write(tmp_path, {"a.json": {"type": "object"}, "b.json": {"$ref": "c.json"}})

    told = run(tmp_path, "--variant-from", "x.{stem}")
    assert told["created"] == 1
    assert told["left_out"][0]["what"] == f"{tmp_path}/b.json:1"
    assert run(tmp_path, "--variant-from", "x.{stem}")["kept"] == 1
    assert run(tmp_path / "a.json", "--variant-from", "x.{stem}")["kept"] == 1
    write(tmp_path, {"a.json": {"type": "array"}})
    assert run(tmp_path, "--variant-from", "x.{stem}", "--except", "b.json")["created"] == 1
    assert ActionDefinition.objects.filter(org=acme, variant="x.a").count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (("missing", "--variant-from", "{stem}"), Exit.UNABLE, "missing cannot be read"),
        ((".", "--variant-from", "{file}"), Exit.UNABLE, "There is no {file}"),
        ((".", "--variant-from", "{title}"), Exit.REFUSED, "both give 'T'"),
    ],
)
def test_the_command_tells_what_is_wrong(acme, tmp_path, monkeypatch, options, code, said):
    write(tmp_path, {name: {"title": "T", "type": "object"} for name in ("a.json", "b.json")})
    monkeypatch.chdir(tmp_path)

    with pytest.raises(CommandError) as failed:
        call_command("import_schemas", *options, "--org", "acme")
    assert failed.value.returncode == code
    assert said in str(failed.value)
