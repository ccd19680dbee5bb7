"""`manage.py import` and `manage.py export`: what they tell, ask, and end with."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from urllib.parse import urlsplit

import orjson
import pytest
from django.conf import settings
from django.core.management import CommandError, call_command, load_command_class
from django.core.management.base import OutputWrapper
from django.db import DatabaseError, OperationalError, ProgrammingError, connection, transaction

from actions.models import ActionDefinition
from bundles import plans, services
from config.commands import Exit
from config.streams import Output
from destinations.models import Destination
from tests import factories
from tests.bundles.bundle import action, bundle, carry_out

YAML = """\
actions:
- variant: count
  aliases: [c.one]
  destinations: [hook]
  schema:
    type: object
resources:
  destinations:
  - label: hook
    type: webhook
    config:
      url: https://hooks.example.com/a
"""


class Terminal(io.StringIO):
    """A stream that says it is one."""

    def isatty(self):
        return True


@pytest.fixture
def write(tmp_path):
    """A file with this text."""

    def file(text, name="bundle.yaml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return str(path)

    return file


def run(*arguments):
    """(exit code, standard output, standard error and what it ended with)."""
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command(*arguments, stdout=out, stderr=err)
    except CommandError as error:
        return error.returncode, out.getvalue(), f"{err.getvalue()}{error}"
    except SystemExit as ended:
        return int(ended.code), out.getvalue(), err.getvalue()
    return 0, out.getvalue(), err.getvalue()


def test_a_file_is_imported_and_a_second_time_nothing_is_done(acme, write):
    path = write(YAML)
    assert run("import", path, "--org", "acme", "--dry-run") == (
        Exit.CHANGES,
        "destinations\n  + hook\nactions\n  + count v1\n"
        "It would be: 2 created, 0 updated, 0 kept, 0 pruned.\n",
        "",
    )
    assert not ActionDefinition.objects.exists()
    code, out, _ = run("import", path, "--org", str(acme.pk))
    assert (code, out.splitlines()[-1]) == (0, "Done: 2 created, 0 updated, 0 kept, 0 pruned.")
    assert run("import", path, "--org", "acme")[:2] == (
        0,
        "Done: 0 created, 0 updated, 2 kept, 0 pruned.\n",
    )
    assert run("import", path, "--org", "acme", "--dry-run")[0] == Exit.DONE


def test_what_changes_is_told_line_by_line(acme, write):
    run("import", write(YAML), "--org", "acme")
    changed = write(YAML.replace("c.one", "c.two").replace("hooks.", "hooks2."))

    code, out, _ = run("import", changed, "--org", "acme", "--verbose")
    assert code == 0
    assert "  ~ count v1\n      alias: c.one -> c.two\n" in out
    assert "      config: {'url': 'https://hooks.example.com/a'} -> {'url': 'https" in out


def test_a_terminal_sees_a_tree(acme, write, monkeypatch):
    carry_out(acme, bundle(action("old name")))
    out = Terminal()
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    call_command("import", write(YAML), "--org", "acme", "--prune", stdout=out, stderr=Terminal())
    shown = out.getvalue()
    assert "Acme" in shown
    assert "+ hook" in shown
    assert "- old name v1" in shown
    assert "├──" in shown
    assert "\x1b[" in shown
    assert not ActionDefinition.objects.live().filter(variant="old name").exists()


@pytest.mark.parametrize(
    ("stdin", "arguments", "code", "left"),
    [
        # Nobody to ask, by no terminal or because a script reads the answer.
        (io.StringIO("y\n"), [], Exit.UNABLE, 1),
        (Terminal("y\n"), ["--json"], Exit.UNABLE, 1),
        # It is closed.
        (None, [], Exit.UNABLE, 1),
        # Asked, and refused; asked, and agreed to; not asked.
        (Terminal("n\n"), [], Exit.UNABLE, 1),
        (Terminal("\n"), [], Exit.UNABLE, 1),
        (Terminal("yes\n"), [], 0, 0),
        (io.StringIO(), ["--yes"], 0, 0),
        (io.StringIO(), ["--yes", "--json"], 0, 0),
        (io.StringIO(), ["--dry-run"], Exit.CHANGES, 1),
    ],
)
def test_pruning_asks(acme, write, monkeypatch, stdin, arguments, code, left):
    factories.make_definition(acme)
    monkeypatch.setattr("sys.stdin", stdin)
    empty = write("actions: []\n")

    assert run("import", empty, "--org", "acme", "--prune", *arguments)[0] == code
    assert ActionDefinition.objects.live().count() == left


def test_pruning_what_has_open_actions_takes_force(acme, write, record):
    empty = write("actions: []\n")
    code, _, said = run("import", empty, "--org", "acme", "--prune", "--yes")
    assert code == Exit.REFUSED
    assert "DESTINATION_IN_USE" in said
    assert run("import", empty, "--org", "acme", "--prune", "--yes", "--force")[0] == 0
    assert not Destination.objects.live().exists()


def test_json_tells_all(acme, write):
    code, out, _ = run("import", write(YAML), "--org", "acme", "--json")
    told = orjson.loads(out)
    steps = told.pop("steps")
    assert code == 0
    assert told == {
        "applied": True,
        "created": 2,
        "updated": 0,
        "kept": 0,
        "pruned": 0,
        "left_out": [],
    }
    assert [step["op"] for step in steps] == ["create", "create"]


def test_every_fault_names_file_line_and_pointer(acme, write):
    wrong = YAML.replace("c.one", "c/one").replace("type: object", "type: objekt")
    path = write(wrong)
    code, out, said = run("import", path, "--org", "acme")
    assert (code, out) == (Exit.REFUSED, "")
    first, second = said.splitlines()
    assert first == (
        f"{path}:3: /actions/0/aliases/0: A variant or alias has no `/`. [INVALID_NAME]"
    )
    assert second.startswith(f"{path}:6: /actions/0/schema/type: ")
    assert not ActionDefinition.objects.exists()


def test_a_fault_of_a_folder_names_its_file(acme, write, tmp_path):
    (tmp_path / "all").mkdir()
    write(YAML, "all/a.yaml")
    other = write(b'{"actions": [{"variant": "b",\n "schema": 1}]}', "all/b.json")
    code, _, said = run("import", str(tmp_path / "all"), "--org", "acme")
    assert code == Exit.REFUSED
    assert said.startswith(f"{other}:2: /actions/1/schema: ")


# What is handed in, with which end, and what is said of it.
UNREADABLE = {
    "no UTF-8": (b"actions:\n- variant: \xff\n", Exit.REFUSED, ":2: "),
    "an alias bomb": (
        "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + "".join(
            f"{chr(98 + one)}: &{chr(98 + one)} [{', '.join([f'*{chr(97 + one)}'] * 10)}]\n"
            for one in range(9)
        ),
        Exit.REFUSED,
        "too large",
    ),
    "a loop": ("actions: &a [*a]\n", Exit.REFUSED, ":1:"),
    "a tag": ("actions: !!python/object:os.system []\n", Exit.REFUSED, "tag"),
    "deep nesting": ("[" * 5_000 + "]" * 5_000, Exit.REFUSED, "deeper"),
    "nothing": ("", Exit.REFUSED, "empty"),
    "no bundle": ("- 1\n", Exit.REFUSED, "INVALID_BUNDLE"),
    "a number that is none": ("actions: [{variant: a, schema: {const: .nan}}]", Exit.REFUSED, ":1"),
}


@pytest.mark.parametrize("kind", UNREADABLE)
def test_what_cannot_be_read_is_refused(acme, write, kind):
    text, code, said = UNREADABLE[kind]
    ended, out, told = run("import", write(text), "--org", "acme")
    assert (ended, out) == (code, "")
    assert said in told


@pytest.mark.parametrize(
    "text",
    [YAML.replace("\n", "\r\n"), "\ufeff" + YAML, "\ufeff" + YAML.replace("\n", "\r\n")],
    ids=["CRLF", "a BOM", "both"],
)
def test_how_a_file_is_written_is_no_matter(acme, write, text):
    assert run("import", write(text), "--org", "acme")[0] == 0
    assert run("import", write(YAML), "--org", "acme", "--dry-run")[0] == Exit.DONE


def test_what_is_not_there_ends_with_two(acme, write, tmp_path):
    assert run("import", str(tmp_path / "none.yaml"), "--org", "acme")[0] == Exit.UNABLE
    for name in ("nobody", "0", "9" * 30, "٣"):
        assert run("import", write(YAML), "--org", name)[0] == Exit.UNABLE
        assert run("export", name)[0] == Exit.UNABLE


def test_a_database_that_is_full_or_away_ends_with_two(acme, write, monkeypatch):
    for error in (DatabaseError("could not extend file: No space left"), OperationalError("gone")):

        def fail(error=error, **given):
            raise error

        monkeypatch.setattr(services, "apply", fail)
        code, _, said = run("import", write(YAML), "--org", "acme")
        assert code == Exit.UNABLE
        assert str(error) in said


def test_a_database_that_is_not_migrated_ends_with_two(acme, write):
    for change in (
        "ALTER TABLE actions_actiondefinition RENAME COLUMN description TO said",
        "ALTER TABLE orgs_organization RENAME TO orgs_old",
    ):
        with connection.cursor() as cursor:
            cursor.execute(change)
        with transaction.atomic():
            ended = run("import", write(YAML), "--org", "acme", "--dry-run")
            transaction.set_rollback(True)
        assert ended[0] == Exit.UNABLE
        assert "older than this release: run manage.py migrate" in ended[2]


def test_another_fault_of_a_statement_is_a_bug(acme, write, monkeypatch):
    def fail(**given):
        with connection.cursor() as cursor:
            cursor.execute("SELECT FROM WHERE")

    monkeypatch.setattr(plans, "plan", fail)
    with pytest.raises(ProgrammingError, match="syntax error"), transaction.atomic():
        run("import", write(YAML), "--org", "acme")


def test_a_plan_that_is_overtaken_ends_with_one(acme, write, monkeypatch):
    apply = services.apply

    def later(*, plan, progress):
        factories.make_definition(acme)
        return apply(plan=plan, progress=progress)

    monkeypatch.setattr(services, "apply", later)
    code, _, said = run("import", write(YAML), "--org", "acme")
    assert code == Exit.REFUSED
    assert "PLAN_STALE" in said
    assert "(variant 'count'" in said


class Full(io.StringIO):
    """Standard output on a full disk, from the write with such a text on."""

    def __init__(self, text):
        super().__init__()
        self.text = text

    def write(self, written):
        if self.text in written:
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(written)


@pytest.mark.parametrize(
    ("text", "arguments", "said", "applied"),
    [
        # A plan that nobody could be shown is not applied.
        ("+ hook", [], "Nothing was changed.", False),
        ("It would be", ["--dry-run"], "Nothing was changed.", False),
        ("Done", [], "Done all the same: 2 created, 0 updated, 0 kept, 0 pruned.", True),
        ("{", ["--json"], "Done all the same: 2 created, 0 updated, 0 kept, 0 pruned.", True),
    ],
)
def test_what_is_applied_is_told_where_standard_output_is_full(
    acme, write, text, arguments, said, applied
):
    command = load_command_class("bundles", "import")
    command.stdout = OutputWrapper(Output(Full(text)))
    with pytest.raises(CommandError) as caught:
        call_command(command, write(YAML), "--org", "acme", *arguments)
    assert caught.value.returncode == Exit.UNABLE
    assert str(caught.value) == (
        f"Standard output cannot be written: No space left on device. {said}"
    )
    assert ActionDefinition.objects.exists() == applied


def test_nothing_that_a_file_holds_steers_a_terminal(acme, write):
    code, _, said = run(
        "import", str(write('{"\\u001b[2J\\nDone: all of it": 1}')), "--org", "acme"
    )
    assert code == 1
    assert "\x1b" not in said
    assert len(said.strip().split("\n")) == 1


@pytest.mark.django_db(transaction=True)
def test_a_full_standard_output_and_a_large_bundle_end_well(acme, tmp_path):
    """In a process of its own: its exit code, and the memory that it takes."""
    many = [action(f"v{one}", aliases=[f"a{one}"]) for one in range(2_000)]
    path = tmp_path / "many.json"
    path.write_bytes(orjson.dumps(bundle(*many)))
    url = urlsplit(os.environ["DATABASE_URL"])
    database = url._replace(path=f"/{connection.settings_dict['NAME']}").geturl()
    measured = (
        "import os, re, sys; from django.core.management import execute_from_command_line as run;"
        "run(['manage.py', 'import', sys.argv[1], '--org', 'acme']);"
        "print(re.search(r'VmHWM:\\s*(\\d+) kB', open('/proc/self/status').read())[1], flush=True);"
        "os.dup2(os.open('/dev/full', os.O_WRONLY), 1); run(['manage.py', 'export', 'acme'])"
    )
    environment = os.environ | {
        "DATABASE_URL": database,
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
    done = subprocess.run(
        [sys.executable, "-c", measured, path],
        cwd=settings.BASE_DIR,
        env=environment,
        text=True,
        check=False,
        capture_output=True,
    )
    *_, told, kilobytes = done.stdout.splitlines()
    assert told == "Done: 2,000 created, 0 updated, 0 kept, 0 pruned."
    assert int(kilobytes) < 300_000
    assert done.returncode == Exit.UNABLE
    told = done.stderr.splitlines()
    assert "Standard output cannot be written: No space left on device." in told
