"""Waybill on this machine, alone, with more than one dispatcher, and ways to end them."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.database import Database
from tests.end_to_end.clients import Api, fetch
from tests.end_to_end.processes import MANAGE, Processes, find_free_port, wait_until

HERE = Path(__file__).parent
DISPATCHERS = 2
WORKERS = 2
NEWEST_WORKER = "SELECT coalesce(max(id), 0) FROM procrastinate_workers"
LISTENERS = "SELECT count(*) FROM pg_stat_activity WHERE query = 'LISTEN waybill_due'"


class Installation:
    """The real processes. Web is one of them; dispatchers and workers come and go by name."""

    def __init__(self, home: Path) -> None:
        self.processes = Processes(home)
        self.database = Database(home)
        self.dispatchers: list[str] = []
        # With the number that each has given itself in the database.
        self.workers: dict[str, int] = {}
        self.web = ""
        self._numbers = itertools.count(1)

    def start(self) -> None:
        """Everything from an empty folder, by the commands that an operator has."""
        self.database.start()
        self.receiver_port = self.processes.start_receiver(HERE / "receiver.py")
        self.processes.manage("migrate", "--verbosity=0")
        facts = self.processes.bootstrap("Chaos")
        self.api = Api(find_free_port(), facts["org_id"], facts["api_key"])
        self.complete_dispatchers()
        self.complete_workers()
        self.start_web()

    def stop(self) -> None:
        """End everything; what is still there ends well, as it would for an operator."""
        try:
            wait_until(self._all_listen, seconds=30)
            codes = self.processes.stop()
            assert set(codes.values()) <= {0}, codes
        finally:
            self.database.stop()

    def start_web(self) -> None:
        """A web process that answers, where the last one did."""
        self.web = f"web-{next(self._numbers)}"
        self.processes.start(self.web, *MANAGE, "web", f"--port={self.api.port}")
        wait_until(self.is_healthy, seconds=30)

    def start_dispatcher(self, **environment: str) -> str:
        """One more dispatcher."""
        name = f"dispatch-{next(self._numbers)}"
        self.processes.start(name, *MANAGE, "dispatch", **environment)
        self.dispatchers.append(name)
        return name

    def start_skewed_dispatcher(self, seconds: int) -> str:
        """One whose wall clock is off."""
        path = os.pathsep.join([str(HERE / "skew"), os.environ.get("PYTHONPATH", "")])
        return self.start_dispatcher(PYTHONPATH=path, CHAOS_CLOCK_OFF=str(seconds))

    def complete_dispatchers(self) -> None:
        """As many dispatchers as there should be."""
        while len(self.dispatchers) < DISPATCHERS:
            self.start_dispatcher()

    def complete_workers(self) -> None:
        """As many workers as there should be."""
        while len(self.workers) < WORKERS:
            name = f"worker-{next(self._numbers)}"
            before = self._find_newest_worker()
            self.processes.start(name, *MANAGE, "worker")
            wait_until(lambda least=before: self._find_newest_worker() > least, seconds=30)
            self.workers[name] = self._find_newest_worker()

    def reconcile(self) -> list[str]:
        """What `manage.py reconcile` finds wrong."""
        done = self.processes.run("reconcile")
        if done.returncode == 0:
            return []
        return [f"reconcile ended with {done.returncode}: {done.stdout}{done.stderr}"]

    def kill_worker(self, name: str) -> None:
        """SIGKILL one of them."""
        del self.workers[name]
        self._kill(name)

    def kill_web(self) -> None:
        """SIGKILL the web process and all of its workers."""
        self._kill(self.web)

    def kill_dispatcher(self, name: str) -> None:
        """SIGKILL one of them."""
        self.dispatchers.remove(name)
        self._kill(name)

    def end_dispatcher(self, name: str) -> None:
        """End one of them as an operator does."""
        # Who has not quite begun ends by the signal, and not well.
        wait_until(self._all_listen, seconds=30)
        self.dispatchers.remove(name)
        self._end(name)

    def renew_workers(self) -> None:
        """Others in their place: one that had lost the database goes by a new number."""
        names, self.workers = list(self.workers), {}
        for name in names:
            self.processes.started[name].terminate()
        for name in names:
            self._end(name)
        self.complete_workers()

    def find_fallen(self) -> list[str]:
        """What has ended by itself, which nothing should; it is replaced."""
        fallen = [
            (name, process.returncode)
            for name, process in self.processes.started.items()
            if process.poll() is not None
        ]
        for name, _ in fallen:
            del self.processes.started[name]
            self.workers.pop(name, None)
            if name in self.dispatchers:
                self.dispatchers.remove(name)
        self.complete_dispatchers()
        self.complete_workers()
        if self.web not in self.processes.started:
            self.start_web()
        return [f"{name} has ended by itself (exit code {code})" for name, code in fallen]

    def is_healthy(self) -> bool:
        """Whether web answers and reaches its database."""
        try:
            return bool(fetch(self.api.port, "GET", "/healthz") == (200, {"status": "ok"}))
        except OSError:
            return False

    def _find_newest_worker(self) -> int:
        return int(self.database.rows(NEWEST_WORKER)[0][0])

    def _all_listen(self) -> bool:
        return bool(self.database.rows(LISTENERS)[0][0] >= len(self.dispatchers))

    def _end(self, name: str) -> None:
        process = self.processes.started.pop(name)
        process.terminate()
        assert process.wait(30) == 0, self.processes.log(name).read_text()

    def _kill(self, name: str) -> None:
        process = self.processes.started.pop(name)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@contextmanager
def installed() -> Iterator[Installation]:
    """An installation that runs; nothing is left of it afterwards."""
    home = Path(tempfile.mkdtemp(prefix="waybill-chaos-"))
    # PostgreSQL may not run as root: its own user must be able to come by.
    home.chmod(0o711)
    installation = Installation(home)
    try:
        installation.start()
        yield installation
    except BaseException:
        for log in sorted(home.glob("*.log")):
            sys.stderr.write(f"--- {log.name}\n{log.read_text()[-2_000:]}\n")
        raise
    finally:
        try:
            installation.stop()
        finally:
            shutil.rmtree(home, ignore_errors=True)
