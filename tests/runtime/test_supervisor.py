import json
import os
import signal
import subprocess
import sys
import time

import pytest

from runtime import processes, supervisor
from tests.runtime.conftest import wait_until

SUPERVISE = """
import json, os, sys
from runtime import supervisor
supervisor.FIRST_DELAY = 0.05
supervisor.Supervisor(json.loads(sys.argv[1]), os.environ).run()
"""
# Stand-ins for the web server and the like: each notes its pid, starts a process of its own and
# notes that one's pid as well.
CHILD = """
import os, pathlib, signal, subprocess, sys, time
if sys.argv[2] == "stubborn":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
worker = subprocess.Popen(["sleep", "60"])
folder = pathlib.Path(sys.argv[1])
(folder / "draft").write_text(f"{os.getpid()} {worker.pid}")
(folder / "draft").rename(folder / "pids")
time.sleep(60)
"""


@pytest.fixture
def supervise(tmp_path, start_script):
    """Start a supervisor of two children; return it and what tells the pids of each."""

    def start(mood="mild"):
        folders = [tmp_path / "one", tmp_path / "two"]
        for folder in folders:
            folder.mkdir()
        commands = {
            folder.name: [sys.executable, "-c", CHILD, str(folder), mood] for folder in folders
        }
        process = start_script(SUPERVISE, json.dumps(commands), stderr=subprocess.DEVNULL)
        return process, [folder / "pids" for folder in folders]

    yield start
    for file in tmp_path.glob("*/pids"):
        for pid in read_pids(file):
            processes.end(pid, [(signal.SIGKILL, 5)])


def read_pids(file):
    wait_until(file.exists)
    return [int(pid) for pid in file.read_text().split()]


def is_gone(pid):
    return not processes.read_command(pid)


def test_a_child_that_dies_is_started_again_without_leftovers(supervise):
    _, (one, two) = supervise()
    child, worker = read_pids(one)
    others = read_pids(two)
    one.unlink()
    os.kill(child, signal.SIGKILL)

    assert read_pids(one) != [child, worker]
    wait_until(lambda: is_gone(worker))
    assert read_pids(two) == others


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_requested_stop_leaves_no_process_behind(supervise, number):
    process, files = supervise()
    pids = [pid for file in files for pid in read_pids(file)]
    process.send_signal(number)

    process.communicate()
    assert process.returncode == 0
    assert all(map(is_gone, pids))


def test_a_second_signal_ends_stubborn_children_at_once(supervise):
    process, files = supervise("stubborn")
    pids = [pid for file in files for pid in read_pids(file)]
    process.send_signal(signal.SIGINT)
    time.sleep(0.3)
    assert process.poll() is None

    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=2) == 0
    assert all(map(is_gone, pids))


def test_children_end_with_a_killed_supervisor(supervise):
    process, files = supervise()
    children = [read_pids(file)[0] for file in files]
    process.kill()
    process.wait()

    for child in children:
        wait_until(lambda child=child: is_gone(child))


def test_restarts_back_off_and_a_steady_child_starts_afresh(capsys):
    child = supervisor.Child("web", [sys.executable, "-S", "-c", ""], os.environ)
    now = 0.0
    for lifetime in (0, 0, 0, 0, 0, 0, 60, 0):
        child.keep_up(now)
        wait_until(child.has_ended)
        now += lifetime
        child.keep_up(now)
        now += supervisor.LONGEST_DELAY

    waits = [line.split(" in ")[1] for line in capsys.readouterr().err.splitlines()]
    assert waits == [f"{wait} s." for wait in (1, 2, 4, 8, 16, 30, 1, 2)]
