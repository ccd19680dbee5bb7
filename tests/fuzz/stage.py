"""What is fuzzed: the real processes of an installation, its rows, and nowhere to go but here."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.end_to_end.clients import fetch
from tests.end_to_end.processes import MANAGE, Processes, find_free_port, wait_until

ORG = "Fuzzed"
PROCESSES = ("web", "dispatch", "worker")
# The receiver leaves what it gets here waiting for its settlement.
WAIT = "/wait"
PATHS = ("/ok", "/gone", WAIT)


@dataclass(frozen=True)
class Stage:
    """Everything runs, and this is how to reach it."""

    url: str
    receiver: str
    org_id: str
    key: str
    home: Path

    def read_errors(self) -> list[str]:
        """What the processes have logged as our fault, by now."""
        logs = [self.home / f"{name}.log" for name in PROCESSES]
        return [line for log in logs for line in log.read_text().splitlines() if " ERROR " in line]


@contextmanager
def set_up() -> Iterator[Stage]:
    """An installation from an empty folder, by the commands that an operator has."""
    home = Path(tempfile.mkdtemp(prefix="waybill-fuzz-"))
    # The database server's user passes through.
    home.chmod(0o711)
    processes = Processes(home)
    try:
        yield start(processes)
    finally:
        processes.stop()
        shutil.rmtree(home)


def start(processes: Processes) -> Stage:
    """Web, dispatcher and worker, which call nothing but the receiver."""
    receiver_port = processes.start_receiver()
    receiver = f"http://127.0.0.1:{receiver_port}"
    processes.environment |= {
        "WAYBILL_ALLOW_PRIVATE_NETWORKS": "false",
        "WAYBILL_OUTBOUND_NETWORKS": "127.0.0.1",
        # 443 for the hosts of examples, which nobody has.
        "WAYBILL_OUTBOUND_PORTS": f"443,{receiver_port}",
        "WAYBILL_AWS_ENDPOINT": receiver,
        "WAYBILL_PUBSUB_ENDPOINT": f"127.0.0.1:{receiver_port}",
        # Wrong keys, and very many requests, are what this is about.
        "WAYBILL_WRONG_KEYS_PER_MINUTE": "0",
        "WAYBILL_GATEWAY_REQUESTS_PER_HOUR": "999999",
        "WAYBILL_ORGANIZATIONS_PER_USER": "999999",
        "WAYBILL_HTTPS": "false",
    }
    processes.manage("migrate", "--verbosity=0")
    facts = processes.bootstrap(ORG)
    code = f"from tests.fuzz.rows import make; make({facts['org_id']}, {receiver + WAIT!r})"
    processes.manage("shell", "--no-imports", "-c", code)
    port = find_free_port()
    for name in PROCESSES:
        processes.start(name, *MANAGE, name, *([f"--port={port}"] if name == "web" else []))
    wait_until(lambda: is_healthy(port), seconds=30)
    url = f"http://127.0.0.1:{port}"
    return Stage(url, receiver, facts["org_id"], facts["api_key"], processes.home)


def is_healthy(port: int) -> bool:
    try:
        return bool(fetch(port, "GET", "/healthz") == (200, {"status": "ok"}))
    except OSError:
        return False
