import os
import shutil
import signal
import stat
import subprocess

import psycopg
import pytest

from runtime import processes
from runtime.embedded_postgres import EmbeddedPostgres
from runtime.errors import StartError
from tests.runtime.conftest import find_servers, wait_until

HOLD = """
import pathlib, sys
from runtime.embedded_postgres import EmbeddedPostgres
server = EmbeddedPostgres(pathlib.Path(sys.argv[1]))
print(server.start(), flush=True)
sys.stdin.read()
server.stop()
"""


@pytest.fixture
def server(home):
    server = EmbeddedPostgres(home)
    yield server
    server.stop()


@pytest.fixture
def new_server(empty_home):
    server = EmbeddedPostgres(empty_home)
    yield server
    server.stop()


def ask(url, query):
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(query).fetchone()


def keep_a_row(url):
    """Store a row for good, as tests run without synchronous commit."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE IF EXISTS kept")
        connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        connection.execute("CHECKPOINT")


def has_the_row(url):
    return ask(url, "SELECT number FROM kept") == (7,)


def let_go(holder):
    holder.communicate()
    assert holder.returncode == 0


def test_a_database_is_ready_for_use(server):
    url = server.start()

    assert ask(url, "SELECT current_database(), current_user") == ("waybill", "waybill")
    assert ask(url, "SHOW server_encoding") == ("UTF8",)
    assert ask(url, "SHOW listen_addresses") == ("",)


def test_the_data_outlives_the_server(server, home):
    keep_a_row(server.start())
    server.stop()
    assert not find_servers(home)

    assert has_the_row(server.start())


def test_nobody_gets_in_without_the_password(server, home):
    url = server.start()
    password = home / "postgres" / "password"

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        ask(url.replace(password.read_text(), "guess"), "SELECT 1")
    assert stat.S_IMODE(password.stat().st_mode) == 0o600


def test_the_last_of_two_holders_stops_the_server(server, home, start_script):
    other = start_script(HOLD, home)
    url = other.stdout.readline().strip()
    assert server.start() == url
    assert len(find_servers(home)) == 1

    let_go(other)
    assert ask(url, "SELECT 1") == (1,)
    server.stop()
    assert not find_servers(home)


def test_many_starters_at_once_share_one_server_after_a_half_done_initdb(empty_home, start_script):
    draft = empty_home / "postgres" / "data.draft"
    draft.mkdir(parents=True)
    (draft / "PG_VERSION").write_text("18\n")
    holders = [start_script(HOLD, empty_home) for _ in range(4)]

    assert len({holder.stdout.readline() for holder in holders}) == 1
    assert len(find_servers(empty_home)) == 1
    assert not draft.exists()
    for holder in holders:
        let_go(holder)
    assert not find_servers(empty_home)


def test_a_killed_holders_server_is_adopted_and_then_stopped(server, home, start_script):
    killed = start_script(HOLD, home)
    url = killed.stdout.readline().strip()
    (pid,) = find_servers(home)
    killed.kill()
    killed.wait()

    assert server.start() == url
    assert find_servers(home) == [pid]
    server.stop()
    assert not find_servers(home)


def test_a_killed_server_is_started_again_with_its_data(server, home):
    url = server.start()
    keep_a_row(url)
    (pid,) = find_servers(home)
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not find_servers(home))

    server.keep_up()
    assert find_servers(home) not in ([], [pid])
    assert has_the_row(url)


def test_a_process_that_outlived_its_postmaster_is_ended_first(server, home):
    url = server.start()
    busy = psycopg.connect(url)
    backend = busy.info.backend_pid
    os.kill(backend, signal.SIGSTOP)  # it cannot notice that its postmaster is gone
    os.kill(find_servers(home)[0], signal.SIGKILL)
    wait_until(lambda: not find_servers(home))

    server.keep_up()
    assert not processes.read_command(backend)
    assert ask(url, "SELECT 1") == (1,)
    busy.close()


def test_a_stranger_with_the_pid_of_the_last_server_is_let_be(server, home):
    server.start()
    data = home / "postgres" / "data"
    left_behind = {
        file: file.read_text().split("\n", 1)[1]
        for file in (data / "postmaster.pid", data / ".s.PGSQL.5432.lock")
    }
    server.stop()

    with subprocess.Popen(["sleep", "60"], user=data.stat().st_uid) as stranger:
        for file, rest in left_behind.items():
            file.write_text(f"{stranger.pid}\n{rest}")
        assert ask(server.start(), "SELECT 1") == (1,)
        server.stop()
        assert stranger.poll() is None
        stranger.kill()


@pytest.mark.parametrize(
    ("version", "complaint"),
    [
        ("17\n", "was made by PostgreSQL 17"),
        # A folder that is not understood may still hold what somebody needs.
        (None, "is no data of a PostgreSQL"),
    ],
)
def test_a_folder_with_data_is_never_wiped(new_server, empty_home, version, complaint):
    data = empty_home / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "precious").write_text("rows")
    if version:
        (data / "PG_VERSION").write_text(version)

    with pytest.raises(StartError, match=complaint):
        new_server.start()
    assert (data / "precious").read_text() == "rows"


def test_a_server_that_cannot_start_is_explained_and_not_held(server, home):
    control = home / "postgres" / "data" / "global" / "pg_control"
    aside = control.rename(control.with_suffix(".aside"))
    try:
        with pytest.raises(StartError, match=r"does not start \(see .*postgres.log\): .+"):
            server.start()
    finally:
        aside.rename(control)
    assert not find_servers(home)


def test_a_path_too_long_for_a_socket_gets_a_short_one(home, empty_home):
    folder = empty_home / ("long" * 30)
    folder.mkdir(mode=0o711)
    subprocess.run(["cp", "-a", home / "postgres", folder], check=True)
    server = EmbeddedPostgres(folder)
    try:
        (address,) = ask(server.start(), "SHOW unix_socket_directories")
    finally:
        server.stop()
    assert len(address) < 90
    shutil.rmtree(address.strip('"'))


def test_an_ordinary_user_needs_no_root(empty_home, start_script, ordinary_user):
    if ordinary_user:
        os.chown(empty_home, ordinary_user["user"], ordinary_user["group"])
    holder = start_script(HOLD, empty_home, **ordinary_user)

    assert holder.stdout.readline().startswith("postgres://waybill:")
    (pid,) = find_servers(empty_home)
    assert os.stat(f"/proc/{pid}").st_uid == ordinary_user.get("user", os.geteuid())
    let_go(holder)
    assert not find_servers(empty_home)
