import os
import runpy
import signal
import sys

import pytest
from cryptography.fernet import Fernet

from runtime.home import REPOSITORY
from tests.runtime.conftest import find_servers, manage, wait_until

PREPARED = """
import os, sys
from runtime import environment
with environment.prepared_for(["manage.py", "migrate"]):
    print(os.environ["DATABASE_URL"], flush=True)
    print(os.environ["SECRET_KEY"], os.environ["WAYBILL_ENCRYPTION_KEYS"], flush=True)
    sys.stdin.read()
"""


def test_a_command_gets_a_database_and_lasting_keys(bare, start_script):
    keys = []
    for _ in range(2):
        command = start_script(PREPARED)
        assert command.stdout.readline().startswith("postgres://waybill:")
        keys.append(command.stdout.readline())
        assert len(find_servers(bare)) == 1
        command.communicate()
        assert not find_servers(bare)

    assert keys[0] == keys[1]
    for number, name in enumerate(("secret_key", "encryption_keys")):
        assert (bare / name).stat().st_mode & 0o777 == 0o600
        assert (bare / name).read_text().strip() == keys[0].split()[number]
    Fernet((bare / "encryption_keys").read_text().strip())


def test_encryption_keys_that_an_operator_gives_are_used_and_none_are_made(
    bare, start_script, monkeypatch
):
    given = Fernet.generate_key().decode()
    (bare / "encryption_keys").unlink(missing_ok=True)
    monkeypatch.setenv("WAYBILL_ENCRYPTION_KEYS", given)
    command = start_script(PREPARED)
    command.stdout.readline()

    assert command.stdout.readline().split()[1] == given
    assert not (bare / "encryption_keys").exists()
    command.communicate()


def test_encryption_keys_that_are_none_are_one_clear_line(bare, monkeypatch):
    monkeypatch.setenv("WAYBILL_ENCRYPTION_KEYS", "nonsense")
    answer = manage("migrate", "--check")

    assert answer.returncode == 2
    assert "WAYBILL_ENCRYPTION_KEYS holds keys of 32 bytes" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_command_ended_by_a_signal_leaves_no_server_behind(bare, start_script, number):
    command = start_script(PREPARED)
    command.stdout.readline()
    command.send_signal(number)

    command.communicate()
    assert command.returncode != 0
    wait_until(lambda: not find_servers(bare))


def test_a_command_that_reads_only_code_makes_nothing(bare, empty_home, monkeypatch):
    monkeypatch.setenv("WAYBILL_HOME", str(empty_home))

    assert manage("migrate", "--help").returncode == 0
    assert not list(empty_home.iterdir())


def test_an_unreachable_database_is_one_clear_line(bare, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://waybill:hidden@127.0.0.1:1/waybill")
    answer = manage("migrate")

    assert answer.returncode == 2
    assert "cannot be reached" in answer.stderr
    assert "correct DATABASE_URL" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1
    assert "hidden" not in answer.stderr
    assert not find_servers(bare)


def test_a_home_that_cannot_be_used_is_one_clear_line(bare, monkeypatch):
    (bare / "file").touch()
    monkeypatch.setenv("WAYBILL_HOME", str(bare / "file"))
    answer = manage("migrate")

    assert answer.returncode == 2
    assert "set WAYBILL_HOME" in answer.stderr
    assert len(answer.stderr.splitlines()) == 1


def test_another_python_is_refused_in_one_line(monkeypatch, capsys):
    monkeypatch.setattr(sys, "version_info", (3, 10, 4))
    with pytest.raises(SystemExit) as refused:
        runpy.run_path(os.fspath(REPOSITORY / "manage.py"))

    assert refused.value.code == 2
    assert capsys.readouterr().err == (
        "Waybill needs Python 3.11, 3.12 or 3.13, and this is 3.10.\n"
    )
