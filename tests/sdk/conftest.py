"""Waybill's own web process, and workers beside it."""

from __future__ import annotations

import os
import sys

import pytest
from django.conf import settings

from tests import factories
from tests.dispatch.background import wait_until
from tests.end_to_end.conftest import is_healthy
from tests.end_to_end.processes import find_free_port

WORKER = settings.BASE_DIR / "tests" / "sdk" / "working.py"
SOURCE = settings.BASE_DIR / "sdk" / "python" / "src"


@pytest.fixture
def sdk(acme, transactional_db):
    """A destination whose actions are pulled; `count` leads there."""
    made = factories.make_destination(acme, "sdk")
    factories.make_definition(acme, to=made)
    factories.make_lane(made)
    return made


@pytest.fixture
def key(acme):
    return factories.make_key(acme)


@pytest.fixture
def url(start_command, transactional_db):
    """Where a web process answers."""
    port = find_free_port()
    start_command("web", f"--port={port}", "--workers=1")
    wait_until(lambda: is_healthy(port), seconds=30)
    return f"http://127.0.0.1:{port}"


class Working:
    """A worker's process, and what it has written."""

    def __init__(self, process, log):
        self.process = process
        self.log = log

    @property
    def lines(self):
        """(what, action id, attempt) of each line."""
        if not self.log.exists():
            return []
        return [tuple(line.split()) for line in self.log.read_text().splitlines()]

    def did(self, what):
        """Which attempts of which actions."""
        return [(int(one), int(attempt)) for said, one, attempt in self.lines if said == what]

    def wait_for(self, what, count=1):
        wait_until(lambda: len(self.did(what)) >= count, seconds=20)

    def end(self):
        """The exit code after SIGTERM."""
        self.process.terminate()
        return self.process.wait(20)


@pytest.fixture
def start_worker(start_process, url, key, tmp_path):
    started = []

    def start(mode="sync", **options):
        log = tmp_path / f"worker-{len(started)}.txt"
        given = [f"{name}={value}" for name, value in ({"wait_seconds": 1} | options).items()]
        process = start_process(
            [sys.executable, WORKER, mode, url, key, log, *given],
            env=os.environ | {"PYTHONPATH": str(SOURCE)},
        )
        started.append(Working(process, log))
        return started[-1]

    return start
