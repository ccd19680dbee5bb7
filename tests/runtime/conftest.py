import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from runtime import processes
from runtime.embedded_postgres import EmbeddedPostgres
from runtime.home import REPOSITORY
from runtime.postgres_place import Account

# Only root changes users.
collect_ignore = ["test_postgres_place.py"] if os.geteuid() else []


def find_servers(folder: Path) -> list[int]:
    """The pids of the PostgreSQL servers whose data is under a folder."""
    pids = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
    return [
        pid
        for pid in pids
        if (command := processes.read_command(pid))[1:2] == ["-D"]
        and command[2].startswith(str(folder))
    ]


def wait_until(is_true, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not (found := is_true()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found


def manage(*arguments):
    command = [sys.executable, REPOSITORY / "manage.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def used_home():
    """A home whose database has been made: initdb takes longer than most tests."""
    with make_home() as folder, pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("WAYBILL_POSTGRES_FSYNC", "off")
        server = EmbeddedPostgres(folder)
        server.start()
        server.stop()
        yield folder


@pytest.fixture
def home(used_home, monkeypatch):
    """The home with a database that the tests share; none finds a server running in it."""
    monkeypatch.setenv("WAYBILL_POSTGRES_FSYNC", "off")
    yield used_home
    end_servers(used_home)


@pytest.fixture
def empty_home(monkeypatch):
    """A home folder of the test's own."""
    monkeypatch.setenv("WAYBILL_POSTGRES_FSYNC", "off")
    with make_home() as folder:
        yield folder


@pytest.fixture
def bare(home, monkeypatch):
    """An operator who has set nothing."""
    for name in ("DATABASE_URL", "SECRET_KEY", "WAYBILL_ENCRYPTION_KEYS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("WAYBILL_HOME", str(home))
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "config.settings")
    return home


@contextmanager
def make_home():
    """A home that (unlike pytest's folders) every user can pass through."""
    folder = Path(tempfile.mkdtemp(prefix="waybill-test-"))
    folder.chmod(0o711)
    yield folder
    end_servers(folder)
    shutil.rmtree(folder)


def end_servers(folder):
    for pid in find_servers(folder):
        processes.end(pid, [(signal.SIGQUIT, 5), (signal.SIGKILL, 5)])


@pytest.fixture
def start_script(start_process):
    """Start a Python script in a process of its own, ended with the test."""

    def start(script, *arguments, python=sys.executable, **options):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        return start_process([python, "-c", script, *arguments], **pipes | options)

    return start


@pytest.fixture
def ordinary_user():
    """What starts a Python as an ordinary user, even in a test run by root.

    Root's user for this may be unable to read the clone, so it gets a copy of what it needs.
    """
    python = find_python_for(nobody := Account.find_nobody())
    if os.geteuid() or python is None:
        yield {}
        return
    with make_home() as folder:
        folder.chmod(0o755)
        shutil.copytree(REPOSITORY / "runtime", folder / "runtime")
        packages = Path(psycopg.__file__).parent.parent
        for name in ("psycopg*", "embedded_postgres*", "typing_extensions.py"):
            for found in packages.glob(name):
                copy = shutil.copytree if found.is_dir() else shutil.copy
                copy(found, folder / found.name)
        yield {"python": python, "cwd": folder, "env": os.environ, **nobody.popen_options()}


def find_python_for(account: Account) -> str | None:
    """This version of Python, where that account can run it; its venv may be out of reach."""
    version = f"python3.{sys.version_info.minor}"
    places = (Path(sys.executable).resolve(), Path("/usr/bin") / version)
    return next(
        (str(one) for one in places if one.exists() and account.can_enter(one.resolve().parent)),
        None,
    )
