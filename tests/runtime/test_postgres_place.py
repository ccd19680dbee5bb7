import os
import shutil
import subprocess

import psycopg
import pytest

from runtime import postgres_binaries, postgres_place
from runtime.embedded_postgres import EmbeddedPostgres
from runtime.errors import StartError
from runtime.postgres_place import Account, Place, find_place
from tests.runtime.conftest import find_servers


@pytest.fixture
def system_folder(empty_home, monkeypatch):
    """A stand-in for /var/lib."""
    folder = empty_home / "system"
    folder.mkdir(mode=0o755)
    monkeypatch.setattr(postgres_place, "SYSTEM_FOLDERS", [folder])
    return folder


@pytest.fixture
def closed_home(empty_home, system_folder):
    """A home that only root can enter, like one under /root."""
    folder = empty_home / "closed"
    folder.mkdir(mode=0o700)
    return folder


def test_roots_data_is_kept_where_the_servers_user_gets(closed_home, system_folder, capsys):
    server = EmbeddedPostgres(closed_home)
    url = server.start()
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept (number int)")
    (pid,) = find_servers(system_folder)
    assert os.stat(f"/proc/{pid}").st_uid == Account.find_nobody().uid
    server.stop()
    assert "The database is kept in" in capsys.readouterr().err

    again = EmbeddedPostgres(closed_home)
    with psycopg.connect(again.start()) as connection:
        connection.execute("SELECT number FROM kept")
    again.stop()
    assert capsys.readouterr().err == ""


def test_a_moved_home_keeps_its_database_and_a_copy_gets_its_own(closed_home):
    here = find_place(closed_home)
    copy = shutil.copytree(closed_home, closed_home.with_name("copy"))
    assert find_place(copy) != here

    moved = closed_home.rename(closed_home.with_name("moved"))
    assert find_place(moved) == here
    assert find_place(copy) != here


def test_a_home_stays_where_its_data_is(closed_home, system_folder):
    (closed_home / "postgres" / "data").mkdir(parents=True)

    assert find_place(closed_home).folder == closed_home / "postgres"
    assert not list(system_folder.iterdir())


def test_the_owner_of_the_data_runs_the_server(empty_home):
    data = empty_home / "postgres" / "data"
    data.mkdir(parents=True)
    os.chown(data, 12345, 12346)

    assert find_place(empty_home).account == Account(12345, 12346)


def test_a_copy_that_root_made_of_the_data_goes_to_the_servers_user(home):
    data = home / "postgres" / "data"
    for path in (data, *data.rglob("*")):
        os.chown(path, 0, 0)
    server = EmbeddedPostgres(home)

    server.start()
    server.stop()
    assert data.stat().st_uid == Account.find_nobody().uid


def test_the_programs_are_copied_out_of_a_closed_venv(empty_home, monkeypatch):
    can_enter = Account.can_enter
    monkeypatch.setattr(
        Account,
        "can_enter",
        lambda user, folder: "embedded_postgres" not in folder.parts and can_enter(user, folder),
    )
    place = find_place(empty_home)
    for _ in range(2):
        binaries = postgres_binaries.find_binaries(place)
        assert binaries.is_relative_to(place.folder)

    command = [binaries / "postgres", "--version"]
    version = subprocess.check_output(command, text=True, **place.popen_options())
    assert f" {postgres_binaries.get_major_version()}." in version


def test_a_socket_folder_of_a_stranger_is_refused(empty_home, monkeypatch):
    place = Place(empty_home, Account.find_nobody())
    folder = empty_home / "sockets"
    folder.mkdir(mode=0o777)
    monkeypatch.setattr(Place, "socket_folder", folder)

    with pytest.raises(StartError, match="belongs to somebody else"):
        place.open_socket_folder()
