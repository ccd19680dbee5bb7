"""Waybill on two hosts, or twice on one: each has a web process and a dispatcher."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from runtime import postgres_server
from tests.chaos.clients import Receiver
from tests.chaos.database import Database
from tests.chaos.installation import HERE as CHAOS
from tests.chaos.installation import LISTENERS
from tests.end_to_end.clients import Api, fetch
from tests.end_to_end.processes import MANAGE, Processes, find_free_port, wait_until
from tests.hosts.network import HUB, NETWORK, Network

LOOPBACK = "127.0.0.1"
WEB_PORT = 8_000
# So few that the receiver's slowness is what bounds a dispatcher, and not this machine.
CONCURRENCY = 4


@dataclass
class Host:
    """Where a web process and a dispatcher run."""

    number: int
    address: str
    port: int
    # What a command begins with that is to run there.
    enter: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)


class Site:
    """One database, one receiver, two hosts."""

    def __init__(self, home: Path, network: Network | None) -> None:
        self.network = network
        self.processes = Processes(home)
        self.database = Database(home)
        self.address = HUB if network else LOOPBACK
        self.hosts: list[Host] = []
        self.apis: list[Api] = []

    def start(self) -> None:
        """Everything but the dispatchers, from an empty folder."""
        self._start_database()
        script = CHAOS / "receiver.py"
        self.receiver_port = self.processes.start_receiver(script, self.address)
        self.processes.manage("migrate", "--verbosity=0")
        facts = self.processes.bootstrap("Hosts")
        self.hosts = [self._add_host(number) for number in (1, 2)]
        for host in self.hosts:
            self.apis.append(Api(host.port, facts["org_id"], facts["api_key"], host=host.address))
            place = (f"--host={host.address}", f"--port={host.port}")
            self._start(host, "web", *place, "--workers=1")
        for host in self.hosts:
            wait_until(lambda here=host: self.is_healthy(here), seconds=30)

    def start_dispatcher(self, host: Host) -> None:
        """Its dispatcher; returns when it is at work."""
        before = self._count_listeners()
        self._start(host, "dispatch", f"--concurrency={CONCURRENCY}")
        wait_until(lambda: self._count_listeners() > before, seconds=30)

    def stop(self) -> None:
        """End everything; all of it ends well."""
        try:
            codes = self.processes.stop()
            assert set(codes.values()) <= {0}, codes
        finally:
            self.database.stop()

    def is_healthy(self, host: Host) -> bool:
        """Whether its web process answers and reaches the database."""
        try:
            found = fetch(host.port, "GET", "/healthz", host=host.address, seconds=5)
        except OSError:
            return False
        return bool(found == (200, {"status": "ok"}))

    def make_receiver(self, variant: str) -> Receiver:
        """The receiver that a new variant's actions go to."""
        receiver = Receiver(self.receiver_port, variant, self.address)
        config = {"url": receiver.url, "signaling": {"enabled": True, "default": "ack"}}
        body = {"label": variant, "type": "webhook", "config": config}
        self.apis[0].link(variant, True, self.apis[0].data("PUT", "~/destinations", body))
        return receiver

    def _start(self, host: Host, command: str, *arguments: str) -> None:
        name = f"{command}-{host.number}"
        self.processes.start(name, *host.enter, *MANAGE, command, *arguments, **host.environment)

    def _start_database(self) -> None:
        if self.network:
            self.network.open()
            # The hosts come by TCP, and with the password.
            postgres_server.SETTINGS["listen_addresses"] = self.address
        self.database.start()
        if self.network:
            with (self.database.home / "postgres/data/pg_hba.conf").open("a") as rules:
                rules.write(f"host all all {NETWORK}.0/24 scram-sha-256\n")
            self.database.rows("SELECT pg_reload_conf()")

    def _add_host(self, number: int) -> Host:
        if not self.network:
            return Host(number, LOOPBACK, find_free_port())
        address, enter = self.network.add_host(number)
        login, _, name = self.database.url.partition("@/")
        url = f"{login}@{self.address}/{name.partition('?')[0]}"
        environment = {"DATABASE_URL": url, "ALLOWED_HOSTS": address}
        return Host(number, address, WEB_PORT, enter, environment)

    def _count_listeners(self) -> int:
        return int(self.database.rows(LISTENERS)[0][0])


@contextmanager
def opened(network: Network | None = None) -> Iterator[Site]:
    """A site without dispatchers; nothing is left of it afterwards."""
    home = Path(tempfile.mkdtemp(prefix="waybill-hosts-"))
    # PostgreSQL may not run as root: its own user must be able to come by.
    home.chmod(0o711)
    site = Site(home, network)
    try:
        site.start()
        yield site
    except BaseException:
        for log in sorted(home.glob("*.log")):
            sys.stderr.write(f"--- {log.name}\n{log.read_text()[-2_000:]}\n")
        raise
    finally:
        try:
            site.stop()
        finally:
            if network:
                network.close()
            shutil.rmtree(home, ignore_errors=True)
