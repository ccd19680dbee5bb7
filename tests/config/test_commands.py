"""How a command ends: what stops it, in a sentence, and what becomes of it without its streams."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command, get_commands, load_command_class
from django.db import OperationalError

from config.commands import Exit, PlainCommand, TeachingCommand, UnableError
from config.errors import RuleError

GONE = BrokenPipeError(errno.EPIPE, "Broken pipe")
FULL = OSError(errno.ENOSPC, "No space left on device")


class Lost(io.StringIO):
    """A stream that fails when it is flushed, or when it is written."""

    def __init__(self, error, at="flush"):
        super().__init__()
        setattr(self, at, self.fail)
        self.error = error

    def fail(self, *_):
        raise self.error


class Working(TeachingCommand):
    """Does what a test says."""

    requires_system_checks = ()

    def __init__(self, work, **streams):
        super().__init__(**streams)
        self.work_so = work

    def work(self, **options):
        self.stdout.write("It is done.")
        return self.work_so(self) or Exit.DONE

    def tell_done(self):
        return "All is changed."


def run(work, **streams):
    """The exit code, and what is told on standard error, as at the command line."""
    errors = io.StringIO()
    streams = {"stdout": io.StringIO(), "stderr": errors} | streams
    with pytest.raises(SystemExit) as ended:
        Working(work, **streams).run_from_argv(["manage.py", "working", "--no-color"])
    return ended.value.code, errors.getvalue()


def fail(error):
    def work(command):
        raise error

    return work


def test_what_stops_a_command_is_told_without_the_name_of_a_class():
    assert run(fail(UnableError("No such file."))) == (2, "No such file.\n")
    assert run(fail(RuleError("It is wrong.", pointer="/a"))) == (
        1,
        "/a: It is wrong. [UNPROCESSABLE]\n",
    )
    assert run(fail(OperationalError("gone"))) == (2, "Database out of reach: gone\n")
    assert run(fail(KeyboardInterrupt())) == (130, "Broken off. Run it again for the rest.\n")
    assert run(lambda command: Exit.CHANGES) == (3, "")


def test_every_command_of_ours_does_so():
    ours = {name: app for name, app in get_commands().items() if (settings.BASE_DIR / app).is_dir()}

    assert {"export", "import", "import_records", "reconcile", "worker", "run"} <= set(ours)
    for name, app in ours.items():
        assert isinstance(load_command_class(app, name), PlainCommand), name


@pytest.mark.parametrize("at", ["flush", "write"])
@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (GONE, Exit.UNREAD, "Nobody reads standard output any more. All is changed.\n"),
        (
            FULL,
            Exit.UNABLE,
            "Standard output cannot be written: No space left on device. All is changed.\n",
        ),
    ],
)
def test_standard_output_that_is_lost_is_told_with_what_is_changed(at, error, code, said):
    assert run(lambda command: None, stdout=Lost(error, at)) == (code, said)


def test_standard_output_that_is_closed_from_the_start_is_told(monkeypatch):
    monkeypatch.setattr("sys.stdout", None)
    assert run(lambda command: None, stdout=None) == (
        Exit.UNABLE,
        "Standard output is closed. All is changed.\n",
    )


def test_a_fault_is_told_also_where_standard_output_is_lost():
    assert run(fail(UnableError("No such file.")), stdout=Lost(FULL)) == (2, "No such file.\n")


def test_a_file_that_cannot_be_written_is_not_taken_for_standard_output():
    with pytest.raises(OSError, match="No space left"):
        call_command(Working(fail(FULL), stdout=io.StringIO()))


def count(command):
    """Tell how far it has come, and something more."""
    with command.progress("Counting", 3) as steps:
        for _ in steps.over(range(3)):
            command.stderr.write("more")


class Terminal(Lost):
    """A terminal that has hung up."""

    def isatty(self):
        return True


@pytest.mark.parametrize("stream", [Lost, Terminal])
@pytest.mark.parametrize("at", ["flush", "write"])
def test_without_standard_error_the_work_goes_on(stream, at, monkeypatch):
    monkeypatch.setattr("config.commands.SECONDS_BETWEEN_LINES", 0)
    out = io.StringIO()
    call_command(Working(count, stdout=out, stderr=stream(FULL, at)))
    assert out.getvalue() == "It is done.\n"


def test_standard_error_that_is_closed_from_the_start_is_not_missed(monkeypatch):
    monkeypatch.setattr("sys.stderr", None)
    out = io.StringIO()
    call_command(Working(count, stdout=out))
    assert out.getvalue() == "It is done.\n"
    assert run(fail(UnableError("No such file.")), stderr=None) == (2, "")


def test_for_who_calls_it_from_python_it_is_an_exception():
    with pytest.raises(CommandError, match="Nobody reads") as caught:
        call_command(Working(lambda command: None, stdout=Lost(GONE)))
    assert caught.value.returncode == Exit.UNREAD


def test_nothing_is_left_for_the_interpreter_to_complain_of():
    """In a process of its own, on a real pipe that nobody reads."""
    reader, writer = os.pipe()
    os.close(reader)
    script = (
        "from config.streams import LostError, Output; import sys\n"
        "out = Output(sys.stdout)\n"
        "out.write('x')\n"
        "try: out.flush()\n"
        "except LostError as error: print(error, file=sys.stderr)\n"
    )
    buffered = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        cwd=settings.BASE_DIR,
        env=buffered,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "Nobody reads standard output any more.\n")
