import json
import os
import sys
import time
from argparse import ArgumentParser
from http.client import HTTPConnection, HTTPException
from io import StringIO
from typing import Any

from django.apps import apps
from django.core.management import call_command
from django.db import connections

from config.commands import PlainCommand
from runtime import environment, ports, welcome
from runtime.home import REPOSITORY
from runtime.supervisor import Supervisor

CHILDREN = {
    "web": ("web", "--host={host}", "--port={port}", "--verbosity=0"),
    "dispatch": ("dispatch",),
    "worker": ("worker",),
}
# What suits one machine without certificates; what the operator has set goes first.
CHILD_SETTINGS = {
    "WAYBILL_ALLOW_PRIVATE_NETWORKS": "true",
    "WAYBILL_HTTPS": "false",
    # Mail is written to the screen.
    "EMAIL_URL": "consolemail://",
}
PATIENCE_SECONDS = 30


class Command(PlainCommand):
    help = "Run everything on this machine until Ctrl-C."
    # Checks may look into the database, so they come after its migration.
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--host", default="127.0.0.1", help="address (default: %(default)s)")
        parser.add_argument("--port", type=int, default=8000, help="default: %(default)s")

    def handle(self, *args: Any, **options: Any) -> None:
        ports.check_free(options["host"], options["port"])
        call_command("migrate", verbosity=0, interactive=False)
        self.check()
        facts = bootstrap_once()
        connections.close_all()
        commands = {
            name: [
                sys.executable,
                str(REPOSITORY / "manage.py"),
                *(argument.format(**options) for argument in arguments),
            ]
            for name, arguments in CHILDREN.items()
        }
        greeting = Greeting(options["host"], options["port"], facts)
        server = environment.held_server.get()

        def each_tick() -> None:
            if server:
                server.keep_up()
            greeting.give_when_healthy()

        Supervisor(commands, describe_child_environment()).run(each_tick)
        self.stdout.write("Stopped.")


def bootstrap_once() -> dict[str, Any] | None:
    """Make the demo organization when there is none at all; return its secrets."""
    if apps.get_model("orgs", "Organization").objects.exists():
        return None
    printed = StringIO()
    call_command("bootstrap", org="Demo", json=True, stdout=printed)
    facts: dict[str, Any] = json.loads(printed.getvalue())
    return facts


def describe_child_environment() -> dict[str, str]:
    child = CHILD_SETTINGS | os.environ
    if environment.held_server.get():
        # Each child then holds the embedded server itself: should this process be killed, the
        # last of them stops it.
        child.pop("DATABASE_URL", None)
    return child


class Greeting:
    """Tells the operator where things are, once they are there."""

    def __init__(self, host: str, port: int, facts: dict[str, Any] | None) -> None:
        # Where a server of all addresses is asked for: at this machine's own.
        self.host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104
        self.port = port
        self.facts = facts
        self._given = False
        self._complain_at = time.monotonic() + PATIENCE_SECONDS

    def give_when_healthy(self) -> None:
        if self._given:
            return
        if self._is_healthy():
            self._given = True
            sys.stdout.write(self._compose())
            sys.stdout.flush()
        elif time.monotonic() > self._complain_at:
            self._complain_at = float("inf")
            sys.stderr.write(f"Not healthy after {PATIENCE_SECONDS} s; still trying.\n")

    def _compose(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        base_url = f"http://{host}:{self.port}"
        steps = (
            welcome.write_first_steps(base_url, self.facts)
            if self.facts
            else welcome.write_reminder()
        )
        return welcome.write_welcome(base_url) + steps

    def _is_healthy(self) -> bool:
        connection = HTTPConnection(self.host, self.port, timeout=2)
        try:
            # The header answers for an operator who has required HTTPS.
            connection.request("GET", "/healthz", headers={"X-Forwarded-Proto": "https"})
            return connection.getresponse().status == 200
        except (OSError, HTTPException):
            return False
        finally:
            connection.close()
