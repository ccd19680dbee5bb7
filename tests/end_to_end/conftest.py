"""Waybill as it runs on a machine: its own database, web, dispatcher, and a receiver."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path

import pytest

from runtime.processes import read_command
from tests.end_to_end.clients import Api, Receiver, fetch
from tests.end_to_end.processes import (
    MANAGE,
    Processes,
    find_free_port,
    wait_until,
)


@dataclass(frozen=True)
class Installation:
    """Everything runs, and this is how to reach it."""

    api: Api
    receiver: Receiver
    processes: Processes


@pytest.fixture(scope="session")
def home() -> Iterator[Path]:
    """A folder that, unlike pytest's, the database server's user can pass through."""
    folder = Path(tempfile.mkdtemp(prefix="waybill-e2e-"))
    folder.chmod(0o711)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def installation(home: Path) -> Iterator[Installation]:
    processes = Processes(home)
    try:
        yield start(processes)
        postgres = processes.find_postgres()
        codes = processes.stop()
        assert codes == {"receiver": 0, "web": 0, "dispatch": 0}
        wait_until(lambda: not read_command(postgres), seconds=5)
    finally:
        if processes.started:
            processes.stop()


def start(processes: Processes) -> Installation:
    """Everything from an empty folder, by the commands that an operator has."""
    receiver = Receiver(processes.start_receiver())
    processes.manage("migrate", "--verbosity=0")
    facts = processes.bootstrap("Acme")
    api = Api(find_free_port(), facts["org_id"], facts["api_key"])
    processes.start("web", *MANAGE, "web", f"--port={api.port}")
    processes.start("dispatch", *MANAGE, "dispatch")
    wait_until(lambda: is_healthy(api.port), seconds=30)
    return Installation(api, receiver, processes)


def is_healthy(port: int) -> bool:
    try:
        return bool(fetch(port, "GET", "/healthz") == (200, {"status": "ok"}))
    except (OSError, HTTPException, ValueError):
        # Not there yet, or not itself.
        return False


@pytest.fixture(scope="session")
def api(installation: Installation) -> Api:
    return installation.api


@pytest.fixture(scope="session")
def receiver(installation: Installation) -> Receiver:
    return installation.receiver
