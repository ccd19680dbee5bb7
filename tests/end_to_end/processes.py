"""The real processes of one installation, started and ended by their pids."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
RECEIVER = Path(__file__).with_name("receiver.py")
# Whatever becomes of the test run, the kernel ends these with it.
TETHER = [sys.executable, "-I", "-S", str(REPOSITORY / "runtime" / "tether.py"), str(os.getpid())]
MANAGE = [sys.executable, str(REPOSITORY / "manage.py")]
# What the suite has set for itself; this installation finds its own.
OURS = tuple(
    f"{name}{suffix}"
    for name in ("DATABASE_URL", "SECRET_KEY", "WAYBILL_ENCRYPTION_KEYS")
    for suffix in ("", "_FILE")
)
STOP_SECONDS = 20.0
# Linux gives out others, from 32,768 on: what listens at one of those may be anybody's by now.
PORTS = range(28_000, 32_000)


class Processes:
    """Processes that share a home folder. Each writes `<name>.log` into it."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.started: dict[str, subprocess.Popen[str]] = {}
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in OURS},
            "WAYBILL_HOME": str(home),
            "WAYBILL_POSTGRES_FSYNC": "off",
            "WAYBILL_HTTPS": "false",
            "WAYBILL_ALLOW_PRIVATE_NETWORKS": "true",
        }

    def manage(self, *arguments: str) -> str:
        """What a command prints; it must succeed."""
        done = self.run(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command that has ended, well or not."""
        return subprocess.run(
            [*TETHER, *MANAGE, *arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    def bootstrap(self, org: str) -> dict[str, Any]:
        """An organization with a key, as a script makes it."""
        facts: dict[str, Any] = json.loads(self.manage("bootstrap", "--org", org, "--json"))
        return facts

    def start(self, name: str, *command: str, **environment: str) -> subprocess.Popen[str]:
        """A process that runs until `stop`, leader of a session of its own."""
        with self.log(name).open("w") as log:
            self.started[name] = subprocess.Popen(
                [*TETHER, *command],
                env=self.environment | environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if name == "receiver" else log,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        return self.started[name]

    def start_receiver(self, script: Path = RECEIVER, *arguments: str) -> int:
        """The port of a receiver that listens."""
        receiver = self.start("receiver", sys.executable, str(script), *arguments)
        assert receiver.stdout
        return int(receiver.stdout.readline())

    def log(self, name: str) -> Path:
        return self.home / f"{name}.log"

    def find_postgres(self) -> int:
        """The pid of the embedded server."""
        return int((self.home / "postgres/data/postmaster.pid").read_text().split()[0])

    def stop(self) -> dict[str, int]:
        """End them by SIGTERM; the exit code of each. None of them leaves a child behind."""
        for process in self.started.values():
            process.terminate()
        codes = {name: _wait(process) for name, process in self.started.items()}
        self.started = {}
        return codes


def _wait(process: subprocess.Popen[str]) -> int:
    try:
        code = process.wait(STOP_SECONDS)
        wait_until(lambda: not _is_group_alive(process.pid), seconds=1)
    finally:
        if _is_group_alive(process.pid):
            os.killpg(process.pid, 9)
        process.wait()
        if process.stdout:
            process.stdout.close()
    return code


def _is_group_alive(pid: int) -> bool:
    try:
        os.killpg(pid, 0)
    except ProcessLookupError:
        return False
    return True


def find_free_port() -> int:
    """A port that is free, and that the kernel gives to nobody who asks for any."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def wait_until(is_true: Callable[[], Any], *, seconds: float) -> Any:
    """What `is_true` says as soon as it is not nothing."""
    deadline = time.monotonic() + seconds
    while not (found := is_true()):
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.05)
    return found
