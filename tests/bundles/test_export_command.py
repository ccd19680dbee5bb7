"""`manage.py export`: where it goes, what it would change, and what it leaves as it was."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import orjson
import pytest

from bundles import exports, files
from config.commands import Exit
from destinations.models import Destination
from tests import factories
from tests.bundles.bundle import HOOK, SINK, action, bundle, carry_out
from tests.bundles.test_commands import run


def test_an_export_is_a_file_a_folder_or_standard_output(acme, globex, tmp_path):
    carry_out(
        acme,
        bundle(
            action("a/b".replace("/", " ")),
            action(".dot"),
            action("é" * 255),
            destinations=[HOOK, SINK],
        ),
    )
    code, text, _ = run("export", "acme")
    assert code == 0
    folder, file = tmp_path / "all", tmp_path / "one.json"
    assert run("export", "acme", "--to", str(file))[1] == (
        f"1 file at {file}: 3 definitions, {file.stat().st_size:,} bytes.\n"
    )
    code, out, _ = run("export", "acme", "--to", str(folder), "--json")
    assert orjson.loads(out) == {
        "dry_run": False,
        "to": str(folder),
        "files": 6,
        "definitions": 3,
        "bytes": sum(one.stat().st_size for one in folder.rglob("*.yaml")),
        "left": [],
    }

    (tmp_path / "one.yaml").write_text(text)
    for one in (tmp_path / "one.yaml", file, folder):
        assert run("import", str(one), "--org", "acme", "--prune", "--dry-run")[0] == Exit.DONE
    assert run("import", str(folder), "--org", "globex")[0] == 0
    assert exports.export(globex) == exports.export(acme)


def test_a_folder_follows_what_is_there(acme, tmp_path):
    carry_out(acme, bundle(action("one"), action("two")))
    run("export", "acme", "--to", str(tmp_path))
    (tmp_path / "actions" / "note.txt").write_text("mine")
    # Of somebody who keeps other things in a folder of that name.
    (tmp_path / "actions" / "workflow.yaml").write_text("on: push")
    carry_out(acme, bundle(action("one")), prune=True)
    run("export", "acme", "--to", str(tmp_path))
    assert_left(tmp_path, "yaml")
    # A former export may have been in the other format.
    run("export", "acme", "--to", str(tmp_path), "--format", "json")
    assert_left(tmp_path, "json")


def assert_left(tmp_path, format):
    """What there is of `one`, and what is not the export's."""
    assert sorted(os.listdir(tmp_path)) == [".exported", "actions", f"credentials.{format}"]
    assert sorted(path.name for path in (tmp_path / "actions").iterdir()) == [
        "note.txt",
        f"one.{format}",
        "workflow.yaml",
    ]


def test_what_no_export_wrote_is_left_and_told(acme, tmp_path):
    carry_out(acme, bundle(action("one"), action("two"), action("three")))
    run("export", "acme", "--to", str(tmp_path))
    mine, changed = tmp_path / "actions" / "mine.yaml", tmp_path / "actions" / "two.yaml"
    mine.write_text("waybill: 1\nactions:\n- variant: mine\n  schema: {}\n")
    changed.write_text(f"{changed.read_text()}# A remark.\n")
    carry_out(acme, bundle(action("one")), prune=True)

    told = f"! {mine}: left, for it may be no export's\n! {changed}: left, for it may be"
    code, out, _ = run("export", "acme", "--to", str(tmp_path), "--dry-run")
    assert code == Exit.CHANGES
    assert out.startswith(f"- {tmp_path}/actions/three.yaml\n{told}")
    assert run("export", "acme", "--to", str(tmp_path))[1].startswith(told)
    left = orjson.loads(run("export", "acme", "--to", str(tmp_path), "--json")[1])["left"]
    assert left == [str(mine), str(changed)]
    # What is left is no change.
    assert run("export", "acme", "--to", str(tmp_path), "--dry-run")[0] == Exit.DONE
    assert sorted(os.listdir(tmp_path / "actions")) == ["mine.yaml", "one.yaml", "two.yaml"]


def test_a_listing_leads_to_no_file_elsewhere(acme, tmp_path):
    folder, precious = tmp_path / "all", tmp_path / "precious.yaml"
    run("export", "acme", "--to", str(folder))
    precious.write_text("waybill: 1\n")
    with (folder / ".exported").open("a") as file:
        file.write(f"{files._digest(precious)}  ../precious.yaml\nnonsense\n")
    assert run("export", "acme", "--to", str(folder))[0] == 0
    assert precious.exists()
    subprocess.run(["sha256sum", "-c", "--quiet", ".exported"], cwd=folder, check=True)


def test_ctrl_c_waits_until_all_is_replaced(acme, tmp_path, monkeypatch):
    carry_out(acme, bundle(action("one"), action("two")))
    run("export", "acme", "--to", str(tmp_path))
    carry_out(acme, bundle(action("one", schema=True), action("three")), prune=True)
    kept, replaced = Path.replace, []

    def replace(self, target):
        if not replaced:
            signal.raise_signal(signal.SIGINT)
        replaced.append(target)
        return kept(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    code, _, said = run("export", "acme", "--to", str(tmp_path))
    assert (code, said[:11]) == (Exit.INTERRUPTED, "Broken off:")
    assert len(replaced) == 4
    assert run("export", "acme", "--to", str(tmp_path), "--dry-run")[0] == Exit.DONE
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_what_a_killed_run_has_left_is_removed(acme, tmp_path):
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    gone, running = tmp_path / f".export.{process.pid}", tmp_path / f".export.{os.getppid()}"
    for left in (gone, running, tmp_path / ".export.mine"):
        (left / "actions").mkdir(parents=True)
    run("export", "acme", "--to", str(tmp_path))
    assert {path.name for path in tmp_path.glob(".export.*")} == {running.name, ".export.mine"}


def test_no_export_holds_a_secret(acme, tmp_path):
    planted = "pl4nted-s3cret"
    key = factories.make_credential(acme, label="key", secret={"X-Key": planted})
    signing = factories.make_signing_key(acme, label="signer")
    shown = Destination.objects.create(
        org=acme,
        label="hook",
        type="webhook",
        config=HOOK["config"] | {"headers": {"X-Team": "billing"}},
        credential=key,
        signing_key=signing,
    )
    for name in ("json", "yaml"):
        text = run("export", "acme", "--format", name)[1]
        for secret in (planted, key.secret, signing.secret):
            assert secret not in text
        # Headers of the config are no secrets: they are in it.
        assert "billing" in text
    assert shown.label in text


@pytest.mark.parametrize(
    ("to", "arguments", "written"),
    [
        # A file, where its name says so, in the format that it says.
        ("x.yaml", [], "x.yaml"),
        ("x.yml", ["--format", "yaml"], "x.yml"),
        ("x.JSON", [], "x.JSON"),
        ("new/x.json", ["--format", "json"], "new/x.json"),
        # A folder, where it does not, ends with a slash, or is there.
        ("x", [], "x/credentials.yaml"),
        ("x.d", ["--format", "json"], "x.d/credentials.json"),
        ("x.yaml/", [], "x.yaml/credentials.yaml"),
        ("there.json", [], "there.json/credentials.yaml"),
    ],
)
def test_where_it_goes_is_what_the_name_says(acme, tmp_path, to, arguments, written):
    (tmp_path / "there.json").mkdir()
    assert run("export", "acme", "--to", f"{tmp_path}/{to}", *arguments)[0] == 0
    file = tmp_path / written
    assert file.is_file()
    is_json = written.lower().endswith("json")
    assert file.read_text().startswith('{\n  "waybill": 1,' if is_json else "waybill: 1\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--to", "x.yaml", "--format", "json"], "--format json is at odds with x.yaml, whose"),
        (["--to", "x.yml", "--format", "json"], "--format json is at odds with x.yml, whose"),
        (["--to", "x.json", "--format", "yaml"], "--format yaml is at odds with x.json, whose"),
        (["--to", ""], "--to is empty."),
        (["--json"], "--format json writes JSON."),
        (["--to", "-", "--json"], "--format json writes JSON."),
    ],
)
def test_arguments_at_odds_end_with_two(acme, tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    code, out, told = run("export", "acme", *arguments)
    assert (code, out) == (Exit.UNABLE, "")
    assert said in told
    assert not list(tmp_path.iterdir())


def test_a_dry_run_tells_what_would_become_of_a_file(acme, tmp_path):
    carry_out(acme, bundle(action("one")))
    file = tmp_path / "one.yaml"
    dry = ("export", "acme", "--to", str(file), "--dry-run")
    size = len("".join(exports.write(acme, "yaml")))
    told = f"It would be 1 file at {file}: 1 definitions, {size} bytes.\n"

    assert run(*dry) == (Exit.CHANGES, f"+ {file}\n{told}", "")
    assert not file.exists()
    run("export", "acme", "--to", str(file))
    assert run(*dry) == (Exit.DONE, told, "")
    for other in (file.read_text() + "x", file.read_text()[:-1], "x" * size):
        file.write_text(other)
        assert run(*dry) == (Exit.CHANGES, f"~ {file}\n{told}", "")
        assert file.read_text() == other


def test_a_dry_run_tells_what_would_become_of_a_folder(acme, tmp_path):
    carry_out(acme, bundle(action("one"), action("two")))
    run("export", "acme", "--to", f"{tmp_path}/")
    carry_out(acme, bundle(action("one", schema=True), action("three")), prune=True)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*")}

    code, out, _ = run("export", "acme", "--to", f"{tmp_path}/", "--dry-run", "--json")
    told = orjson.loads(out)
    assert code == Exit.CHANGES
    assert told.pop("bytes") > 0
    assert told == {
        "dry_run": True,
        "to": str(tmp_path),
        "files": 3,
        "definitions": 3,
        "created": [f"{tmp_path}/actions/three.yaml"],
        "changed": [f"{tmp_path}/actions/one.yaml"],
        "removed": [f"{tmp_path}/actions/two.yaml"],
        "left": [],
    }
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*.*")}
    run("export", "acme", "--to", f"{tmp_path}/")
    assert run("export", "acme", "--to", f"{tmp_path}/", "--dry-run")[0] == Exit.DONE


def test_a_dry_run_of_standard_output_changes_nothing(acme):
    size = len("".join(exports.write(acme, "json")))
    assert run("export", "acme", "--format", "json", "--dry-run") == (
        Exit.DONE,
        f"It would be standard output: 0 definitions, {size} bytes.\n",
        "",
    )
    told = orjson.loads(run("export", "acme", "--dry-run", "--json")[1])
    assert told["to"] == "standard output"


@pytest.mark.parametrize("to", ["x.yaml", "x/"])
def test_nothing_is_replaced_before_all_is_written(acme, tmp_path, monkeypatch, to):
    carry_out(acme, bundle(action("one"), action("two")))
    where = f"{tmp_path}/{to}"
    run("export", "acme", "--to", where)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    carry_out(acme, bundle(action("one", schema=True), action("two", schema=True)))
    kept, written = os.fsync, []

    def fill(descriptor):
        written.append(descriptor)
        # The disk is full when the last file of the folder is written.
        if len(written) == (1 if to == "x.yaml" else 3):
            raise OSError(28, "No space left on device")
        kept(descriptor)

    monkeypatch.setattr(files.os, "fsync", fill)
    code, out, said = run("export", "acme", "--to", where)
    assert (code, out) == (Exit.UNABLE, "")
    assert said == f"{where.rstrip('/')} cannot be written: No space left on device."
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert not list(tmp_path.rglob(".export.*"))


def test_what_is_replaced_keeps_its_permissions_and_its_link(acme, tmp_path):
    real, link = tmp_path / "real.yaml", tmp_path / "link.yaml"
    real.write_text("old")
    real.chmod(0o600)
    link.symlink_to("real.yaml")
    run("export", "acme", "--to", str(link))
    assert link.is_symlink()
    assert real.read_text().startswith("waybill: 1\n")
    assert real.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("arguments", [[], ["--dry-run"]])
def test_what_is_no_file_is_left_alone(acme, tmp_path, arguments):
    pipe = tmp_path / "x.yaml"
    os.mkfifo(pipe)
    code, _, said = run("export", "acme", "--to", str(pipe), *arguments)
    assert code == Exit.UNABLE
    assert said.endswith(": it is no regular file.")
    assert pipe.is_fifo()


@pytest.mark.parametrize("to", ["/dev/full/x", "/dev/full/x.yaml", "/dev/full/x/"])
def test_what_cannot_be_written_is_told(acme, to):
    code, out, said = run("export", "acme", "--to", to)
    assert (code, out) == (Exit.UNABLE, "")
    assert said == f"{to.rstrip('/')} cannot be written: Not a directory."


def test_a_name_that_is_too_long_is_told(acme, tmp_path):
    code, _, said = run("export", "acme", "--to", f"{tmp_path}/{'x' * 300}.yaml")
    assert code == Exit.UNABLE
    assert said.endswith(".yaml cannot be written: File name too long.")
