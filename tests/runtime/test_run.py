import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from runtime import processes
from runtime.home import REPOSITORY
from tests.runtime.conftest import find_servers, manage, wait_until


@pytest.fixture
def port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


@pytest.fixture
def start(port, tmp_path):
    """Start a command on the free port; return it and the file it writes to."""
    started = []

    def start(*arguments):
        file = tmp_path / "output"
        with file.open("w") as output:
            command = [sys.executable, REPOSITORY / "manage.py", *arguments, f"--port={port}"]
            started.append(subprocess.Popen(command, stdout=output, stderr=output))
        return started[0], file

    yield start
    for process in started:
        process.kill()
        process.wait()
    wait_until(lambda: not find_processes(f"--port={port}"))


def find_processes(argument):
    pids = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
    return [pid for pid in pids if argument in processes.read_command(pid)]


def send(curl):
    """Do what a shell would do with the printed command."""
    words = shlex.split(curl.replace("\\\n", " "))
    _, _, method, url, _, key, _, kind, _, body = words
    headers = dict(header.split(": ") for header in (key, kind))
    request = urllib.request.Request(url, body.encode(), headers, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def test_run_says_all_that_is_needed_and_stops_without_leftovers(bare, start, port):
    run, output = start("run")
    wait_until(lambda: "Ctrl-C" in output.read_text() or run.poll() is not None, 30)
    told = output.read_text()

    assert f"http://127.0.0.1:{port}/docs" in told
    assert "Password" in told
    curl = told[told.index("  curl") :]
    assert send(curl)["data"]["variant"] == "hello"

    run.send_signal(signal.SIGINT)
    assert run.wait(timeout=20) == 0
    assert output.read_text().endswith("Stopped.\n")
    assert not find_processes(f"--port={port}")
    assert not find_servers(bare)


def test_web_takes_its_workers_along_when_it_is_killed(bare, start, port):
    web, _ = start("web")
    workers = [pid for pid in wait_for_processes(port, 3) if pid != web.pid]

    os.kill(web.pid, signal.SIGKILL)
    web.wait()
    for pid in workers:
        wait_until(lambda pid=pid: not processes.read_command(pid))


def test_web_replaces_a_worker_that_died(bare, start, port):
    web, _ = start("web")
    before = wait_for_processes(port, 3)
    killed = before[-1]
    os.kill(killed, signal.SIGKILL)

    wait_until(lambda: killed not in find_processes(f"--port={port}"))
    assert len(wait_for_processes(port, 3)) == 3
    assert web.poll() is None
    web.terminate()
    assert web.wait(timeout=15) == 0


def wait_for_processes(port, number):
    wait_until(lambda: len(find_processes(f"--port={port}")) == number, 20)
    return find_processes(f"--port={port}")


def test_a_port_in_use_is_one_clear_line(bare):
    with socket.create_server(("127.0.0.1", 0), reuse_port=True) as taken:
        port = taken.getsockname()[1]
        refused = manage("run", f"--port={port}")

    assert refused.returncode == 2
    assert refused.stderr == f"Port {port} is in use: choose another one (PORT=8001).\n"
